//! One user's exchanges: a connection per origin, cookies, redirects.

mod prepare;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;

use super::body::Intake;
use super::classify::Failure;
use super::connection::{Link, Parsing, Unanswered};
use super::cookies::{self, Jar};
use super::deadline::{Alarm, Watch, after};
use super::destination::Destination;
use super::inflate::{Effort, inflate};
use super::origin::Origin;
use super::redirect::{self, Repeat};
use super::{Exchange, Outgoing, Shared};
use crate::outcome::Outcome;
use crate::plan::ReadsBody;
use crate::scenario::{Cookies, Timeouts};

/// One user's connections and cookies.
///
/// A connection is opened by the first request to its origin and used until either side closes it. A request goes out
/// once more on a new connection if a kept one was closed before a byte of the answer: any request if not a byte of it
/// went out, one that may be repeated (RFC 9110, 9.2.2) otherwise, unless the run forbids it.
pub struct Client {
    shared: Arc<Shared>,
    places: Vec<Place>,
    alarm: Alarm,
    jar: Jar,
    /// The present request's own headers, in case it is redirected; the vector is kept for the next one.
    own_headers: Vec<(HeaderName, HeaderValue)>,
}

/// An origin and the connection to it, which is absent while it is in use: dropping an exchange drops its connection.
struct Place {
    origin: Origin,
    link: Option<Box<Link>>,
    /// How the heads that come from there have to be parsed.
    parsing: Parsing,
}

/// One request on its way through redirects.
struct Hop<'a> {
    method: Method,
    uri: Cow<'a, Uri>,
    headers: HeaderMap,
    body: Bytes,
}

/// What a request is made of once more, besides the headers that were remembered.
#[derive(Clone, Copy)]
struct Again<'a> {
    method: &'a Method,
    uri: &'a Uri,
    body: &'a Bytes,
}

/// What holds for all hops of a request.
struct Terms {
    timeouts: Timeouts,
    total: Instant,
    reads_body: ReadsBody,
}

