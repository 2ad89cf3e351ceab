//! HTTP/1.1: one connection, used for one exchange after another, and driven by the user's own task.
//!
//! hyper's connection is a future that is usually spawned. Here it is polled together with the response, so that a
//! request wakes one task instead of two, and dropping the exchange closes the connection.

mod body;
mod failure;
mod head;
mod request;
mod wire;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;

pub(super) use head::Parsing;
pub(super) use request::request;

use self::wire::{Meter, Wire};
use super::content::OutgoingBody;
use super::failure::ExchangeFailure;
use super::net::{Stream, Traffic};

/// The name of the protocol in TLS handshakes (ALPN).
pub(super) const ALPN: &[u8] = b"http/1.1";

/// hyper's side of a connection: reads and writes when it is polled.
type Driver = hyper::client::conn::http1::Connection<TokioIo<Wire>, OutgoingBody>;

/// An open connection.
pub(super) struct Connection {
    sender: SendRequest<OutgoingBody>,
    /// `None` after hyper has finished with the connection.
    driver: Option<Driver>,
    meter: Arc<Meter>,
    parsing: Parsing,
    /// Whether this exchange is the last one.
    is_last: bool,
}

impl Connection {
    /// A connection over an open stream; nothing is sent yet. `parsing` is the parser that this target is known to
    /// need.
    pub(super) async fn open(
        stream: Stream,
        parsing: Parsing,
    ) -> Result<Box<Self>, ExchangeFailure> {
        let (wire, meter) = Wire::new(stream);
        let (sender, driver) = handshake(wire, parsing).await?;
        Ok(Box::new(Self {
            sender,
            driver: Some(driver),
            meter,
            parsing,
            is_last: false,
        }))
    }

    /// Bytes through this connection so far.
    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            read: self.meter.read(),
            written: self.meter.written(),
        }
    }

    /// The parser for heads on this connection, and on the next one to this origin.
    pub(super) fn parsing(&self) -> Parsing {
        self.parsing
    }

    /// True if another request can be sent: the last exchange is over, and the target is not known to have closed the
    /// connection.
    pub(super) async fn is_usable(&mut self) -> bool {
        if self.is_last || self.meter.is_refused() {
            return false;
        }
        if !self.sender.is_ready() {
            poll_fn(|cx| {
                if drive(&mut self.driver, &self.meter, cx).is_some() {
                    self.driver = None;
                }
                Poll::Ready(())
            })
            .await;
        }
        self.sender.is_ready()
    }
}

/// hyper's two halves of a connection; no bytes are exchanged.
async fn handshake(
    wire: Wire,
    parsing: Parsing,
) -> Result<(SendRequest<OutgoingBody>, Driver), ExchangeFailure> {
    let builder = parsing.builder();
    let opened = builder.handshake(TokioIo::new(wire)).await;
    opened.map_err(|error| failure::broken(&error))
}

/// Polls the driver. When it is done it must not be polled again; then this returns its error, if hyper reported the
/// error to no request.
fn drive(
    driver: &mut Option<Driver>,
    meter: &Meter,
    cx: &mut Context<'_>,
) -> Option<Result<(), hyper::Error>> {
    meter.begin_turn();
    match driver.as_mut()?.poll_without_shutdown(cx) {
        Poll::Pending => None,
        Poll::Ready(end) => Some(end),
    }
}
