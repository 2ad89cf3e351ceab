//! One connection: opened, used for one exchange after another, and driven by the user's own task.
//!
//! hyper's connection is a future that is usually spawned. Here it is polled in line with the response it is to bring,
//! so that a request wakes one task instead of two, and dropping the exchange closes the connection.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, Connection, Parts, SendRequest};
use hyper_util::rt::TokioIo;

use super::body::Intake;
use super::classify::Failure;
use super::deadline::Watch;
use super::dial::{Dialled, dial};
use super::io::{Meter, Stream, Wire, give_way};
use super::origin::{Origin, Security};
use super::{ConnectPhases, Shared};
use crate::outcome::Outcome;

/// The most memory one connection's read buffer grows to.
const MAX_BUFFER: usize = 64 << 10;

/// The same while heads are parsed leniently, and so the largest response head.
const MAX_HEAD: usize = 256 << 10;

/// The most header lines of a response.
const MAX_HEADERS: usize = 1_000;

/// How many pieces of a body are taken before the clock is looked at.
const PIECES: u32 = 16;

/// How long a body may keep its thread before the other users have their turn.
const TURN: Duration = Duration::from_millis(1);

/// How heads of responses are parsed.
///
/// The strict parser has its table of header lines on the stack; the lenient one costs an allocation for each response.
/// So a head is read strictly first, and once more leniently if that fails: with folded lines (RFC 9112, 5.2), spaces
/// before the colon, and more and longer header lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Parsing {
    #[default]
    Strict,
    Lenient,
}

impl Parsing {
    fn builder(self) -> Builder {
        let mut builder = Builder::new();
        match self {
            Self::Strict => builder.max_buf_size(MAX_BUFFER),
            Self::Lenient => builder
                .max_buf_size(MAX_HEAD)
                .max_header_size(MAX_HEAD)
                .max_headers(MAX_HEADERS)
                .allow_obsolete_multiline_headers_in_responses(true)
                .allow_spaces_after_header_name_in_responses(true),
        };
        builder
    }
}

/// An open connection.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Gone once hyper is done with it.
    connection: Option<Connection<TokioIo<Wire>, Full<Bytes>>>,
    meter: Arc<Meter>,
    /// How heads are parsed here, and how they should be on the next connection to this origin.
    pub(super) parsing: Parsing,
    /// Whether this exchange is the last one.
    is_last: bool,
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

/// Why a parser gives no response head.
enum Missed {
    NotSent(Box<Request<Full<Bytes>>>),
    Failed(Failure),
    /// There is one, and the parser cannot read it.
    Unread(hyper::Error),
}

