//! The destination of a link, resolved as in a browser and ready to be requested.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::transport::origin::Security;

/// A URL that can be requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Absolute, without fragment and credentials.
    pub uri: Uri,
    /// The `authorization` header for the link's `user:password@`.
    pub credentials: Option<HeaderValue>,
}

/// The reason why a link has no destination. Only the scheme of the link is quoted, because the rest may contain a
/// secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDestination {
    /// The link is not a URL.
    #[error("is not a URL: {0}")]
    Url(#[from] url::ParseError),
    /// The link has another protocol.
    #[error("leads to a `{0}:` URL, which is neither http nor https")]
    Scheme(String),
    /// The link cannot be part of a request.
    #[error("cannot be requested: {0}")]
    Request(String),
}

impl Destination {
    /// The destination of `link` on the page `here`. Relative links, `//host`, spaces and non-ASCII letters are resolved.
    pub fn of(here: &Uri, link: &str) -> Result<Self, NoDestination> {
        let mut url = Url::parse(&here.to_string())?.join(link)?;
        if Security::of(url.scheme()).is_none() {
            return Err(NoDestination::Scheme(url.scheme().to_owned()));
        }
        url.set_fragment(None);
        let credentials = credentials(&url);
        // Neither can fail, because the URL has a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let uri = url.as_str().parse();
        let uri =
            uri.map_err(|error: http::uri::InvalidUri| NoDestination::Request(error.to_string()))?;
        Ok(Self { uri, credentials })
    }
}

fn credentials(url: &Url) -> Option<HeaderValue> {
    let (user, password) = (url.username(), url.password());
    if user.is_empty() && password.is_none() {
        return None;
    }
    let mut plain: Vec<u8> = percent_decode_str(user).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password.unwrap_or_default()));
    let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain))).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// A header as the text of a link: bytes that are not UTF-8 are percent-encoded one by one.
pub(super) fn text(header: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(header) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(header.len() * 2);
    for &byte in header {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(link: &str) -> Result<Destination, NoDestination> {
        Destination::of(&Uri::from_static("http://a.test:8080/dir/page?old"), link)
    }

    #[test]
    fn links_are_resolved_as_a_browser_resolves_them() {
        for (link, leads_to) in [
            ("/login?x=1", "http://a.test:8080/login?x=1"),
            ("next", "http://a.test:8080/dir/next"),
            ("?page=2", "http://a.test:8080/dir/page?page=2"),
            ("../up/./x", "http://a.test:8080/up/x"),
            ("//b.test/y", "http://b.test/y"),
            ("https://A.test:443/#top", "https://a.test/"),
            ("#top", "http://a.test:8080/dir/page?old"),
            (
                " /a b/ü?q=ü z#f\n",
                "http://a.test:8080/a%20b/%C3%BC?q=%C3%BC%20z",
            ),
            ("/a?f={x}|y", "http://a.test:8080/a?f={x}|y"),
            ("/100%", "http://a.test:8080/100%"),
            ("\\\\b.test\\y", "http://b.test/y"),
            ("http://bücher.test/", "http://xn--bcher-kva.test/"),
        ] {
            let found = followed(link).expect(link);
            assert_eq!(
                (found.uri.to_string().as_str(), found.credentials),
                (leads_to, None)
            );
        }
    }

    #[test]
    fn what_leads_nowhere_is_told_without_what_it_says() {
        for (link, told) in [
            ("http://u:canary@[::", "is not a URL: invalid IPv6 address"),
            ("http://", "is not a URL: empty host"),
            (
                "mailto:canary@a.test",
                "leads to a `mailto:` URL, which is neither http nor https",
            ),
        ] {
            let error = followed(link).expect_err(link);
            assert_eq!(error.to_string(), told);
        }
        let long = format!("/{}", "x".repeat(70_000));
        let error = followed(&long).expect_err("too long");
        assert_eq!(error.to_string(), "cannot be requested: uri too long");
    }

    #[test]
    fn credentials_leave_the_url() {
        for (link, plain) in [
            ("http://me:pw@b.test/x", "me:pw"),
            ("//me@b.test/x", "me:"),
            ("http://m%40e:p%3Aw%C3%BC@b.test/x", "m@e:p:wü"),
        ] {
            let found = followed(link).expect(link);
            assert_eq!(found.uri, "http://b.test/x");
            let header = found.credentials.expect("a header");
            assert!(header.is_sensitive());
            assert_eq!(header, format!("Basic {}", STANDARD.encode(plain)));
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay_what_they_are() {
        assert_eq!(text(b"/\xfc?\xc3"), "/%FC?%C3");
        assert_eq!(text("/ü".as_bytes()), "/ü");
    }
}
