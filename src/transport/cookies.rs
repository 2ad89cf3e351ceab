//! One user's cookies.
//!
//! Matching cookies to a URL costs more than all else a client does for a request. As long as every cookie is for the
//! whole site (`Path=/`, as session cookies are), the header is the same for all its URLs, and is remembered.

use std::time::{Duration, Instant};

use cookie_store::CookieStore;
use http::Uri;
use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use http::uri::{Authority, Scheme};
use url::Url;

/// More cookies than this are not taken: browsers stop at 50 to 180 a site.
const MAX_COOKIES: usize = 200;

/// The longest `set-cookie` that is taken, as in browsers.
const MAX_LENGTH: usize = 4096;

/// How long a header is remembered: lifetimes of cookies are whole seconds.
const MEMORY: Duration = Duration::from_secs(1);

/// A jar; it costs nothing until a cookie is put into it.
#[derive(Debug, Default)]
pub(super) struct Jar {
    store: Option<Box<CookieStore>>,
    memo: Option<Memo>,
}

/// The header for every URL of one site.
#[derive(Debug)]
struct Memo {
    scheme: Scheme,
    authority: Authority,
    until: Instant,
    header: Option<HeaderValue>,
}

impl Jar {
    /// Takes the cookies that a response from `uri` sets.
    pub(super) fn take(&mut self, uri: &Uri, headers: &HeaderMap) {
        let mut lines = headers.get_all(SET_COOKIE).iter().peekable();
        if lines.peek().is_none() {
            return;
        }
        let Some(url) = url(uri) else { return };
        self.memo = None;
        let store = self.store.get_or_insert_default();
        for line in lines {
            if let Ok(line) = line.to_str()
                && line.len() <= MAX_LENGTH
                && store.iter_any().count() < MAX_COOKIES
            {
                // One that does not parse, or is for another domain, is ignored, as browsers do.
                let _ = store.parse(line, &url);
            }
        }
    }

    /// What `cookie:` says in a request to `uri`.
    pub(super) fn header(&mut self, uri: &Uri, now: Instant) -> Option<HeaderValue> {
        let store = self.store.as_deref()?;
        if let Some(memo) = &self.memo
            && now < memo.until
            && uri.authority() == Some(&memo.authority)
            && uri.scheme() == Some(&memo.scheme)
        {
            return memo.header.clone();
        }
        let header = line(store, &url(uri)?);
        self.memo = match (uri.scheme(), uri.authority()) {
            (Some(scheme), Some(authority)) if is_site_wide(store) => Some(Memo {
                scheme: scheme.clone(),
                authority: authority.clone(),
                until: now + MEMORY,
                header: header.clone(),
            }),
            _ => None,
        };
        header
    }

    /// The value of the cookie `name` that would be sent to `uri`.
    pub(super) fn value(&self, uri: &Uri, name: &str) -> Option<String> {
        let url = url(uri)?;
        self.store
            .as_ref()?
            .get_request_values(&url)
            .find_map(|(found, value)| (found == name).then(|| value.to_owned()))
    }
}

/// The cookies for a URL as one header.
fn line(store: &CookieStore, url: &Url) -> Option<HeaderValue> {
    let mut line = String::new();
    for (name, value) in store.get_request_values(url) {
        if !line.is_empty() {
            line.push_str("; ");
        }
        line.push_str(name);
        line.push('=');
        line.push_str(value);
    }
    if line.is_empty() {
        return None;
    }
    HeaderValue::try_from(line).ok()
}

/// Whether no cookie depends on a URL's path.
fn is_site_wide(store: &CookieStore) -> bool {
    store.iter_any().all(|cookie| &*cookie.path == "/")
}

fn url(uri: &Uri) -> Option<Url> {
    Url::parse(&uri.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(set: &[&'static str]) -> Jar {
        let mut headers = HeaderMap::new();
        for line in set {
            headers.append(SET_COOKIE, HeaderValue::from_static(line));
        }
        let mut jar = Jar::default();
        jar.take(
            &Uri::from_static("http://shop.test/account/login"),
            &headers,
        );
        jar
    }

    #[test]
    fn a_cookie_goes_back_where_it_came_from_and_nowhere_else() {
        let mut jar = jar(&[
            "id=7; Path=/",
            "deep=1; Path=/account",
            "safe=1; Secure",
            "no=1; Domain=other.test",
        ]);
        let mut sent = |url: &'static str| jar.header(&Uri::from_static(url), Instant::now());
        assert_eq!(
            sent("http://shop.test/"),
            Some(HeaderValue::from_static("id=7"))
        );
        assert_eq!(sent("http://other.test/"), None);
        let both = sent("http://shop.test/account/x").expect("cookies");
        assert!(both == "id=7; deep=1" || both == "deep=1; id=7", "{both:?}");
        assert_eq!(
            jar.value(&Uri::from_static("http://shop.test/"), "id")
                .as_deref(),
            Some("7")
        );
        assert_eq!(
            jar.value(&Uri::from_static("http://shop.test/"), "deep"),
            None
        );
    }

    #[test]
    fn a_remembered_header_is_for_one_site_and_goes_when_a_cookie_is_taken() {
        let mut jar = jar(&["id=7; Path=/; Max-Age=1"]);
        let now = Instant::now();
        let (shop, page) = ("http://shop.test/", "http://shop.test/deep/page?x");
        let sent = |jar: &mut Jar, url: &'static str, now| {
            let header = jar.header(&Uri::from_static(url), now)?;
            Some(header.to_str().expect("text").to_owned())
        };
        for url in [shop, page, shop] {
            assert_eq!(sent(&mut jar, url, now).as_deref(), Some("id=7"), "{url}");
        }
        assert!(jar.memo.is_some());
        assert_eq!(sent(&mut jar, "http://other.test/", now), None);
        assert_eq!(sent(&mut jar, shop, now).as_deref(), Some("id=7"));
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, HeaderValue::from_static("id=8; Path=/"));
        jar.take(&Uri::from_static(shop), &headers);
        assert_eq!(sent(&mut jar, shop, now).as_deref(), Some("id=8"));
        headers.insert(SET_COOKIE, HeaderValue::from_static("id=8; Path=/deep"));
        jar.take(&Uri::from_static(page), &headers);
        assert!(sent(&mut jar, page, now).is_some_and(|line| line.matches("id=8").count() == 2));
        assert!(jar.memo.is_none());
    }

    #[test]
    fn a_jar_is_only_made_for_a_cookie_and_has_an_end() {
        assert!(jar(&[]).store.is_none());
        let mut jar = jar(&["id=7; Path=/"]);
        let uri = Uri::from_static("http://shop.test/");
        for number in 0..2 * MAX_COOKIES {
            let mut headers = HeaderMap::new();
            let line = format!("c{number}=1; Path=/");
            headers.insert(SET_COOKIE, HeaderValue::try_from(line).expect("a header"));
            jar.take(&uri, &headers);
        }
        let count = jar.store.expect("a store").iter_any().count();
        assert_eq!(count, MAX_COOKIES);
    }
}
