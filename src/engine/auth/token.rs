//! Tokens of OAuth: fetched once, renewed before their end, and by one request at a time.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri};
use serde_json::Value;
use tokio::sync::Mutex as Turn;
use url::form_urlencoded::byte_serialize;

use super::session::Session;
use super::wire::{EndedRequest, Part, Wire};
use crate::engine::request::{Prepared, Unsendable};
use crate::engine::response::clipped;
use crate::engine::state::{UserState, scrambled};
use crate::engine::trace_ids::TraceIds;
use crate::outcome::Outcome;
use crate::plan::{
    PlannedRequest, PlannedSession, ReadsBody, TRACEPARENT, TokenPlan, TraceContext,
};
use crate::scenario::Grant;
use crate::transport::{Client, Content, Exchange, Outgoing};

/// The longest time before its end at which a token is renewed, if the scenario does not say.
const LONGEST_BEFORE: Duration = Duration::from_mins(5);

/// The reason why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Refused {
    pub(in crate::engine) outcome: Outcome,
    status: Option<u16>,
    /// In words, without the body of the response.
    pub(in crate::engine) detail: String,
}

impl From<Refused> for Unsendable {
    fn from(refused: Refused) -> Self {
        Self::NoToken(refused.detail)
    }
}

/// The token of a user, or of all users.
#[derive(Debug)]
pub(in crate::engine) struct TokenSession {
    planned: Arc<PlannedSession>,
    /// Decides when tokens are renewed.
    salt: u64,
    /// The traces of its requests.
    traces: Arc<TraceIds>,
    /// The token requests, with the values that they had at the first one.
    calls: OnceLock<[Call; 2]>,
    held: Mutex<Held>,
    /// Held by the user that fetches a token; the others wait.
    turn: Arc<Turn<()>>,
}

/// A token request that is ready to be sent.
#[derive(Debug)]
struct Call {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Debug, Default)]
struct Held {
    token: Option<Token>,
    /// The number of tokens so far.
    tokens: u64,
    refresh_token: Option<String>,
    /// The number of requests for a token that failed, and the last reason.
    failures: u64,
    refused: Option<Refused>,
}

/// A token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// The value of `authorization`.
    pub(super) header: HeaderValue,
    /// Its number, to tell whether it was replaced.
    pub(super) number: u64,
    text: String,
    /// When it is to be renewed; `None` if its lifetime is unknown.
    due: Option<Instant>,
    end: Option<Instant>,
}

/// A response with a token.
#[derive(Debug)]
struct Granted {
    token: String,
    header: HeaderValue,
    lifetime: Option<Duration>,
    refresh_token: Option<String>,
    /// The start of the request: the lifetime began after it.
    asked: Instant,
}

impl TokenSession {
    pub(super) fn new(planned: &Arc<PlannedSession>, salt: u64, traces: Arc<TraceIds>) -> Self {
        Self {
            planned: Arc::clone(planned),
            salt,
            traces,
            calls: OnceLock::new(),
            held: Mutex::default(),
            turn: Arc::default(),
        }
    }

    /// Renders the token requests, unless they are: a session keeps the credentials that it began with.
    pub(super) fn prepare(&self, state: &mut UserState<'_>) -> Result<(), Unsendable> {
        let Some(plan) = self
            .planned
            .token
            .as_deref()
            .filter(|_| self.calls.get().is_none())
        else {
            return Ok(());
        };
        let base = state.base();
        let mut call = |request: &PlannedRequest| {
            let (uri, headers, content) = Prepared::of(request, &base, state)?.into_parts();
            let body = match content {
                Content::Whole(body) => body,
                Content::Pieces(_) => Bytes::new(),
            };
            Ok::<_, Unsendable>(Call { uri, headers, body })
        };
        let calls = [call(&plan.initial)?, call(&plan.renewal)?];
        self.calls.get_or_init(|| calls);
        Ok(())
    }