/// Resolves, connects and shakes hands; the caller limits the whole.
pub(super) async fn open(
    shared: &Shared,
    origin: &Origin,
    parsing: Parsing,
) -> Result<(Box<Link>, ConnectPhases), Failure> {
    let Dialled {
        stream,
        dns,
        connect,
    } = dial(shared, origin).await?;
    let connected = Instant::now();
    let mut phases = ConnectPhases {
        dns,
        connect,
        tls: None,
    };
    let stream = match origin.security {
        Security::Plain => Stream::Plain(stream),
        Security::Tls => {
            let stream = shared.tls.connect(&origin.host, stream).await?;
            phases.tls = Some(connected.elapsed());
            Stream::Tls(Box::new(stream))
        }
    };
    let (wire, meter) = Wire::new(stream);
    let (sender, connection) = parsing
        .builder()
        .handshake(TokioIo::new(wire))
        .await
        .map_err(|error| Failure::exchanging(&error))?;
    let link = Link {
        sender,
        connection: Some(connection),
        meter,
        parsing,
        is_last: false,
    };
    Ok((Box::new(link), phases))
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
        if self.is_last || self.meter.is_refused() {
            return false;
        }
        if !self.sender.is_ready() {
            poll_fn(|cx| {
                if self.drive(cx).is_some() {
                    self.connection = None;
                }
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
        let method = request.method().clone();
        let missed = match self.parsed(request, watch).await {
            Ok(response) => return Ok(response),
            Err(missed) => missed,
        };
        Err(match missed {
            Missed::NotSent(request) => Unanswered::NotSent(request),
            Missed::Failed(failure) => Unanswered::Failed(failure),
            Missed::Unread(error) => {
                let parts = self.connection.take().map(Connection::into_parts);
                match parts.filter(|parts| self.is_worth_another_look(&parts.read_buf)) {
                    // Boxed: it is rare, and would make every user's task larger.
                    Some(parts) => {
                        let again = Box::pin(self.read_again(parts, method, watch));
                        return again.await.map_err(Unanswered::Failed);
                    }
                    None => Unanswered::Failed(Failure::unread(&error)),
                }
            }
        })
    }

    /// Whether the lenient parser may make more of what was read; a head that is read and makes no sense is not there
    /// any more.
    fn is_worth_another_look(&self, read: &[u8]) -> bool {
        self.parsing == Parsing::Strict && read.starts_with(b"HTTP/1.")
    }

    /// Reads the head that the strict parser could not read with the lenient one. Whether the whole request has gone
    /// out is not known any more, so the connection is not used for another.
    async fn read_again(
        &mut self,
        parts: Parts<TokioIo<Wire>>,
        method: Method,
        watch: &mut Watch<'_>,
    ) -> Result<Response<Incoming>, Failure> {
        let wire = parts.io.into_inner().replaying(parts.read_buf);
        let (sender, connection) = Parsing::Lenient
            .builder()
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| Failure::exchanging(&error))?;
        self.sender = sender;
        self.connection = Some(connection);
        self.parsing = Parsing::Lenient;
        self.is_last = true;
        let mut request = Request::new(Full::default());
        *request.method_mut() = method;
        match self.parsed(request, watch).await {
            Ok(response) => Ok(response),
            Err(Missed::Unread(error)) => Err(Failure::unread(&error)),
            Err(Missed::Failed(failure)) => Err(failure),
            Err(Missed::NotSent(_)) => Err(Failure::new(
                Outcome::Reset,
                "the target closed the connection within its answer",
            )),
        }
    }

    /// What the parser of this connection makes of the answer to a request.
    async fn parsed(
        &mut self,
        request: Request<Full<Bytes>>,
        watch: &mut Watch<'_>,
    ) -> Result<Response<Incoming>, Missed> {
        let mut response = pin!(self.sender.try_send_request(request));
        let mut seen = self.meter.read();
        poll_fn(|cx| {
            watch.look();
            let mut is_over = drive(&mut self.connection, &self.meter, cx).is_some();
            let read = self.meter.read();
            // Until something was read there is no response, unless it is read again; not asking for it spares a wake-up
            // of this very task.
            if read == seen && !is_over && self.connection.is_some() && !self.is_last {
                return watch.wait(cx).map(|failure| Err(Missed::Failed(failure)));
            }
            if read != seen {
                seen = read;
                watch.progress();
            }
            loop {
                return match response.as_mut().poll(cx) {
                    Poll::Ready(Ok(response)) => {
                        if is_over {
                            self.connection = None;
                        }
                        watch.answered();
                        Poll::Ready(Ok(response))
                    }
                    Poll::Ready(Err(mut error)) => Poll::Ready(Err(match error.take_message() {
                        Some(request) => Missed::NotSent(Box::new(request)),
                        // The connection stays, with what was read of it.
                        None if error.error().is_parse() => Missed::Unread(error.into_error()),
                        None => Missed::Failed(Failure::exchanging(&error.into_error())),
                    })),
                    Poll::Pending if is_over => {
                        // Dropping it settles every request it still has.
                        self.connection = None;
                        is_over = false;
                        continue;
                    }
                    Poll::Pending => {
                        if self.meter.is_informational() {
                            watch.informed();
                        }
                        watch.wait(cx).map(|failure| Err(Missed::Failed(failure)))
                    }
                };
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
            let mut turn = Turn::default();
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
                        if let Some(now) = turn.is_over() {
                            if watch.is_late(now) {
                                return watch.late().map(Err);
                            }
                            return give_way(cx);
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
                        if let Some(end) = drive(&mut self.connection, &self.meter, cx) {
                            self.connection = None;
                            cause = end.err();
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

    fn drive(&mut self, cx: &mut Context<'_>) -> Option<Result<(), hyper::Error>> {
        drive(&mut self.connection, &self.meter, cx)
    }
}

/// One poll of a task that reads a body.
#[derive(Default)]
struct Turn {
    pieces: u32,
    begun: Option<Instant>,
}

impl Turn {
    /// Takes note of a piece; the time if the others of this thread have waited long enough.
    fn is_over(&mut self) -> Option<Instant> {
        self.pieces += 1;
        if !self.pieces.is_multiple_of(PIECES) {
            return None;
        }
        let now = Instant::now();
        let begun = *self.begun.get_or_insert(now);
        (now - begun >= TURN).then_some(now)
    }
}

/// Moves a connection on. At its end, which must not be driven on: the error it ended with, if it did and no request
/// is there to be told.
fn drive(
    connection: &mut Option<Connection<TokioIo<Wire>, Full<Bytes>>>,
    meter: &Meter,
    cx: &mut Context<'_>,
) -> Option<Result<(), hyper::Error>> {
    meter.begin_turn();
    match connection.as_mut()?.poll_without_shutdown(cx) {
        Poll::Pending => None,
        Poll::Ready(end) => Some(end),
    }
}

/// Why a body broke off: hyper tells some reasons to the body and some to the connection only.
fn broken(error: &hyper::Error, cause: Option<&hyper::Error>) -> Failure {
    Failure::exchanging(cause.unwrap_or(error))
}
