//! The destinations of links in captured or configured values.

use http::Uri;
use http::uri::Scheme;

use super::base_url::BaseUrl;
use crate::transport::Destination;

/// The destination of a link on its page, or of the link alone if its page is unknown.
pub(super) fn follow(link: &str, page: Option<&Uri>, base: &BaseUrl) -> Option<Destination> {
    if flaw(link).is_some() {
        return None;
    }
    if is_plain(link) {
        let uri = match page {
            Some(_) | None if !link.starts_with('/') => link.parse().ok().filter(is_absolute),
            Some(page) => beside(page, link),
            None => base.join(link),
        };
        return uri.map(|uri| Destination {
            uri,
            credentials: None,
        });
    }
    let begins = |scheme: &str| {
        let start = link.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    match page {
        Some(page) if may_be_relative(link) => Destination::of(page, link).ok(),
        None if ["/", "http://", "https://"].into_iter().any(begins) => {
            Destination::of(&base.join("/")?, link).ok()
        }
        Some(_) | None => None,
    }
}

/// The fault in the host or port of a link that has them. A lenient parser would silently go elsewhere: to the default
/// port, to the first segment of the path, to a name without its line breaks.
pub(super) fn flaw(link: &str) -> Option<&'static str> {
    let link = link.trim();
    let after = |scheme: &str| {
        let start = link.get(..scheme.len())?;
        start
            .eq_ignore_ascii_case(scheme)
            .then(|| &link[scheme.len()..])
    };
    let rest = after("http://")
        .or_else(|| after("https://"))
        .or_else(|| after("//"))?;
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    let place = authority.rsplit('@').next()?;
    if place.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("whose host has white space in it");
    }
    let port_at = if place.starts_with('[') {
        place.find(']').map(|end| end + 1)
    } else {
        place.find(':')
    };
    let (host, port) = place.split_at(port_at.unwrap_or(place.len()));
    if host.is_empty() {
        return Some("which has no host");
    }
    let port = port.strip_prefix(':')?;
    let is_number = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (!is_number).then_some("whose port is not a number from 0 to 65535")
}

/// True if a text may be a relative link. A browser accepts nearly every text as one, but an empty text, a list, a
/// mapping or markup was captured by mistake.
fn may_be_relative(link: &str) -> bool {
    let start = link.trim_start();
    !start.is_empty() && !start.starts_with(['[', '{', '<'])
}

/// True for a path or an absolute URL that is requested exactly as written.
fn is_plain(link: &str) -> bool {
    let is_path = link.starts_with('/') && !link.starts_with("//");
    let is_absolute = || {
        let after_scheme = link
            .strip_prefix("http://")
            .or_else(|| link.strip_prefix("https://"));
        let host = after_scheme.and_then(|rest| rest.split('/').next());
        host.is_some_and(|host| !host.contains('%'))
    };
    (is_path || is_absolute())
        && !link.contains("/.")
        && link
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~/?=&%+,:;!$*()".contains(&b))
}

/// Another path on the host of a page.
fn beside(page: &Uri, path: &str) -> Option<Uri> {
    let mut parts = page.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// A URL with more pairs in its query.
pub(super) fn with_query(uri: Uri, pairs: &str) -> Option<Uri> {
    let mut parts = uri.into_parts();
    let path = parts
        .path_and_query
        .as_ref()
        .map_or("/", |path| path.as_str());
    let joint = match path.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    parts.path_and_query = Some(format!("{path}{joint}{pairs}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn is_absolute(uri: &Uri) -> bool {
    let scheme = uri.scheme();
    uri.host().is_some() && (scheme == Some(&Scheme::HTTP) || scheme == Some(&Scheme::HTTPS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_link_leads_nowhere_even_from_a_page() {
        let base = BaseUrl::of(&"http://host:81/".parse().expect("a URL"));
        let page = Uri::from_static("http://other/dir/page");
        let lead = |link| follow(link, Some(&page), &base).map(|found| found.uri.to_string());
        for (link, expected) in [
            ("next", "http://other/dir/next"),
            ("HTTP://u:p@[::1]:080/a:b", "http://[::1]/a:b"),
            (" //b:81\\c@d:x ", "http://b:81/c@d:x"),
            ("http://b:81#:x", "http://b:81/"),
        ] {
            assert_eq!(lead(link).as_deref(), Some(expected), "{link}");
        }
        for link in [
            "",
            " \n",
            "mailto:a@b",
            "javascript:void(0)",
            r#"["/a","/b"]"#,
            r#"{"href":"/a"}"#,
            "<a href=/>",
            "http://",
            "http://[::",
            "http:///evil/a'b",
            "https://:443/",
            "http://a:/",
            "http://[::1]:65536/",
            "http://a:8\n0/",
            "http://ho\tst/",
            "//a:+80/",
        ] {
            assert_eq!(lead(link), None, "{link}");
        }
    }
}
