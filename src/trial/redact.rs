//! Headers and URLs without secrets.

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderName, HeaderValue, Uri};

use crate::mask::{Mask, REDACTED, is_secret_name};
use crate::report::text::clean;

/// The value of a header. Cookies keep their names and attributes, credentials their scheme.
pub(super) fn header(name: &HeaderName, value: &HeaderValue, mask: &Mask) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    let shown = if *name == COOKIE {
        let cookies = text.split(';').map(|cookie| without_value(cookie.trim()));
        cookies.collect::<Vec<_>>().join("; ")
    } else if *name == SET_COOKIE {
        match text.split_once(';') {
            Some((cookie, attributes)) => format!("{};{attributes}", without_value(cookie)),
            None => without_value(&text),
        }
    } else if *name == AUTHORIZATION || *name == PROXY_AUTHORIZATION {
        match text.split_once(' ') {
            Some((scheme, _)) => format!("{scheme} {REDACTED}"),
            None => REDACTED.to_owned(),
        }
    } else if is_secret_name(name.as_str()) || value.is_sensitive() {
        REDACTED.to_owned()
    } else {
        mask.exchange(&text)
    };
    clean(&shown)
}

/// A cookie with its name alone.
fn without_value(cookie: &str) -> String {
    match cookie.split_once('=') {
        Some((name, _)) => format!("{name}={REDACTED}"),
        None => REDACTED.to_owned(),
    }
}

/// A URL, or the part of one that a request line has.
pub(super) fn url(url: &str, mask: &Mask) -> String {
    clean(&mask.exchange(url))
}

/// The path and the query of a URL.
pub(super) fn target(uri: &Uri, mask: &Mask) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    url(path, mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &'static str, value: &'static str) -> String {
        let name = HeaderName::from_static(name);
        header(&name, &HeaderValue::from_static(value), &Mask::default())
    }

    #[test]
    fn headers_keep_what_is_no_secret() {
        for (name, value, expected) in [
            (
                "cookie",
                "sid=abc; theme=dark",
                "sid=[redacted]; theme=[redacted]",
            ),
            (
                "set-cookie",
                "sid=abc=1; Path=/; HttpOnly",
                "sid=[redacted]; Path=/; HttpOnly",
            ),
            ("set-cookie", "sid=abc", "sid=[redacted]"),
            ("authorization", "Bearer abcdef", "Bearer [redacted]"),
            ("authorization", "abcdef", "[redacted]"),
            ("x-api-key", "k", "[redacted]"),
            (
                "location",
                "/next?page=2&token=abc",
                "/next?page=2&token=[redacted]",
            ),
            ("accept", "text/html", "text/html"),
        ] {
            assert_eq!(shown(name, value), expected, "{name}");
        }
    }
}
