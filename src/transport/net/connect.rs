//! A TCP connection to one of several addresses: the one that answers first (happy eyeballs, RFC 8305).

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::outcome::Outcome;
use crate::transport::failure::ExchangeFailure;

/// The delay before the next address is tried in parallel (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Connects to the address that answers first. The next one is tried when one fails, or does not answer in time. Fails
/// only if all addresses fail.
pub(super) async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, ExchangeFailure> {
    if let [address] = addresses {
        let connected = attempt(*address).await;
        return connected.map_err(|error| ExchangeFailure::connecting(*address, &error));
    }
    let mut untried = addresses.iter();
    let mut attempts: Vec<(SocketAddr, Attempt)> = Vec::new();
    let mut failures = Vec::new();
    let mut stagger = pin!(tokio::time::sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let mut index = 0;
            let mut may_try = attempts.is_empty();
            while let Some((address, attempt)) = attempts.get_mut(index) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        failures.push(ExchangeFailure::connecting(*address, &error));
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
            if !may_try && stagger.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(&address) = untried.next() {
                attempts.push((address, Box::pin(attempt(address))));
                stagger
                    .as_mut()
                    .reset(tokio::time::Instant::now() + STAGGER);
            }
        }
    })
    .await
}

async fn attempt(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The failure if no address could be reached. Its outcome is that of the first address, unless a limit of this machine
/// caused one.
fn all_of(failures: &[ExchangeFailure]) -> ExchangeFailure {
    let of_generator = |failure: &&ExchangeFailure| failure.outcome.is_generator_limit();
    let decisive = failures.iter().find(of_generator).or(failures.first());
    let details: Vec<&str> = failures.iter().map(|failure| &*failure.detail).collect();
    ExchangeFailure::new(
        decisive.map_or(Outcome::Dns, |failure| failure.outcome),
        &details.join("; "),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

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
            // A failed address does not delay the next one.
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
