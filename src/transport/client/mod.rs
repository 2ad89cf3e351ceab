//! One user's HTTP client: a connection per origin, cookies, redirects.

mod cookies;
mod destination;
mod pool;
mod redirect;
mod request;
mod set_cookie;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};

pub use destination::{Destination, NoDestination};
pub use set_cookie::values_set;

use self::cookies::SharedJar;
use self::pool::Pool;
use self::redirect::Repeat;
use self::request::cased;
use super::body::{BodyReader, Effort, Keep, inflate};
use super::content::{Content, OutgoingBody};
use super::deadline::{DeadlineTimer, Deadlines, after};
use super::failure::{ExchangeFailure, SendError};
use super::http1::Connection;
use super::net::Traffic;
use super::origin::Origin;
use super::{Exchange, HttpResponse, Outgoing, Shared, Trace};
use crate::outcome::Outcome;
use crate::plan::{HeaderCase, ReadsBody};
use crate::scenario::{Cookies, Timeouts};

/// One user's connections and cookies.
///
/// A connection is opened by the first request to its origin and reused until either side closes it. If the target
/// closed a reused connection before it answered, the request is sent once more on a new one: any request of which no
/// byte was written, otherwise an idempotent one (RFC 9110, 9.2.2), unless the run forbids it.
pub struct Client {
    shared: Arc<Shared>,
    pool: Pool,
    timer: DeadlineTimer,
    jar: Arc<SharedJar>,
    /// The current request's own headers, in case it is redirected or resent; the vector is reused.
    own_headers: Vec<(HeaderName, HeaderValue)>,
}

/// One request of a chain of redirects.
struct Hop<'a> {
    method: Method,
    uri: Cow<'a, Uri>,
    headers: HeaderMap,
    content: Content,
}

/// The parts of a resent request, besides the client's copy of its headers.
#[derive(Clone, Copy)]
struct Resend<'a> {
    method: &'a Method,
    uri: &'a Uri,
    content: &'a Content,
    header_case: Option<&'a Arc<HeaderCase>>,
}

/// The options of a request that hold for all its hops.
struct HopOptions<'a> {
    timeouts: Timeouts,
    /// The deadline of the whole exchange.
    total: Instant,
    reads_body: ReadsBody,
    /// The maximum number of redirects.
    redirects: u8,
    header_case: Option<&'a Arc<HeaderCase>>,
}