impl Client {
    /// A client without connections or cookies.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            places: Vec::new(),
            alarm: Alarm::default(),
            jar: Jar::default(),
            own_headers: Vec::new(),
        }
    }

    /// Sends a request and reads its response, following redirects as far as they may be followed.
    ///
    /// Dropping the future closes the connection in use and leaves the client as good as before. Needs a tokio runtime
    /// with I/O and time.
    pub async fn send(&mut self, outgoing: Outgoing<'_>) -> Exchange {
        let started = Instant::now();
        let mut exchange = Exchange {
            started,
            first_byte: None,
            finished: started,
            outcome: Outcome::Ok,
            detail: String::new(),
            status: None,
            headers: HeaderMap::new(),
            body: None,
            excerpt: None,
            is_sent: false,
            redirects: Vec::new(),
            page: None,
            resent: 0,
            bytes_in: 0,
            bytes_out: 0,
            connection: None,
        };
        let terms = Terms {
            total: after(started, outgoing.timeouts.total),
            timeouts: outgoing.timeouts,
            reads_body: outgoing.reads_body,
        };
        let mut hop = Hop {
            method: outgoing.method.clone(),
            uri: Cow::Borrowed(outgoing.uri),
            headers: outgoing.headers,
            body: outgoing.body,
        };
        loop {
            match self.hop(hop, &terms, &mut exchange).await {
                Ok(Some(next)) => hop = next,
                Ok(None) => return exchange,
                Err(failure) => {
                    exchange.outcome = failure.outcome;
                    exchange.detail = failure.detail;
                    exchange.finished = Instant::now();
                    return exchange;
                }
            }
        }
    }

    /// Empties the jar if the next iteration is to begin with an empty one.
    pub fn begin_iteration(&mut self) {
        if self.shared.cookies == Cookies::PerIteration {
            self.jar.empty();
        }
    }

    /// What it shares with the other users.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The value of the cookie that would be sent to `uri` under this name.
    pub fn cookie(&self, uri: &Uri, name: &str) -> Option<String> {
        self.jar.value(uri, name)
    }

    /// One request and its response; the next request if it is to be redirected.
    async fn hop<'a>(
        &mut self,
        hop: Hop<'a>,
        terms: &Terms,
        exchange: &mut Exchange,
    ) -> Result<Option<Hop<'a>>, Failure> {
        let place = self.place(&hop.uri)?;
        let method = hop.method.clone();
        let repeat_body = self.remember(place, &hop);
        let again = Again {
            method: &method,
            uri: &hop.uri,
            body: &repeat_body,
        };
        let now = exchange.started;
        let request = self.request(now, place, hop.method, &hop.uri, hop.headers, hop.body);
        let link = self.answer(place, request, again, terms, exchange).await?;
        self.places[place].parsing = link.parsing;
        self.places[place].link = Some(link);
        if self.shared.cookies != Cookies::Off {
            self.jar.take(&hop.uri, &exchange.headers);
        }
        if follows(&self.shared, exchange) {
            return self
                .next(place, &method, &hop.uri, repeat_body, exchange)
                .map(Some);
        }
        if let Cow::Owned(page) = hop.uri {
            exchange.page = Some(Box::new(page));
        }
        if let Some(body) = exchange.body.take() {
            exchange.body = Some(self.inflated(&exchange.headers, body).await?);
        }
        Ok(None)
    }

    /// The body as its sender meant it. What is soon inflated is inflated here, the rest apart from this thread.
    async fn inflated(&self, headers: &HeaderMap, body: Bytes) -> Result<Bytes, Failure> {
        if !headers.contains_key(CONTENT_ENCODING) {
            return Ok(body);
        }
        let attempt = |effort| {
            let (limit, allowance) = (self.shared.body_limit, &self.shared.allowance);
            inflate(headers, body.clone(), limit, allowance, effort)
        };
        if let Some(inflated) = attempt(Effort::Brief)? {
            return Ok(inflated);
        }
        let whole = self.shared.apart(|| attempt(Effort::Whole)).await?;
        Ok(whole.unwrap_or_default())
    }

    /// Gets a response over the connection that is open, or over a new one; gives the connection.
    async fn answer(
        &mut self,
        place: usize,
        mut request: Request<Full<Bytes>>,
        again: Again<'_>,
        terms: &Terms,
        exchange: &mut Exchange,
    ) -> Result<Box<Link>, Failure> {
        if let Some(mut link) = self.usable_link(place).await {
            let handed = if exchange.redirects.is_empty() {
                exchange.started
            } else {
                Instant::now()
            };
            let (read, written) = (exchange.bytes_in, exchange.bytes_out);
            match self
                .converse(&mut link, request, handed, terms, exchange)
                .await
            {
                Ok(()) => return Ok(link),
                Err(Unanswered::NotSent(unsent)) => request = *unsent,
                Err(Unanswered::Failed(failure)) => {
                    let is_unheard = exchange.bytes_in == read;
                    let is_unsent = exchange.bytes_out == written;
                    let may_repeat = is_unsent || again.method.is_idempotent();
                    if failure.outcome != Outcome::Reset
                        || !(self.shared.resend && is_unheard && may_repeat)
                    {
                        return Err(failure);
                    }
                    exchange.resent += u64::from(!is_unsent);
                    exchange.is_sent = false;
                    request = self.again(place, again, exchange.started);
                }
            }
        }
        let (mut link, phases) = self.open(place, terms).await?;
        exchange.connection = Some(phases);
        let handed = Instant::now();
        match self
            .converse(&mut link, request, handed, terms, exchange)
            .await
        {
            Ok(()) => Ok(link),
            Err(Unanswered::NotSent(_)) => Err(Failure::new(
                Outcome::Reset,
                "the target closed the connection before it took a request",
            )),
            Err(Unanswered::Failed(failure)) => Err(failure),
        }
    }

    /// Sends a request over a connection, reads the response into `exchange`, and counts the bytes of both.
    async fn converse(
        &mut self,
        link: &mut Link,
        request: Request<Full<Bytes>>,
        handed: Instant,
        terms: &Terms,
        exchange: &mut Exchange,
    ) -> Result<(), Unanswered> {
        let before = link.traffic();
        let mut watch = Watch::new(&mut self.alarm, &terms.timeouts, handed, terms.total);
        let end = respond(&self.shared, link, request, &mut watch, terms, exchange).await;
        let traffic = link.traffic();
        exchange.bytes_in += traffic.read - before.read;
        exchange.bytes_out += traffic.written - before.written;
        exchange.is_sent |= traffic.written > before.written;
        end
    }

    /// The request that a redirect asks for.
    fn next<'a>(
        &mut self,
        from: usize,
        method: &Method,
        uri: &Uri,
        body: Bytes,
        exchange: &mut Exchange,
    ) -> Result<Hop<'a>, Failure> {
        if exchange.redirects.len() >= usize::from(self.shared.redirects) {
            let detail = format!("more than {} redirects", self.shared.redirects);
            return Err(Failure::new(Outcome::Redirect, &detail));
        }
        let status = exchange.status.unwrap_or_default();
        let Destination { uri, credentials } = redirect::destination(uri, &exchange.headers)?;
        let repeat = Repeat::of(status, method);
        let mut headers: HeaderMap = self.own_headers.drain(..).collect();
        redirect::strip(
            &mut headers,
            repeat,
            &self.places[from].origin,
            &Origin::of(&uri)?,
        );
        if let Some(credentials) = credentials {
            headers.entry(AUTHORIZATION).or_insert(credentials);
        }
        if self.shared.cookies != Cookies::Off
            && let Some(own) = headers.remove(COOKIE)
            && let Some(left) = cookies::without_set(&own, &exchange.headers)
        {
            headers.insert(COOKIE, left);
        }
        exchange.redirects.push(status.as_u16());
        exchange.status = None;
        exchange.is_sent = false;
        exchange.first_byte = None;
        exchange.headers = HeaderMap::new();
        Ok(Hop {
            method: repeat.method(method),
            uri: Cow::Owned(uri),
            headers,
            body: match repeat {
                Repeat::Whole => body,
                Repeat::Bodiless => Bytes::new(),
            },
        })
    }
}

