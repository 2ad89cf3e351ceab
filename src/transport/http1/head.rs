//! Sends a request and receives the head of its response.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Parts};
use hyper_util::rt::TokioIo;

use super::wire::Wire;
use super::{Connection, Driver, drive, failure, handshake};
use crate::outcome::Outcome;
use crate::plan::HeaderCase;
use crate::transport::content::OutgoingBody;
use crate::transport::deadline::Deadlines;
use crate::transport::failure::{ExchangeFailure, SendError};

/// The maximum size of a connection's read buffer.
const MAX_BUFFER: usize = 64 << 10;

/// The maximum size of the read buffer with the lenient parser, and so of a response head.
const MAX_HEAD: usize = 256 << 10;

/// The maximum number of bytes before the head of a final response is complete, including informational responses
/// (1xx).
const MAX_BEFORE_HEAD: u64 = 2 * MAX_HEAD as u64;

/// The maximum number of header lines of a response.
const MAX_HEADERS: usize = 1_000;

/// The parser for heads of responses.
///
/// The strict parser has its table of header lines on the stack; the lenient one costs an allocation for each response.
/// So a head is parsed strictly first, and once more leniently if that fails: with folded lines (RFC 9112, 5.2), spaces
/// before the colon, and more and longer header lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::transport) enum Parsing {
    #[default]
    Strict,
    Lenient,
}

impl Parsing {
    pub(super) fn builder(self) -> Builder {
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

/// The reason why an attempt to parse a response head failed.
enum HeadError {
    /// See [`SendError::NotSent`].
    NotSent(Box<Request<OutgoingBody>>),
    /// See [`SendError::Failed`].
    Failed(ExchangeFailure),
    /// A head arrived, and the parser does not accept it.
    Unparsed(hyper::Error),
}

impl Connection {
    /// Sends a request and waits for the head of its response.
    pub(in crate::transport) async fn head(
        &mut self,
        request: Request<OutgoingBody>,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<Response<Incoming>, SendError> {
        let method = request.method().clone();
        if let Some(case) = request.extensions().get::<Arc<HeaderCase>>() {
            self.meter.next_head_has(Arc::clone(case));
        }
        let error = match self.parsed_head(request, deadlines).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        Err(match error {
            HeadError::NotSent(request) => SendError::NotSent(request),
            HeadError::Failed(failure) => SendError::Failed(failure),
            HeadError::Unparsed(error) => {
                let parts = self.driver.take().map(Driver::into_parts);
                match parts.filter(|parts| self.may_parse_leniently(&parts.read_buf)) {
                    // Boxed because the future is rare and would enlarge every user's task.
                    Some(parts) => {
                        let reparsed = Box::pin(self.reparse(parts, method, deadlines));
                        return reparsed.await.map_err(SendError::Failed);
                    }
                    None => SendError::Failed(failure::unparsed(&error)),
                }
            }
        })
    }

    /// Whether the lenient parser may accept the bytes that were read. hyper has already consumed a head that it parsed
    /// and rejected for its meaning.
    fn may_parse_leniently(&self, read: &[u8]) -> bool {
        self.parsing == Parsing::Strict && read.starts_with(b"HTTP/1.")
    }

    /// Parses the head that the strict parser rejected with the lenient one. It is then unknown whether the whole
    /// request was sent, so the connection is not used for another.
    async fn reparse(
        &mut self,
        parts: Parts<TokioIo<Wire>>,
        method: Method,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<Response<Incoming>, ExchangeFailure> {
        let wire = parts.io.into_inner().replaying(parts.read_buf);
        let (sender, driver) = handshake(wire, Parsing::Lenient).await?;
        self.sender = sender;
        self.driver = Some(driver);
        self.parsing = Parsing::Lenient;
        self.is_last = true;
        let mut request = Request::new(OutgoingBody::default());
        *request.method_mut() = method;
        match self.parsed_head(request, deadlines).await {
            Ok(response) => Ok(response),
            Err(HeadError::Unparsed(error)) => Err(failure::unparsed(&error)),
            Err(HeadError::Failed(failure)) => Err(failure),
            Err(HeadError::NotSent(_)) => Err(ExchangeFailure::new(
                Outcome::Reset,
                "the target closed the connection in the middle of the response head",
            )),
        }
    }

    /// Sends a request and parses the head of its response with the parser of this connection.
    async fn parsed_head(
        &mut self,
        request: Request<OutgoingBody>,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<Response<Incoming>, HeadError> {
        let mut response = pin!(self.sender.try_send_request(request));
        let begun = self.meter.read();
        let mut seen = begun;
        poll_fn(|cx| {
            deadlines.begin_poll();
            let ended = drive(&mut self.driver, &self.meter, cx);
            if let Some(Err(error)) = &ended
                && error.is_user()
            {
                // The content could not be read.
                self.driver = None;
                return Poll::Ready(Err(HeadError::Failed(failure::broken(error))));
            }
            let mut is_over = ended.is_some();
            let read = self.meter.read();
            // There is no response until bytes are read, unless it is reparsed. Not polling it saves a wake-up of this
            // task.
            if read == seen && !is_over && self.driver.is_some() && !self.is_last {
                let failed = deadlines.poll_failure(cx);
                return failed.map(|failure| Err(HeadError::Failed(failure)));
            }
            if read != seen {
                seen = read;
                deadlines.progress();
            }
            loop {
                return match response.as_mut().poll(cx) {
                    Poll::Ready(Ok(response)) => {
                        if is_over {
                            self.driver = None;
                        }
                        deadlines.head_arrived();
                        Poll::Ready(Ok(response))
                    }
                    Poll::Ready(Err(mut error)) => Poll::Ready(Err(match error.take_message() {
                        Some(request) => HeadError::NotSent(Box::new(request)),
                        // The driver stays, with the bytes that it has read.
                        None if error.error().is_parse() => HeadError::Unparsed(error.into_error()),
                        None => HeadError::Failed(failure::broken(&error.into_error())),
                    })),
                    Poll::Pending if is_over => {
                        // Dropping the driver completes every request that it still has.
                        self.driver = None;
                        is_over = false;
                        continue;
                    }
                    Poll::Pending => {
                        if self.meter.is_informational() {
                            deadlines.informational();
                            if seen - begun > MAX_BEFORE_HEAD {
                                return Poll::Ready(Err(HeadError::Failed(endless())));
                            }
                        }
                        let failed = deadlines.poll_failure(cx);
                        failed.map(|failure| Err(HeadError::Failed(failure)))
                    }
                };
            }
        })
        .await
    }
}

fn endless() -> ExchangeFailure {
    let detail =
        "512 KiB of informational responses (1xx) came before any final one, which is the limit";
    ExchangeFailure::new(Outcome::BadResponse, detail)
}