impl Client {
    /// A client without connections or cookies.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            pool: Pool::default(),
            timer: DeadlineTimer::default(),
            jar: Arc::default(),
            own_headers: Vec::new(),
        }
    }

    /// A client of the same user, with the same cookies and connections of its own, for requests at the same time.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            jar: Arc::clone(&self.jar),
            ..Self::new(Arc::clone(&self.shared))
        }
    }

    /// Sends a request and reads its response, following redirects as far as they may be followed.
    ///
    /// Dropping the future closes the connection in use and leaves the client usable. Needs a tokio runtime with I/O and
    /// time.
    pub async fn send(&mut self, outgoing: Outgoing<'_>) -> Exchange {
        self.send_traced(outgoing, None).await
    }

    /// As [`Self::send`]; the exchange keeps its requests and responses in this trace.
    pub async fn send_traced(
        &mut self,
        outgoing: Outgoing<'_>,
        trace: Option<Box<Trace>>,
    ) -> Exchange {
        let mut exchange = Exchange {
            trace,
            ..Exchange::starting()
        };
        self.send_into(outgoing, &mut exchange).await;
        exchange
    }

    /// As [`Self::send`], into an exchange that starts now. If the future is dropped, the exchange shows the bytes sent
    /// and read so far.
    pub async fn send_into(&mut self, outgoing: Outgoing<'_>, exchange: &mut Exchange) {
        let options = HopOptions {
            total: after(exchange.started, outgoing.timeouts.total),
            timeouts: outgoing.timeouts,
            reads_body: outgoing.reads_body,
            redirects: outgoing.redirects.unwrap_or(self.shared.redirects),
            header_case: outgoing.header_case,
        };
        let mut headers = outgoing.headers;
        if !outgoing.cookies.is_empty() {
            self.add_cookies(outgoing.uri, &outgoing.cookies, &mut headers);
        }
        let mut hop = Hop {
            method: outgoing.method.clone(),
            uri: Cow::Borrowed(outgoing.uri),
            headers,
            content: outgoing.content,
        };
        loop {
            match self.hop(hop, &options, exchange).await {
                Ok(Some(next)) => hop = next,
                Ok(None) => return,
                Err(failure) => return exchange.fail(failure),
            }
        }
    }

    /// Empties the cookie jar if each iteration begins with an empty one.
    pub fn begin_iteration(&mut self) {
        if self.shared.cookies == Cookies::PerIteration {
            self.jar.empty();
        }
    }

    /// The part that it shares with the other users.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The value of the cookie of this name that would be sent to `uri`.
    pub fn cookie(&self, uri: &Uri, name: &str) -> Option<String> {
        self.jar.value(uri, name)
    }

    /// Sends one request and reads its response; returns the next request if the response is a redirect.
    async fn hop<'a>(
        &mut self,
        hop: Hop<'a>,
        options: &HopOptions<'_>,
        exchange: &mut Exchange,
    ) -> Result<Option<Hop<'a>>, ExchangeFailure> {
        let index = self.pool.index_of(&hop.uri)?;
        let method = hop.method.clone();
        let content = self.copy_for_repeat(index, &hop, options.redirects);
        let resend = Resend {
            method: &method,
            uri: &hop.uri,
            content: &content,
            header_case: options.header_case,
        };
        let now = exchange.started;
        let traced = exchange.trace.as_ref().map(|_| hop.content.clone());
        let request = self.request(now, index, hop.method, &hop.uri, hop.headers, hop.content);
        let request = cased(request, options.header_case);
        if let (Some(trace), Some(content)) = (&mut exchange.trace, traced) {
            trace.sends(&hop.uri, &request, content);
        }
        let connection = self
            .answer(index, request, resend, options, exchange)
            .await?;
        self.pool.put_back(index, connection);
        let Some(response) = &mut exchange.response else {
            return Ok(None);
        };
        if self.shared.cookies != Cookies::Off {
            self.jar.take(&hop.uri, &response.headers);
        }
        if follows(options.redirects, response) {
            let followed = exchange.redirects.len();
            if followed >= usize::from(options.redirects) {
                let detail = format!("more than {} redirects", options.redirects);
                return Err(ExchangeFailure::new(Outcome::Redirect, &detail));
            }
            let next = self.next(index, &method, &hop.uri, content, response)?;
            exchange.follow_redirect();
            return Ok(Some(next));
        }
        if let Cow::Owned(page) = hop.uri {
            exchange.page = Some(Box::new(page));
        }
        if let Some(body) = response.body.take() {
            response.body = Some(self.inflated(&response.headers, body).await?);
        }
        Ok(None)
    }

    /// The body without its content coding. Short work is done here, longer work on another thread.
    async fn inflated(&self, headers: &HeaderMap, body: Bytes) -> Result<Bytes, ExchangeFailure> {
        if !headers.contains_key(CONTENT_ENCODING) {
            return Ok(body);
        }
        let attempt = |effort| {
            let (limit, budget) = (self.shared.body_limit, &self.shared.body_memory);
            inflate(headers, body.clone(), limit, budget, effort)
        };
        if let Some(inflated) = attempt(Effort::Brief)? {
            return Ok(inflated);
        }
        let whole = self.shared.offload(|| attempt(Effort::Whole)).await?;
        Ok(whole.unwrap_or_default())
    }

    /// Gets a response over the open connection, or over a new one; gives back the connection.
    async fn answer(
        &mut self,
        index: usize,
        mut request: Request<OutgoingBody>,
        resend: Resend<'_>,
        options: &HopOptions<'_>,
        exchange: &mut Exchange,
    ) -> Result<Box<Connection>, ExchangeFailure> {
        if let Some(mut connection) = self.pool.take_usable(index).await {
            let sent = if exchange.redirects.is_empty() {
                exchange.started
            } else {
                Instant::now()
            };
            let (read, written) = (exchange.bytes_in, exchange.bytes_out);
            match self
                .converse(&mut connection, request, sent, options, exchange)
                .await
            {
                Ok(()) => return Ok(connection),
                Err(SendError::NotSent(unsent)) => request = *unsent,
                Err(SendError::Failed(failure)) => {
                    let is_unanswered = exchange.bytes_in == read;
                    let is_unsent = exchange.bytes_out == written;
                    let may_repeat = is_unsent || resend.method.is_idempotent();
                    if failure.outcome != Outcome::Reset
                        || !(self.shared.resend && is_unanswered && may_repeat)
                    {
                        return Err(failure);
                    }
                    exchange.resent += u64::from(!is_unsent);
                    exchange.is_sent = false;
                    request = self.repeated_request(index, resend, exchange.started);
                }
            }
        }
        let (mut connection, phases) = self.open(index, options).await?;
        exchange.connection = Some(phases);
        if let Some(trace) = &mut exchange.trace {
            trace.connected(phases);
        }
        let sent = Instant::now();
        match self
            .converse(&mut connection, request, sent, options, exchange)
            .await
        {
            Ok(()) => Ok(connection),
            Err(SendError::NotSent(_)) => Err(ExchangeFailure::new(
                Outcome::Reset,
                "the target closed a new connection before the request was sent",
            )),
            Err(SendError::Failed(failure)) => Err(failure),
        }
    }

    /// Sends a request over a connection, reads the response into `exchange`, and counts the bytes of both.
    async fn converse(
        &mut self,
        connection: &mut Connection,
        request: Request<OutgoingBody>,
        sent: Instant,
        options: &HopOptions<'_>,
        exchange: &mut Exchange,
    ) -> Result<(), SendError> {
        let metered = MeteredExchange {
            before: connection.traffic(),
            connection,
            exchange,
        };
        let mut deadlines = Deadlines::new(&mut self.timer, &options.timeouts, sent, options.total);
        respond(
            &self.shared,
            metered.connection,
            request,
            &mut deadlines,
            options,
            metered.exchange,
        )
        .await
    }

    /// The request that a redirect leads to.
    fn next<'a>(
        &mut self,
        from: usize,
        method: &Method,
        uri: &Uri,
        content: Content,
        redirect: &HttpResponse,
    ) -> Result<Hop<'a>, ExchangeFailure> {
        let Destination { uri, credentials } = redirect::destination(uri, &redirect.headers)?;
        let repeat = Repeat::of(redirect.status, method);
        let mut headers: HeaderMap = self.own_headers.drain(..).collect();
        let (from, to) = (self.pool.origin(from), Origin::of(&uri)?);
        redirect::strip(&mut headers, repeat, from, &to);
        if let Some(credentials) = credentials {
            headers.entry(AUTHORIZATION).or_insert(credentials);
        }
        if self.shared.cookies != Cookies::Off
            && let Some(own) = headers.remove(COOKIE)
            && let Some(left) = cookies::without_set(&own, &redirect.headers)
        {
            headers.insert(COOKIE, left);
        }
        Ok(Hop {
            method: repeat.method(method),
            uri: Cow::Owned(uri),
            headers,
            content: match repeat {
                Repeat::Whole => content,
                Repeat::Bodiless => Content::default(),
            },
        })
    }
}

