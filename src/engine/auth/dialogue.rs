//! Sends a request whose credentials need requests of their own: for a token, or to be challenged first.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, StatusCode, Uri};

use super::digest::{Challenges, Signed};
use super::session::Session;
use super::token::{Refused, token};
use super::wire::{EndedRequest, Part, Wire};
use crate::engine::request::{Prepared, Unsendable};
use crate::engine::state::UserState;
use crate::plan::PlannedRequest;
use crate::scenario::Auth;
use crate::transport::{Client, Content, Exchange};

/// The most challenges that one request answers: with its first nonce, and with a newer one.
const MOST_CHALLENGES: u8 = 2;

/// What the credentials of a request need besides the request itself.
#[derive(Debug)]
pub(in crate::engine) struct Dialogue {
    session: Arc<Session>,
    /// Of digest: user and password.
    login: [String; 2],
}

impl Dialogue {
    /// The dialogue of a request with the session of this number.
    pub(in crate::engine) fn begin(
        session: usize,
        scheme: &Auth,
        state: &mut UserState<'_>,
    ) -> Result<Box<Self>, Unsendable> {
        let session = state.session(session);
        let mut login = [const { String::new() }; 2];
        if let Auth::Digest(templates) = scheme {
            login = super::rendered([&templates.user, &templates.password], state)?;
        }
        if let Session::Token(session) = &*session {
            session.prepare(state)?;
        }
        Ok(Box::new(Self { session, login }))
    }
}

/// Sends a request with what it needs before it, and after a status 401. The result is the request of the step; the error
/// says why there is none.
pub(in crate::engine) async fn send<W: Wire>(
    wire: &mut W,
    client: &mut Client,
    request: &PlannedRequest,
    prepared: &Prepared<'_>,
    dialogue: &Dialogue,
) -> Result<W::Flight, Refused> {
    match &*dialogue.session {
        Session::Token(_) => with_token(wire, client, request, prepared, &dialogue.session).await,
        Session::Digest(challenges) => {
            let session = (&*dialogue.session, challenges);
            Ok(answering(wire, client, request, prepared, session, &dialogue.login).await)
        }
    }
}

/// Sends a request with a token, and once more with a new one if the server does not accept it.
async fn with_token<W: Wire>(
    wire: &mut W,
    client: &mut Client,
    request: &PlannedRequest,
    prepared: &Prepared<'_>,
    session: &Session,
) -> Result<W::Flight, Refused> {
    let first = token(wire, client, session, None).await?;
    let mut outgoing = prepared.copy(request, &prepared.uri);
    outgoing.headers.insert(AUTHORIZATION, first.header);
    let mut flight = wire.send(client, outgoing, Part::Step).await;
    if !is_challenged(W::exchange(&mut flight), &prepared.uri) {
        return Ok(flight);
    }
    let Ok(second) = token(wire, client, session, Some(first.number)).await else {
        // The failure of the token request is recorded, and the answer of this one stands.
        return Ok(flight);
    };
    let ended = EndedRequest {
        session,
        shown: &prepared.shown(request),
        traceparent: prepared.traceparent.as_ref(),
    };
    wire.end(flight, Part::Challenge, None, ended);
    let mut outgoing = prepared.copy(request, &prepared.uri);
    outgoing.headers.insert(AUTHORIZATION, second.header);
    Ok(wire.send(client, outgoing, Part::Step).await)
}

/// Sends a request, and again with an answer to the challenge that it meets.
async fn answering<W: Wire>(
    wire: &mut W,
    client: &mut Client,
    request: &PlannedRequest,
    prepared: &Prepared<'_>,
    (session, challenges): (&Session, &Challenges),
    [user, password]: &[String; 2],
) -> W::Flight {
    let mut page: Option<Box<Uri>> = None;
    let mut fresh: Option<String> = None;
    let mut met = 0;
    loop {
        let uri = page.as_deref().unwrap_or(&prepared.uri);
        let mut outgoing = prepared.copy(request, uri);
        let body = match &outgoing.content {
            Content::Whole(bytes) => Some(bytes.as_ref()),
            Content::Pieces(_) => None,
        };
        let answer = challenges.respond(Signed {
            method: &request.method,
            uri,
            body,
            user,
            password,
        });
        let mut answered = None;
        if let Some((text, nonce)) = answer
            && let Ok(mut value) = HeaderValue::try_from(text)
        {
            value.set_sensitive(true);
            outgoing.headers.insert(AUTHORIZATION, value);
            answered = Some(nonce);
        }
        let mut flight = wire.send(client, outgoing, Part::Step).await;
        let exchange = W::exchange(&mut flight);
        let here = exchange.page.as_deref().unwrap_or(uri);
        if let Some(response) = &exchange.response {
            challenges.note(here, &response.headers);
        }
        let is_redirected = here != uri;
        let may_follow = !is_redirected || matches!(request.method, Method::GET | Method::HEAD);
        let may_answer = met < MOST_CHALLENGES && may_follow && is_challenged(exchange, uri);
        let taken = exchange.response.as_ref().filter(|_| may_answer);
        let taken = taken.and_then(|response| challenges.take(here, &response.headers));
        // An answer to this very challenge was wrong, unless it came too late.
        let is_wrong = |stale: bool| answered.is_some() && answered == fresh && !stale;
        match taken {
            Some((nonce, stale)) if !is_wrong(stale) => {
                fresh = Some(nonce);
                if is_redirected {
                    page = exchange.page.take();
                }
                let ended = EndedRequest {
                    session,
                    shown: &prepared.shown(request),
                    traceparent: prepared.traceparent.as_ref(),
                };
                wire.end(flight, Part::Challenge, None, ended);
                met += 1;
            }
            Some(_) | None => {
                if let Some(page) = page {
                    W::exchange(&mut flight).page.get_or_insert(page);
                }
                return flight;
            }
        }
    }
}

/// True if a response has status 401, and came from the server of this URL.
fn is_challenged(exchange: &Exchange, uri: &Uri) -> bool {
    let response = exchange.response.as_ref();
    let is_complete = !exchange.outcome.is_failure();
    let is_here = exchange
        .page
        .as_ref()
        .is_none_or(|page| page.scheme() == uri.scheme() && page.authority() == uri.authority());
    let is_refused = response.is_some_and(|response| response.status == StatusCode::UNAUTHORIZED);
    is_complete && is_here && is_refused
}