    /// The tokens that it holds.
    pub(super) fn secrets(&self) -> Vec<String> {
        let held = self.held();
        let token = held.token.as_ref().map(|token| token.text.clone());
        token
            .into_iter()
            .chain(held.refresh_token.clone())
            .collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token, if it is not due, and is not the one that a server rejected.
    fn usable(&self, rejected: Option<u64>) -> Option<Token> {
        let held = self.held();
        let token = held.token.as_ref()?;
        let is_due = token.due.is_some_and(|due| Instant::now() >= due);
        (!is_due && Some(token.number) != rejected).then(|| token.clone())
    }

    /// Keeps a token that was granted.
    fn keep(&self, granted: Granted, plan: &TokenPlan) -> Token {
        let mut held = self.held();
        held.tokens += 1;
        let before = |lifetime: Duration| {
            let usual = (lifetime / 5).min(LONGEST_BEFORE);
            plan.oauth2.renew_before.unwrap_or(usual).min(lifetime)
        };
        let due = granted.lifetime.map(|lifetime| {
            let share = scrambled(self.salt ^ held.tokens) as f64 / u64::MAX as f64;
            lifetime.saturating_sub(before(lifetime).mul_f64(1.0 - share / 2.0))
        });
        let after = |length: Duration| granted.asked.checked_add(length);
        let token = Token {
            header: granted.header,
            number: held.tokens,
            text: granted.token,
            due: due.and_then(after),
            end: granted.lifetime.and_then(after),
        };
        held.token = Some(token.clone());
        held.refused = None;
        match &plan.oauth2.grant {
            // Such a client needs no refresh token (RFC 6749, 4.4.3).
            Grant::ClientCredentials => {}
            Grant::Password(_) | Grant::RefreshToken(_) => {
                held.refresh_token = granted.refresh_token.or_else(|| held.refresh_token.take());
            }
        }
        token
    }

    /// Notes that no token was granted. One that has not ended serves until half of its time is over.
    fn note(&self, refused: &Refused, rejected: Option<u64>) -> Option<Token> {
        let mut held = self.held();
        held.failures += 1;
        held.refused = Some(refused.clone());
        let token = held.token.as_mut()?;
        let now = Instant::now();
        let left = token
            .end?
            .checked_duration_since(now)
            .filter(|left| !left.is_zero())?;
        if Some(token.number) == rejected {
            return None;
        }
        token.due = now.checked_add(left / 2);
        Some(token.clone())
    }
}

/// The token of a session: the one that it holds, or a new one. `rejected` is the number of a token that a server did not
/// accept.
pub(super) async fn token<W: Wire>(
    wire: &mut W,
    client: &mut Client,
    session: &Session,
    rejected: Option<u64>,
) -> Result<Token, Refused> {
    let Session::Token(own) = session else {
        return Err(Refused::because(
            Outcome::Unsendable,
            "its scheme has no tokens",
        ));
    };
    if let Some(token) = own.usable(rejected) {
        return Ok(token);
    }
    let failures = own.held().failures;
    let Some(_turn) = wire.turn(Arc::clone(&own.turn)).await else {
        let detail = "the grace period ended before there was one";
        return Err(Refused::because(Outcome::GraceTimeout, detail));
    };
    // Another request may have renewed it in the meantime, or have failed to.
    if let Some(token) = own.usable(rejected) {
        return Ok(token);
    }
    if let Some(refused) = own.refused_since(failures) {
        return Err(refused);
    }
    let (Some(plan), Some([initial, renewal])) = (own.planned.token.as_deref(), own.calls.get())
    else {
        return Err(Refused::because(Outcome::Unsendable, "it was not prepared"));
    };
    let refresh_token = own.held().refresh_token.clone();
    let mut granted = match &refresh_token {
        Some(refresh_token) => {
            let body = format!(
                "{}&refresh_token={}",
                String::from_utf8_lossy(&renewal.body),
                byte_serialize(refresh_token.as_bytes()).collect::<String>()
            );
            ask(wire, client, (&plan.renewal, renewal, body.into()), session).await
        }
        None => {
            ask(
                wire,
                client,
                (&plan.initial, initial, initial.body.clone()),
                session,
            )
            .await
        }
    };
    // A refresh token may end, too; a user who knows the password logs in again.
    let may_log_in = matches!(plan.oauth2.grant, Grant::Password(_)) && refresh_token.is_some();
    if may_log_in && granted.as_ref().is_err_and(Refused::is_of_the_client) {
        own.held().refresh_token = None;
        granted = ask(
            wire,
            client,
            (&plan.initial, initial, initial.body.clone()),
            session,
        )
        .await;
    }
    match granted {
        Ok(granted) => Ok(own.keep(granted, plan)),
        Err(refused) => own.note(&refused, rejected).ok_or(refused),
    }
}

impl TokenSession {
    /// The reason of a failure after this many.
    fn refused_since(&self, failures: u64) -> Option<Refused> {
        let held = self.held();
        held.refused.clone().filter(|_| held.failures > failures)
    }
}

/// Sends a token request.
async fn ask<W: Wire>(
    wire: &mut W,
    client: &mut Client,
    (planned, call, body): (&PlannedRequest, &Call, Bytes),
    session: &Session,
) -> Result<Granted, Refused> {
    let mut headers = call.headers.clone();
    let traceparent = match (&planned.trace_context, session) {
        (TraceContext::New(share), Session::Token(session)) => Some(session.traces.next(*share)),
        (TraceContext::New(_) | TraceContext::Own | TraceContext::None, _) => None,
    };
    if let Some(traceparent) = &traceparent {
        headers.insert(TRACEPARENT, traceparent.clone());
    }
    let outgoing = Outgoing {
        method: &planned.method,
        uri: &call.uri,
        headers,
        content: body.into(),
        cookies: Vec::new(),
        header_case: planned.header_case.as_ref(),
        redirects: planned.redirects,
        timeouts: planned.timeouts,
        reads_body: ReadsBody::Yes,
    };
    let mut flight = wire.send(client, outgoing, Part::Token).await;
    let granted = Granted::of(W::exchange(&mut flight));
    let failure = granted.as_ref().err();
    let ended = EndedRequest {
        session,
        shown: &planned.shown,
        traceparent: traceparent.as_ref(),
    };
    wire.end(flight, Part::Token, failure, ended);
    granted
}

impl Refused {
    fn because(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            status: None,
            detail: detail.into(),
        }
    }

