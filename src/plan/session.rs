//! Schemes that need requests of their own: digest, which answers challenges, and OAuth, which fetches tokens.

use std::collections::BTreeMap;

use http::Method;
use http::header::ACCEPT;

use super::{PlannedRequest, SeriesId};
use crate::expr::{Encoding, TemplateSegment};
use crate::scenario::{
    Auth, Body, BodyCoding, ClientAuth, FailedStatuses, Grant, OAuth2, Request, RequestAuth, Span,
    Template, Timeouts, TokenPer,
};

/// The step of token requests.
pub const TOKEN: &str = "token (oauth2)";

/// The step of requests that were answered by a challenge, and sent again.
const CHALLENGES: [&str; 2] = ["challenge (digest)", "challenge (oauth2)"];

/// A scheme that sends requests of its own, such as for a token. Each user has a session, or all users share one.
#[derive(Debug, Clone)]
pub struct PlannedSession {
    /// The scheme.
    pub scheme: Auth,
    /// Its token requests, if it fetches tokens.
    pub token: Option<Box<TokenPlan>>,
}

/// The token requests of OAuth.
#[derive(Debug, Clone)]
pub struct TokenPlan {
    /// The settings.
    pub oauth2: std::sync::Arc<OAuth2>,
    /// For the first token.
    pub initial: PlannedRequest,
    /// For later ones, with a refresh token; the token itself is appended to its body.
    pub renewal: PlannedRequest,
}

/// The series of the requests of a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthSeries {
    /// Requests that were answered by a challenge.
    pub challenge: SeriesId,
    /// Token requests, if there are any.
    pub token: Option<SeriesId>,
}

impl PlannedSession {
    /// True if all users of the run share one session.
    pub fn is_shared(&self) -> bool {
        self.token
            .as_ref()
            .is_some_and(|token| token.oauth2.per == TokenPer::Run)
    }
}

/// True for the name of a step that a scheme adds: it runs only when it is needed.
pub fn is_auth_step(name: &str) -> bool {
    name == TOKEN || CHALLENGES.contains(&name)
}

/// The step of requests of this scheme that were answered by a challenge.
pub(super) const fn challenge_step(auth: &Auth) -> &'static str {
    match auth {
        Auth::OAuth2(_) => CHALLENGES[1],
        Auth::Basic(..)
        | Auth::Bearer(_)
        | Auth::Digest(_)
        | Auth::ApiKey(..)
        | Auth::Hmac(_)
        | Auth::AwsSigV4(_) => CHALLENGES[0],
    }
}

/// The requests for the first token and for later ones (RFC 6749, 4.3, 4.4 and 6).
pub(super) fn token_requests(oauth2: &OAuth2, timeouts: Timeouts) -> [Request; 2] {
    let pair = |name: &str, value: &Template| (name.to_owned(), value.clone());
    let literal = |name: &str, value: &str| (name.to_owned(), Template::from_literal(value));
    let mut common: Vec<(String, Template)> = Vec::new();
    common.extend(oauth2.scope.iter().map(|scope| pair("scope", scope)));
    common.extend(
        oauth2
            .audience
            .iter()
            .map(|audience| pair("audience", audience)),
    );
    let auth = match (&oauth2.client_secret, oauth2.client_auth) {
        (Some(secret), ClientAuth::Basic) => {
            // Both are encoded as in a form (RFC 6749, 2.3.1).
            let [id, secret] = [&oauth2.client_id, secret].map(component);
            RequestAuth::Own(Auth::Basic(id, secret))
        }
        (secret, ClientAuth::Basic | ClientAuth::Body) => {
            common.push(pair("client_id", &oauth2.client_id));
            common.extend(secret.iter().map(|secret| pair("client_secret", secret)));
            RequestAuth::None
        }
    };
    let mut initial = match &oauth2.grant {
        Grant::ClientCredentials => vec![literal("grant_type", "client_credentials")],
        Grant::Password(login) => vec![
            literal("grant_type", "password"),
            pair("username", &login.user),
            pair("password", &login.password),
        ],
        Grant::RefreshToken(token) => vec![
            literal("grant_type", "refresh_token"),
            pair("refresh_token", token),
        ],
    };
    let mut renewal = vec![literal("grant_type", "refresh_token")];
    for fields in [&mut initial, &mut renewal] {
        fields.extend(common.iter().cloned());
        for (_, value) in fields {
            *value = component(value);
        }
    }
    [initial, renewal].map(|fields| Request {
        name: TOKEN.to_owned(),
        method: Method::POST,
        url: oauth2.token_url.clone(),
        written: oauth2.written.clone(),
        query: Vec::new(),
        headers: vec![(ACCEPT, Template::from_literal("application/json"))],
        header_cases: Vec::new(),
        cookies: Vec::new(),
        body: Body::Form(fields),
        coding: BodyCoding::Identity,
        auth: auth.clone(),
        timeouts,
        redirects: Some(0),
        failed: FailedStatuses::default(),
        is_silent: false,
        tags: BTreeMap::new(),
        checks: Vec::new(),
        captures: Vec::new(),
        records: Vec::new(),
        span: Span::default(),
    })
}

/// The template with its text and its values encoded for a form.
fn component(template: &Template) -> Template {
    let segments = template.segments.iter().map(|segment| match segment {
        TemplateSegment::Literal(text) => {
            let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            TemplateSegment::Literal(encoded.into())
        }
        TemplateSegment::Expression(expression, _) => {
            TemplateSegment::Expression(expression.clone(), Encoding::Percent)
        }
    });
    Template {
        segments: segments.collect(),
        source: template.source.clone(),
    }
}