/// Reads the response to a request into `exchange`, the body as it came.
async fn respond(
    shared: &Shared,
    link: &mut Link,
    request: Request<Full<Bytes>>,
    watch: &mut Watch<'_>,
    terms: &Terms,
    exchange: &mut Exchange,
) -> Result<(), Unanswered> {
    let answered = link.head(request, watch).await;
    exchange.first_byte = watch.first();
    let (head, body) = answered?.into_parts();
    exchange.status = Some(head.status);
    exchange.headers = head.headers;
    let is_kept = terms.reads_body == ReadsBody::Yes && !follows(shared, exchange);
    let mut intake = Intake::new(shared.body_limit, is_kept.then_some(&shared.allowance));
    let is_quoted = !is_kept && exchange.status >= Some(StatusCode::BAD_REQUEST);
    if is_quoted {
        intake.quote();
    }
    link.body(body, &mut intake, watch)
        .await
        .map_err(Unanswered::Failed)?;
    exchange.finished = watch.finished();
    if is_quoted {
        exchange.excerpt = Some(intake.finish());
    } else {
        exchange.body = is_kept.then(|| intake.finish());
    }
    Ok(())
}

/// Whether the response in `exchange` is a redirect and this run follows redirects.
fn follows(shared: &Shared, exchange: &Exchange) -> bool {
    shared.redirects > 0
        && exchange
            .status
            .is_some_and(|status| redirect::is_redirect(status, &exchange.headers))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins = self.places.iter().map(|place| &place.origin.host_header);
        f.debug_struct("Client")
            .field("origins", &origins.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
