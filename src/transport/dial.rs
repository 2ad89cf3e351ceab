//! From an origin to an open TCP connection: which addresses may be reached, and which of them answers first.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::Shared;
use super::classify::Failure;
use super::origin::Origin;
use crate::outcome::Outcome;

/// How long an address has before the next one is tried beside it (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);

/// A connection, and how long it took to open.
pub(super) struct Dialled {
    pub(super) stream: TcpStream,
    /// To resolve the name; zero for an address.
    pub(super) dns: Duration,
    pub(super) connect: Duration,
}

/// Resolves the host and connects. The caller sets the time limit for both.
pub(super) async fn dial(shared: &Shared, origin: &Origin) -> Result<Dialled, Failure> {
    let begun = Instant::now();
    let (addresses, dns) = match origin.host.parse::<IpAddr>() {
        Ok(address) => (vec![address], Duration::ZERO),
        Err(_) => (
            shared.resolver.resolve(&origin.host).await?,
            begun.elapsed(),
        ),
    };
    let addresses = permitted(shared, origin, &addresses)?;
    let resolved = Instant::now();
    let stream = connect(&addresses).await?;
    Ok(Dialled {
        stream,
        dns,
        connect: resolved.elapsed(),
    })
}

/// The addresses that may be reached; a failure if none may.
fn permitted(
    shared: &Shared,
    origin: &Origin,
    addresses: &[IpAddr],
) -> Result<Vec<SocketAddr>, Failure> {
    let mut refused = None;
    let mut permitted = Vec::with_capacity(addresses.len());
    for &address in addresses {
        match shared.policy.permit(&origin.host, address) {
            Ok(()) => permitted.push(SocketAddr::new(address, origin.port)),
            Err(refusal) => refused = Some(refusal.describe(&origin.host, address)),
        }
    }
    match refused {
        Some(detail) if permitted.is_empty() => Err(Failure::new(Outcome::AddressRefused, &detail)),
        _ => Ok(permitted),
    }
}

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Connects to the address that answers first. The next one is tried when one fails, or has not answered for a
/// while; a failure only if all fail.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    if let [address] = addresses {
        let connected = connected(*address).await;
        return connected.map_err(|error| Failure::connecting(*address, &error));
    }
    let mut untried = addresses.iter();
    let mut attempts: Vec<(SocketAddr, Attempt)> = Vec::new();
    let mut failures = Vec::new();
    let mut pause = pin!(tokio::time::sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let mut index = 0;
            let mut may_try = attempts.is_empty();
            while let Some((address, attempt)) = attempts.get_mut(index) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        failures.push(Failure::connecting(*address, &error));
                        drop(attempts.remove(index));
                        may_try = true;
                    }
                    Poll::Pending => index += 1,
                }
            }
            if untried.len() == 0 {
                return if attempts.is_empty() {
                    Poll::Ready(Err(all_of(&failures)))
                } else {
                    Poll::Pending
                };
            }
            if !may_try && pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(&address) = untried.next() {
                attempts.push((address, Box::pin(connected(address))));
                pause.as_mut().reset(tokio::time::Instant::now() + STAGGER);
            }
        }
    })
    .await
}

async fn connected(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Why no address could be reached: the outcome is that of the first, unless this machine is the reason for one.
fn all_of(failures: &[Failure]) -> Failure {
    let is_own =
        |failure: &&Failure| matches!(failure.outcome, Outcome::FdLimit | Outcome::PortLimit);
    let telling = failures.iter().find(is_own).or(failures.first());
    let details: Vec<&str> = failures.iter().map(|failure| &*failure.detail).collect();
    Failure::new(
        telling.map_or(Outcome::Dns, |failure| failure.outcome),
        &details.join("; "),
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    }

    /// An address that refuses.
    async fn refusing() -> SocketAddr {
        listener().await.1
    }

    #[tokio::test]
    async fn one_address_that_answers_is_enough() {
        let (_listener, good) = listener().await;
        let (dead, gone) = (refusing().await, refusing().await);
        for addresses in [
            &[good][..],
            &[dead, good],
            &[dead, gone, good],
            &[good, dead],
        ] {
            let begun = Instant::now();
            let stream = connect(addresses).await.expect("a connection");
            assert_eq!(stream.peer_addr().ok(), Some(good));
            assert!(stream.nodelay().expect("an option"));
            // What fails is not waited for.
            assert!(begun.elapsed() < STAGGER, "{:?}", begun.elapsed());
        }
        let failure = connect(&[dead, gone]).await.expect_err("nobody there");
        assert_eq!(failure.outcome, Outcome::ConnectRefused);
        assert!(failure.detail.contains(&dead.to_string()));
        assert!(failure.detail.contains(&gone.to_string()));
    }

    #[tokio::test]
    async fn an_address_that_is_silent_is_not_waited_for() {
        // Linux completes handshakes until the backlog is full, then drops them.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind("127.0.0.1:0".parse().expect("an address"))
            .expect("a port");
        let full = socket.listen(1).expect("a listener");
        let silent = full.local_addr().expect("an address");
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) =
            tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(silent)).await
        {
            waiting.push(stream);
        }
        let (_listener, good) = listener().await;
        let begun = Instant::now();
        let stream = connect(&[silent, good]).await.expect("a connection");
        assert_eq!(stream.peer_addr().ok(), Some(good));
        let took = begun.elapsed();
        assert!((STAGGER..STAGGER * 8).contains(&took), "{took:?}");
    }
}
