//! One connection: opened, used for one exchange after another, and driven by the user's own task.
//!
//! hyper's connection is a future that is usually spawned. Here it is polled in line with the response it is to bring,
//! so that a request wakes one task instead of two, and dropping the exchange closes the connection.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};

use super::body::Intake;
use super::classify::Failure;
use super::deadline::{Watch, after};
use super::io::{Meter, Stream, Wire};
use super::origin::{Origin, Security};
use super::{ConnectPhases, Shared};
use crate::outcome::Outcome;

/// The most memory one connection's read buffer grows to, and so the largest response head.
const MAX_BUFFER: usize = 64 << 10;

/// An open connection.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Gone once hyper is done with it.
    connection: Option<Connection<TokioIo<Wire>, Full<Bytes>>>,
    meter: Arc<Meter>,
}

/// Bytes through a connection since it was opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) read: u64,
    pub(super) written: u64,
}

/// Why there is no response head.
pub(super) enum Unanswered {
    /// Not a byte of the request went out, so it may be sent again.
    NotSent(Box<Request<Full<Bytes>>>),
    /// It may have been received.
    Failed(Failure),
}

/// Resolves, connects and shakes hands. The whole must end within `limit`, which the caller enforces; here it is
/// shared out between the addresses, so that one that swallows packets leaves time for the next.
pub(super) async fn open(
    shared: &Shared,
    origin: &Origin,
    limit: Duration,
) -> Result<(Box<Link>, ConnectPhases), Failure> {
    let begun = Instant::now();
    let (addresses, dns) = match origin.host.parse::<IpAddr>() {
        Ok(address) => (vec![SocketAddr::new(address, origin.port)], Duration::ZERO),
        Err(_) => (resolve(origin).await?, begun.elapsed()),
    };
    let addresses = permitted(shared, origin, &addresses)?;
    let resolved = Instant::now();
    let stream = connect(&addresses, after(begun, limit)).await?;
    let connected = Instant::now();
    let mut phases = ConnectPhases {
        dns,
        connect: connected - resolved,
        tls: None,
    };
    let stream = match origin.security {
        Security::Plain => Stream::Plain(stream),
        Security::Tls => {
            let name = ServerName::try_from(origin.host.clone()).map_err(|error| {
                Failure::new(Outcome::Tls, &format!("{}: {error}", origin.host))
            })?;
            let stream = shared
                .tls
                .connect(name, stream)
                .await
                .map_err(|error| Failure::new(Outcome::Tls, &error.to_string()))?;
            phases.tls = Some(connected.elapsed());
            Stream::Tls(Box::new(stream))
        }
    };
    let (wire, meter) = Wire::new(stream);
    let (sender, connection) = Builder::new()
        .max_buf_size(MAX_BUFFER)
        .handshake(TokioIo::new(wire))
        .await
        .map_err(|error| Failure::exchanging(&error))?;
    let link = Link {
        sender,
        connection: Some(connection),
        meter,
    };
    Ok((Box::new(link), phases))
}

async fn resolve(origin: &Origin) -> Result<Vec<SocketAddr>, Failure> {
    let addresses: Vec<SocketAddr> = lookup_host((origin.host.as_str(), origin.port))
        .await
        .map_err(|error| Failure::resolving(&origin.host, &error))?
        .collect();
    if addresses.is_empty() {
        return Err(Failure::new(
            Outcome::Dns,
            &format!("{} has no address", origin.host),
        ));
    }
    Ok(addresses)
}

/// The addresses that may be reached; a failure if none may.
fn permitted(
    shared: &Shared,
    origin: &Origin,
    addresses: &[SocketAddr],
) -> Result<Vec<SocketAddr>, Failure> {
    let mut refused = None;
    let mut permitted = Vec::with_capacity(addresses.len());
    for address in addresses {
        match shared.policy.permit(&origin.host, address.ip()) {
            Ok(()) => permitted.push(*address),
            Err(refusal) => refused = Some(refusal.describe(&origin.host, address.ip())),
        }
    }
    match refused {
        Some(detail) if permitted.is_empty() => Err(Failure::new(Outcome::AddressRefused, &detail)),
        _ => Ok(permitted),
    }
}

