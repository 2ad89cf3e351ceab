//! Redirects: which are followed, and the method, headers and body of the next request.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_TYPE, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use super::destination::{Destination, text};
use crate::outcome::Outcome;
use crate::transport::failure::ExchangeFailure;
use crate::transport::origin::{Origin, Security};

/// Whether a response is a redirect: by its status, and with a location.
pub(super) fn is_redirect(status: StatusCode, headers: &HeaderMap) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) && location(headers).is_some()
}

/// The first location that is not empty.
fn location(headers: &HeaderMap) -> Option<&[u8]> {
    let mut locations = headers.get_all(LOCATION).iter().map(HeaderValue::as_bytes);
    locations.find(|location| !location.trim_ascii().is_empty())
}

/// Whether the next request repeats the method and body of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Method and body again.
    Whole,
    /// `GET`, or `HEAD` after `HEAD`, without a body.
    Bodiless,
}

impl Repeat {
    /// As in browsers and curl: 303 leads to a `GET`, 301 and 302 turn a `POST` into a `GET`, and any other request is
    /// repeated.
    pub(super) fn of(status: StatusCode, method: &Method) -> Self {
        match status.as_u16() {
            303 => Self::Bodiless,
            301 | 302 if *method == Method::POST => Self::Bodiless,
            _ => Self::Whole,
        }
    }

    /// The method of the next request.
    pub(super) fn method(self, method: &Method) -> Method {
        match self {
            Self::Bodiless if *method != Method::HEAD => Method::GET,
            Self::Bodiless | Self::Whole => method.clone(),
        }
    }
}

/// The destination of a redirect from `here`.
///
/// # Errors
/// The location is not a URL, is neither http nor https, or leads from https to http.
pub(super) fn destination(here: &Uri, headers: &HeaderMap) -> Result<Destination, ExchangeFailure> {
    let refuse = |detail: &str| ExchangeFailure::new(Outcome::Redirect, detail);
    let location = text(location(headers).unwrap_or_default());
    let next = Destination::of(here, &location)
        .map_err(|reason| refuse(&format!("the location header {reason}")))?;
    let security = |uri: &Uri| uri.scheme_str().and_then(Security::of);
    if (security(here), security(&next.uri)) == (Some(Security::Tls), Some(Security::Plain)) {
        let host = next.uri.host().unwrap_or_default();
        return Err(refuse(&format!(
            "the location header leads from https to http on {host}, which would drop encryption"
        )));
    }
    Ok(next)
}

/// Removes the headers that must not be sent with the next request.
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
        // Keys and signatures in headers of other names are marked as sensitive.
        let secret = headers.iter().filter(|(_, value)| value.is_sensitive());
        let secret: Vec<HeaderName> = secret.map(|(name, _)| name.clone()).collect();
        for name in secret {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn follow(here: &'static str, location: &'static [u8]) -> Result<String, ExchangeFailure> {
        let mut headers = HeaderMap::new();
        let location = HeaderValue::from_bytes(location).expect("a header");
        headers.insert(LOCATION, location);
        destination(&Uri::from_static(here), &headers).map(|next| next.uri.to_string())
    }

    #[test]
    fn a_location_is_resolved_against_where_it_came_from() {
        for (location, leads_to) in [
            (&b"next?q=a b#top"[..], "http://a.test/dir/next?q=a%20b"),
            ("/ü".as_bytes(), "http://a.test/%C3%BC"),
            (b"/\xfc", "http://a.test/%FC"),
        ] {
            let found = follow("http://a.test/dir/page", location);
            assert_eq!(found.as_deref(), Ok(leads_to));
        }
    }

    #[test]
    fn a_redirect_needs_a_place_to_go() {
        let mut headers = HeaderMap::new();
        assert!(!is_redirect(StatusCode::FOUND, &headers));
        headers.append(LOCATION, HeaderValue::from_static(" "));
        assert!(!is_redirect(StatusCode::FOUND, &headers));
        headers.append(LOCATION, HeaderValue::from_static("/x"));
        assert!(is_redirect(StatusCode::FOUND, &headers));
        assert!(!is_redirect(StatusCode::MULTIPLE_CHOICES, &headers));
    }

    #[test]
    fn encryption_is_not_given_up_and_schemes_are_not_changed() {
        for (here, location) in [
            ("https://a.test/", &b"http://u:canary@a.test/canary"[..]),
            ("http://a.test/", b"file:///canary"),
            ("http://a.test/", b"http://[::/canary"),
        ] {
            let failure = follow(here, location).expect_err("a refusal");
            assert_eq!(failure.outcome, Outcome::Redirect, "{failure:?}");
            assert!(!failure.detail.contains("canary"), "{failure:?}");
        }
    }

    #[test]
    fn method_and_body_change_as_in_browsers() {
        for (status, method, next, repeat) in [
            (301, Method::POST, Method::GET, Repeat::Bodiless),
            (302, Method::POST, Method::GET, Repeat::Bodiless),
            (301, Method::PUT, Method::PUT, Repeat::Whole),
            (302, Method::DELETE, Method::DELETE, Repeat::Whole),
            (302, Method::PATCH, Method::PATCH, Repeat::Whole),
            (301, Method::HEAD, Method::HEAD, Repeat::Whole),
            (303, Method::PUT, Method::GET, Repeat::Bodiless),
            (303, Method::HEAD, Method::HEAD, Repeat::Bodiless),
            (307, Method::POST, Method::POST, Repeat::Whole),
            (308, Method::DELETE, Method::DELETE, Repeat::Whole),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let found = Repeat::of(status, &method);
            assert_eq!(
                (found, found.method(&method)),
                (repeat, next),
                "{status} {method}"
            );
        }
    }
}