/// An exchange over a connection. Dropping it counts the bytes of the exchange, even if the future was dropped.
struct MeteredExchange<'a> {
    before: Traffic,
    connection: &'a mut Connection,
    exchange: &'a mut Exchange,
}

impl Drop for MeteredExchange<'_> {
    fn drop(&mut self) {
        let traffic = self.connection.traffic();
        self.exchange.bytes_in += traffic.read - self.before.read;
        self.exchange.bytes_out += traffic.written - self.before.written;
        self.exchange.is_sent |= traffic.written > self.before.written;
    }
}

/// Reads the response to a request into `exchange`, with its body as received.
async fn respond(
    shared: &Shared,
    connection: &mut Connection,
    request: Request<OutgoingBody>,
    deadlines: &mut Deadlines<'_>,
    options: &HopOptions<'_>,
    exchange: &mut Exchange,
) -> Result<(), SendError> {
    let answered = connection.head(request, deadlines).await;
    exchange.first_byte = deadlines.first_byte();
    let (head, body) = answered?.into_parts();
    if let Some(trace) = &mut exchange.trace {
        trace.answered(&head, exchange.first_byte);
    }
    let response = exchange.response.insert(HttpResponse {
        status: head.status,
        headers: head.headers,
        body: None,
        excerpt: None,
    });
    let is_read = options.reads_body == ReadsBody::Yes && !follows(options.redirects, response);
    let keep = if is_read || exchange.trace.is_some() {
        Keep::Whole(&shared.body_memory)
    } else if response.status >= StatusCode::BAD_REQUEST {
        Keep::Start
    } else {
        Keep::Nothing
    };
    let mut reader = BodyReader::new(shared.body_limit, keep);
    connection
        .body(body, &mut reader, deadlines)
        .await
        .map_err(SendError::Failed)?;
    exchange.finished = deadlines.finished();
    match keep {
        Keep::Whole(_) => {
            let body = reader.finish();
            if let Some(trace) = &mut exchange.trace {
                trace.finished(body.clone(), exchange.finished);
            }
            if is_read {
                response.body = Some(body);
            } else if response.status >= StatusCode::BAD_REQUEST {
                response.excerpt = Some(body);
            }
        }
        Keep::Start => response.excerpt = Some(reader.finish()),
        Keep::Nothing => {}
    }
    Ok(())
}

/// Whether a response is a redirect that a request with this maximum of redirects follows.
fn follows(redirects: u8, response: &HttpResponse) -> bool {
    redirects > 0 && redirect::is_redirect(response.status, &response.headers)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