/// Connects to the first address that answers.
async fn connect(addresses: &[SocketAddr], end: Instant) -> Result<TcpStream, Failure> {
    let mut failure = Failure::new(Outcome::Dns, "no address");
    for (index, &address) in addresses.iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now());
        let untried = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        // The last address has what is left; the caller's limit ends it.
        let attempt = TcpStream::connect(address);
        let connected = if untried == 1 {
            attempt.await
        } else {
            match tokio::time::timeout(left / untried, attempt).await {
                Ok(connected) => connected,
                Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
            }
        };
        match connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Failure::connecting(address, &error),
        }
    }
    Err(failure)
}

impl Link {
    /// Bytes through this connection so far.
    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            read: self.meter.read(),
            written: self.meter.written(),
        }
    }

    /// Whether another request may be sent: the last exchange is over, and the target has not closed as far as is
    /// known.
    pub(super) async fn is_usable(&mut self) -> bool {
        if !self.sender.is_ready() {
            poll_fn(|cx| {
                self.drive(cx);
                Poll::Ready(())
            })
            .await;
        }
        self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its response.
    pub(super) async fn head(
        &mut self,
        request: Request<Full<Bytes>>,
        watch: &mut Watch<'_>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut response = pin!(self.sender.try_send_request(request));
        let mut seen = self.meter.read();
        poll_fn(|cx| {
            watch.look();
            let _ = drive(&mut self.connection, cx);
            let read = self.meter.read();
            // Until something was read there is no response; not asking for it spares a wake-up of this very task.
            if read == seen && self.connection.is_some() {
                return watch
                    .wait(cx)
                    .map(|failure| Err(Unanswered::Failed(failure)));
            }
            if read != seen {
                seen = read;
                watch.progress();
            }
            match response.as_mut().poll(cx) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                Poll::Ready(Err(mut error)) => Poll::Ready(Err(match error.take_message() {
                    Some(request) => Unanswered::NotSent(Box::new(request)),
                    None => Unanswered::Failed(Failure::exchanging(&error.into_error())),
                })),
                Poll::Pending => watch
                    .wait(cx)
                    .map(|failure| Err(Unanswered::Failed(failure))),
            }
        })
        .await
    }

    /// Reads the body to its end.
    pub(super) async fn body(
        &mut self,
        mut body: Incoming,
        intake: &mut Intake<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<(), Failure> {
        if let Some(size) = body.size_hint().exact() {
            intake.expect(size)?;
        }
        let mut seen = self.meter.read();
        let mut cause = None;
        poll_fn(|cx| {
            let mut is_driven = false;
            loop {
                if body.is_end_stream() {
                    return Poll::Ready(Ok(()));
                }
                match Pin::new(&mut body).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => {
                        is_driven = false;
                        if let Ok(chunk) = frame.into_data() {
                            intake.take(chunk)?;
                        }
                    }
                    Poll::Ready(Some(Err(error))) => {
                        return Poll::Ready(Err(broken(&error, cause.as_ref())));
                    }
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Pending if is_driven => {
                        return watch.wait(cx).map(Err);
                    }
                    Poll::Pending => {
                        is_driven = true;
                        watch.look();
                        if let Some(error) = drive(&mut self.connection, cx) {
                            cause = Some(error);
                        }
                        let read = self.meter.read();
                        if read != seen {
                            seen = read;
                            watch.progress();
                        }
                    }
                }
            }
        })
        .await
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        drop(drive(&mut self.connection, cx));
    }
}

/// Moves a connection on; drops it at its end, which settles every request it still has. Gives the error it ended
/// with, if it did and no request is there to be told.
fn drive(
    connection: &mut Option<Connection<TokioIo<Wire>, Full<Bytes>>>,
    cx: &mut Context<'_>,
) -> Option<hyper::Error> {
    let open = connection.as_mut()?;
    match open.poll_without_shutdown(cx) {
        Poll::Pending => None,
        Poll::Ready(end) => {
            *connection = None;
            end.err()
        }
    }
}

/// Why a body broke off: hyper tells some reasons to the body and some to the connection only.
fn broken(error: &hyper::Error, cause: Option<&hyper::Error>) -> Failure {
    Failure::exchanging(cause.unwrap_or(error))
}
