//! Adds credentials to a request: headers, a pair of the query, or a signature of the whole.

mod aws;
mod dialogue;
mod digest;
mod hmac;
mod session;
mod token;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use url::form_urlencoded::byte_serialize;

pub(super) use self::dialogue::{Dialogue, send};
pub(super) use self::hmac::SignedRequest;
pub(super) use self::session::Session;
pub(super) use self::wire::{HookWire, LoadWire};

use super::link::with_query;
use super::request::{Unsendable, header_value, render};
use super::state::UserState;
use crate::plan::{PlannedAuth, basic};
use crate::scenario::{Auth, KeyPlace, Template};
use crate::transport::Content;

/// A request that is complete but for its credentials.
pub(super) struct Unsigned<'a, 'u> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a mut Cow<'u, Uri>,
    pub(super) headers: &'a mut HeaderMap,
    pub(super) content: &'a Content,
}

impl Unsigned<'_, '_> {
    /// Sets a header that no log shows and that no redirect to another origin keeps.
    fn set(&mut self, name: HeaderName, value: &str) -> Result<(), Unsendable> {
        let mut value = header_value(&name, value)?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(())
    }

    /// The body in memory; `None` if it is read while it is sent.
    const fn body(&self) -> Option<&Bytes> {
        match self.content {
            Content::Whole(bytes) => Some(bytes),
            Content::Pieces(_) => None,
        }
    }

    /// The `host` header that the client will send.
    fn host(&self) -> &str {
        let authority = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        authority.rsplit('@').next().unwrap_or_default()
    }
}

/// Adds the credentials of a request; `text` is a buffer.
pub(super) fn add(
    auth: &PlannedAuth,
    request: &mut Unsigned<'_, '_>,
    state: &mut UserState<'_>,
    text: &mut String,
) -> Result<(), Unsendable> {
    if let Some((name, value)) = &auth.literal {
        request
            .headers
            .insert(name.clone(), HeaderValue::clone(value));
        return Ok(());
    }
    match &auth.scheme {
        Auth::Basic(user, password) => {
            let [user, password] = rendered([user, password], state)?;
            request.set(AUTHORIZATION, &basic(&user, &password))
        }
        Auth::Bearer(token) => {
            text.clear();
            text.push_str("Bearer ");
            token.render(state, text)?;
            request.set(AUTHORIZATION, text)
        }
        // They are added when the request is sent.
        Auth::Digest(_) | Auth::OAuth2(_) => Ok(()),
        Auth::ApiKey(KeyPlace::Header(name), key) => {
            render(key, state, text)?;
            request.set(name.clone(), text)
        }
        Auth::ApiKey(KeyPlace::Query(name), key) => {
            render(key, state, text)?;
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}={}", encoded(name), encoded(text));
            if let Some(uri) = with_query(request.uri.clone().into_owned(), &pair) {
                *request.uri = Cow::Owned(uri);
            }
            Ok(())
        }
        Auth::Hmac(signing) => hmac::sign(signing, request, state, text),
        Auth::AwsSigV4(signing) => aws::sign(signing, request, state),
    }
}

/// Renders several templates, each to a text of its own.
fn rendered<const N: usize>(
    templates: [&Template; N],
    state: &mut UserState<'_>,
) -> Result<[String; N], Unsendable> {
    let mut texts = [const { String::new() }; N];
    for (template, text) in templates.into_iter().zip(&mut texts) {
        template.render(state, text)?;
    }
    Ok(texts)
}
