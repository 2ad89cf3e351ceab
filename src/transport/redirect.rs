//! Following redirects: where to, with what method and which headers, and when not.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_TYPE, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, StatusCode, Uri};
use url::Url;

use super::classify::Failure;
use super::origin::{Origin, Security};
use crate::outcome::Outcome;

/// Whether a response asks to be followed: a redirect's status, and a place to go.
pub(super) fn is_redirect(status: StatusCode, headers: &HeaderMap) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) && headers.contains_key(LOCATION)
}

/// Whether the next request repeats the method and body of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Method and body again.
    Whole,
    /// `GET`, or `HEAD` if it was that, without a body.
    Bodiless,
}

impl Repeat {
    /// 307 and 308 repeat the request; the others turn it into a `GET`, as browsers and curl do.
    pub(super) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            307 | 308 => Self::Whole,
            _ => Self::Bodiless,
        }
    }

    /// The method of the next request.
    pub(super) fn method(self, method: &Method) -> Method {
        match self {
            Self::Bodiless if *method != Method::HEAD => Method::GET,
            _ => method.clone(),
        }
    }
}

/// Where a redirect from `here` leads.
///
/// # Errors
/// The location is no URL, is neither http nor https, or gives up encryption.
pub(super) fn destination(here: &Uri, headers: &HeaderMap) -> Result<Uri, Failure> {
    let refuse = |detail: &str| Failure::new(Outcome::Redirect, detail);
    let location = headers
        .get(LOCATION)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
        .ok_or_else(|| refuse("the location header is not text"))?;
    let mut next = Url::parse(&here.to_string())
        .and_then(|here| here.join(location))
        .map_err(|error| refuse(&format!("location {location:?}: {error}")))?;
    next.set_fragment(None);
    match (
        here.scheme_str().and_then(Security::of),
        Security::of(next.scheme()),
    ) {
        (_, None) => Err(refuse(&format!(
            "location {location:?} is neither http nor https"
        ))),
        (Some(Security::Tls), Some(Security::Plain)) => Err(refuse(&format!(
            "location {location:?} would give up encryption"
        ))),
        _ => next
            .as_str()
            .parse()
            .map_err(|error| refuse(&format!("location {location:?}: {error}"))),
    }
}

/// Takes out of `headers` what must not go along to the next request.
pub(super) fn strip(headers: &mut HeaderMap, repeat: Repeat, from: &Origin, to: &Origin) {
    if repeat == Repeat::Bodiless {
        for name in [
            CONTENT_TYPE,
            CONTENT_LENGTH,
            CONTENT_ENCODING,
            CONTENT_LANGUAGE,
            CONTENT_LOCATION,
            TRANSFER_ENCODING,
        ] {
            headers.remove(name);
        }
    }
    if !from.is_same(to) {
        for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST] {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn follow(here: &'static str, location: &'static str) -> Result<String, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static(location));
        destination(&Uri::from_static(here), &headers).map(|uri| uri.to_string())
    }

    #[test]
    fn locations_are_resolved_against_where_they_came_from() {
        for (location, leads_to) in [
            ("/login?x=1", "http://a.test:8080/login?x=1"),
            ("next", "http://a.test:8080/dir/next"),
            ("//b.test/y", "http://b.test/y"),
            ("https://a.test/#top", "https://a.test/"),
            ("?q=a b", "http://a.test:8080/dir/page?q=a%20b"),
        ] {
            let found = follow("http://a.test:8080/dir/page", location);
            assert_eq!(found.as_deref(), Ok(leads_to), "{location}");
        }
    }

    #[test]
    fn encryption_is_not_given_up_and_schemes_are_not_changed() {
        for (here, location) in [
            ("https://a.test/", "http://a.test/"),
            ("http://a.test/", "file:///etc/passwd"),
            ("http://a.test/", "http://[::"),
        ] {
            let failure = follow(here, location).expect_err("a refusal");
            assert_eq!(failure.outcome, Outcome::Redirect, "{location}");
        }
    }

    #[test]
    fn only_307_and_308_repeat_method_and_body() {
        for (status, method, next) in [
            (301, Method::POST, Method::GET),
            (302, Method::PUT, Method::GET),
            (303, Method::HEAD, Method::HEAD),
            (307, Method::POST, Method::POST),
            (308, Method::DELETE, Method::DELETE),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(Repeat::of(status).method(&method), next, "{status}");
        }
    }
}
