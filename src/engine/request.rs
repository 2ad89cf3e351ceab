//! From a planned request to one that can be sent: what is literal is shared or copied, the rest is rendered.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Uri, header};
use url::Url;

use super::state::State;
use crate::plan::{Request, RequestBody, RequestUrl};
use crate::scenario::template::Missing;
use crate::scenario::{Auth, Template};
use crate::transport::Outgoing;

/// Why a request could not be sent: nothing left this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The value is not shown: it may be a secret.
    #[error("the rendered value of header {0} has a character that a header cannot carry")]
    Header(String),
    #[error(
        "`{0}` was rendered to something that is neither a path nor an http:// or https:// URL"
    )]
    Url(String),
}

/// The target's origin, in the parts that URLs are built from.
#[derive(Debug, Clone)]
pub(super) struct Origin(Option<(Scheme, Authority)>);

impl Origin {
    /// The origin of an http or https URL; of any other, one that no path can be joined to.
    pub(super) fn of(target: &Url) -> Self {
        let parts = target.as_str().parse().map(Uri::into_parts);
        Self(
            parts
                .ok()
                .and_then(|parts| parts.scheme.zip(parts.authority)),
        )
    }

    fn join(&self, path: &str) -> Option<Uri> {
        let path = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(path.as_bytes())).ok()?;
        let (scheme, authority) = self.0.clone()?;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(scheme);
        parts.authority = Some(authority);
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }
}

/// What one sending of a request needs of its own.
#[derive(Debug)]
pub(super) struct Prepared<'r> {
    pub(super) uri: Cow<'r, Uri>,
    headers: HeaderMap,
    body: Bytes,
}

impl<'r> Prepared<'r> {
    pub(super) fn of(
        request: &'r Request,
        origin: &Origin,
        state: &mut State<'_>,
    ) -> Result<Self, Unsendable> {
        let mut text = std::mem::take(&mut state.text);
        let prepared = Self::render(request, origin, state, &mut text);
        state.text = text;
        prepared
    }

    fn render(
        request: &'r Request,
        origin: &Origin,
        state: &mut State<'_>,
        text: &mut String,
    ) -> Result<Self, Unsendable> {
        let uri = match &request.url {
            RequestUrl::Literal(uri) => Cow::Borrowed(uri),
            RequestUrl::Path(template) | RequestUrl::Whole(template) => {
                render(template, state, text)?;
                let whole = matches!(request.url, RequestUrl::Whole(_)) && !text.starts_with('/');
                let uri = if whole {
                    text.parse().ok().filter(|uri: &Uri| uri.host().is_some())
                } else {
                    origin.join(text)
                };
                Cow::Owned(uri.ok_or_else(|| Unsendable::Url(template.source.to_string()))?)
            }
        };
        let mut headers = request.headers.clone();
        for (name, template) in &request.rendered_headers {
            render(template, state, text)?;
            let value = HeaderValue::try_from(&**text);
            headers.insert(
                name.clone(),
                value.map_err(|_| Unsendable::Header(name.to_string()))?,
            );
        }
        if let Some(auth) = &request.auth {
            headers.insert(header::AUTHORIZATION, credentials(auth, state, text)?);
        }
        let body = match &request.body {
            RequestBody::Empty => Bytes::new(),
            RequestBody::Literal(bytes) => bytes.clone(),
            RequestBody::Rendered(template) => {
                render(template, state, text)?;
                Bytes::copy_from_slice(text.as_bytes())
            }
        };
        Ok(Self { uri, headers, body })
    }

    pub(super) fn outgoing<'a>(&'a mut self, request: &'a Request) -> Outgoing<'a> {
        Outgoing {
            method: &request.method,
            uri: &self.uri,
            headers: std::mem::take(&mut self.headers),
            body: std::mem::take(&mut self.body),
            timeouts: request.timeouts,
            reads_body: request.reads_body,
        }
    }
}

fn render(template: &Template, state: &mut State<'_>, text: &mut String) -> Result<(), Missing> {
    text.clear();
    template.render(state, text)
}

fn credentials(
    auth: &Auth,
    state: &mut State<'_>,
    text: &mut String,
) -> Result<HeaderValue, Unsendable> {
    text.clear();
    let value = match auth {
        Auth::Basic(user, password) => {
            user.render(state, text)?;
            text.push(':');
            password.render(state, text)?;
            HeaderValue::try_from(format!("Basic {}", STANDARD.encode(&*text)))
        }
        Auth::Bearer(token) => {
            text.push_str("Bearer ");
            token.render(state, text)?;
            HeaderValue::try_from(&**text)
        }
    };
    let mut value =
        value.map_err(|_| Unsendable::Header(header::AUTHORIZATION.as_str().to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A request as failures show it: a rendered URL stands as it was written, since what was inserted may be a secret.
pub(super) fn shown(request: &Request) -> String {
    let method = &request.method;
    match &request.url {
        RequestUrl::Literal(uri) => format!("{method} {uri}"),
        RequestUrl::Path(template) | RequestUrl::Whole(template) => {
            format!("{method} {}", template.source)
        }
    }
}
