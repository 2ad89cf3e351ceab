//! Compiles the credentials of requests. Those without expressions become a header. Those from a default have the list of
//! origins that they may be sent to.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Uri};
use url::Url;

use crate::scenario::{Auth, KeyPlace, Request, RequestAuth, Template};

/// The credentials of a planned request.
#[derive(Debug, Clone)]
pub struct PlannedAuth {
    /// The scheme, with templates to render for each request.
    pub scheme: Auth,
    /// The header, if its value is literal.
    pub literal: Option<(HeaderName, HeaderValue)>,
    /// The only addresses that get them; `None` for the credentials of a request itself.
    pub only_to: Option<Arc<[Address]>>,
    /// The number of its session, if the scheme has requests of its own.
    pub session: Option<usize>,
}

/// Scheme, host and port of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    is_secure: bool,
    host: String,
    port: u16,
}

impl Address {
    /// The address of a target.
    pub(super) fn of(url: &Url) -> Option<Self> {
        Some(Self {
            is_secure: url.scheme() == "https",
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    /// True if a URL leads there.
    fn is_of(&self, uri: &Uri) -> bool {
        let is_secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let is_host = |host: &str| host.eq_ignore_ascii_case(&self.host);
        self.is_secure == is_secure && self.port == port && uri.host().is_some_and(is_host)
    }
}

impl PlannedAuth {
    /// The credentials of a request. `own` are the addresses of the targets. The error says why they cannot be sent.
    pub(super) fn of(request: &Request, own: &Arc<[Address]>) -> Result<Option<Self>, String> {
        let (auth, only_to) = match &request.auth {
            RequestAuth::None => return Ok(None),
            RequestAuth::Own(auth) => (auth, None),
            // A header of the request itself replaces a default.
            RequestAuth::Inherited(auth)
                if request.headers.iter().any(|(name, _)| auth.sets(name)) =>
            {
                return Ok(None);
            }
            RequestAuth::Inherited(auth) => (auth, Some(Arc::clone(own))),
        };
        Ok(Some(Self {
            scheme: auth.clone(),
            literal: literal(auth)?,
            only_to,
            session: None,
        }))
    }

    /// True if a request to this URL sends them.
    pub fn reaches(&self, uri: &Uri) -> bool {
        let allowed = self.only_to.as_ref();
        allowed.is_none_or(|addresses| addresses.iter().any(|address| address.is_of(uri)))
    }
}

/// The header for literal credentials; `None` if they must be rendered.
fn literal(auth: &Auth) -> Result<Option<(HeaderName, HeaderValue)>, String> {
    let text = Template::literal;
    let (name, value) = match auth {
        Auth::Basic(user, password) => match (text(user), text(password)) {
            (Some(user), Some(password)) => (AUTHORIZATION, basic(user, password)),
            _ => return Ok(None),
        },
        Auth::Bearer(token) => match text(token) {
            Some(token) => (AUTHORIZATION, format!("Bearer {token}")),
            None => return Ok(None),
        },
        Auth::ApiKey(KeyPlace::Header(name), key) => match text(key) {
            Some(key) => (name.clone(), key.to_owned()),
            None => return Ok(None),
        },
        Auth::Digest(_)
        | Auth::OAuth2(_)
        | Auth::ApiKey(KeyPlace::Query(_), _)
        | Auth::Hmac(_)
        | Auth::AwsSigV4(_) => return Ok(None),
    };
    let mut header = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        format!(
            "the value of header `{name}` has a control character in it, which HTTP does not allow"
        )
    })?;
    header.set_sensitive(true);
    Ok(Some((name, header)))
}

/// The value of the header for basic authentication.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