    /// True if the server did not accept the credentials.
    fn is_of_the_client(&self) -> bool {
        self.status
            .is_some_and(|status| (400..500).contains(&status) && status != 429)
    }
}

impl Granted {
    /// The token in the response to a token request (RFC 6749, 5.1 and 5.2).
    fn of(exchange: &Exchange) -> Result<Self, Refused> {
        let Some(response) = exchange
            .response
            .as_ref()
            .filter(|_| !exchange.outcome.is_failure())
        else {
            return Err(Refused::because(exchange.outcome, exchange.detail.as_str()));
        };
        let body = response.body.as_deref().unwrap_or_default();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        if !response.status.is_success() {
            let mut detail = format!("the token endpoint answered {}", response.status);
            for part in ["error", "error_description"].into_iter().filter_map(text) {
                detail.push_str(": ");
                detail.push_str(&clipped(part));
            }
            return Err(Refused {
                outcome: Outcome::Status,
                status: Some(response.status.as_u16()),
                detail,
            });
        }
        let refuse = |detail: &str| Refused::because(Outcome::Capture, detail);
        let token = text("access_token")
            .filter(|token| !token.is_empty())
            .ok_or_else(|| {
                refuse(
                    "the response of the token endpoint is no JSON object with an `access_token`",
                )
            })?;
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| refuse("the `access_token` has characters that no header can contain"))?;
        header.set_sensitive(true);
        let seconds = body.get("expires_in").and_then(|value| match value {
            Value::String(text) => text.trim().parse().ok(),
            number => number.as_f64(),
        });
        Ok(Self {
            token: token.to_owned(),
            header,
            lifetime: seconds.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok()),
            refresh_token: text("refresh_token").map(str::to_owned),
            asked: exchange.started,
        })
    }
}
