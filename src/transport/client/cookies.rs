//! One user's cookies.
//!
//! Matching cookies to a URL costs more than the rest of a client's work for a request. As long as every cookie is for the
//! whole site (`Path=/`, as session cookies are), the header is the same for all URLs of the site, and is cached.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cookie_store::Cookie;
use http::Uri;
use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use http::uri::{Authority, Scheme};
use url::Url;

use super::set_cookie;

/// The maximum number of cookies in a jar; browsers stop at 50 to 180 per site.
const MAX_COOKIES: usize = 200;

/// The lifetime of a cached header: a second, because lifetimes of cookies are whole seconds.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// The jar of all clients of a user. One that no cookie was ever offered is not locked.
#[derive(Debug, Default)]
pub(super) struct SharedJar {
    is_used: AtomicBool,
    jar: Mutex<Jar>,
}

impl SharedJar {
    /// Stores the cookies that a response from `uri` sets.
    pub(super) fn take(&self, uri: &Uri, headers: &HeaderMap) {
        if headers.contains_key(SET_COOKIE) {
            self.is_used.store(true, Ordering::Relaxed);
            self.lock().take(uri, headers);
        }
    }

    /// Stores cookies, each `name=value`, for every path of a URL's host.
    pub(super) fn add(&self, uri: &Uri, cookies: &[HeaderValue]) {
        self.is_used.store(true, Ordering::Relaxed);
        self.lock().add(uri, cookies);
    }

    /// Removes every cookie.
    pub(super) fn empty(&self) {
        if let Some(mut jar) = self.used() {
            jar.empty();
        }
    }

    /// The `cookie` header of a request to `uri`.
    pub(super) fn header(&self, uri: &Uri, now: Instant) -> Option<HeaderValue> {
        self.used()?.header(uri, now)
    }

    /// The value of the cookie `name` that would be sent to `uri`, the first of them if there are several.
    pub(super) fn value(&self, uri: &Uri, name: &str) -> Option<String> {
        self.used()?.value(uri, name)
    }

    fn used(&self) -> Option<MutexGuard<'_, Jar>> {
        self.is_used.load(Ordering::Relaxed).then(|| self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cookie jar; it allocates nothing until a cookie is stored.
#[derive(Debug, Default)]
struct Jar {
    /// In the order in which they were set.
    cookies: Vec<StoredCookie>,
    /// The number of cookies ever added to the jar.
    created: u64,
    cached: Option<CachedHeader>,
}

#[derive(Debug)]
struct StoredCookie {
    cookie: Cookie<'static>,
    /// Its number in the order of creation; a new value keeps the number.
    created: u64,
}

/// The `cookie` header for every URL of one site.
#[derive(Debug)]
struct CachedHeader {
    scheme: Scheme,
    authority: Authority,
    until: Instant,
    header: Option<HeaderValue>,
}

impl Jar {
    /// Stores the cookies that a response from `uri` sets.
    fn take(&mut self, uri: &Uri, headers: &HeaderMap) {
        let mut lines = headers.get_all(SET_COOKIE).iter().peekable();
        if lines.peek().is_none() {
            return;
        }
        let Some(url) = url(uri) else { return };
        self.cached = None;
        for line in lines {
            // A cookie that does not parse, or is for another domain, is ignored, as in browsers.
            if let Some(cookie) = set_cookie::parse(line.as_bytes(), &url) {
                self.put(cookie);
            }
        }
    }

    /// Stores cookies, each `name=value`, for every path of a URL's host.
    fn add(&mut self, uri: &Uri, cookies: &[HeaderValue]) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            let line = [cookie.as_bytes(), b"; Path=/"].concat();
            headers.extend(HeaderValue::from_bytes(&line).map(|line| (SET_COOKIE, line)));
        }
        self.take(uri, &headers);
    }

    /// Removes every cookie.
    fn empty(&mut self) {
        self.cookies.clear();
        self.cached = None;
    }

    /// The `cookie` header of a request to `uri`.
    fn header(&mut self, uri: &Uri, now: Instant) -> Option<HeaderValue> {
        if self.cookies.is_empty() {
            return None;
        }
        if let Some(cached) = &self.cached
            && now < cached.until
            && uri.authority() == Some(&cached.authority)
            && uri.scheme() == Some(&cached.scheme)
        {
            return cached.header.clone();
        }
        let header = self.line(&url(uri)?);
        self.cached = match (uri.scheme(), uri.authority()) {
            (Some(scheme), Some(authority)) if self.is_site_wide() => Some(CachedHeader {
                scheme: scheme.clone(),
                authority: authority.clone(),
                until: now + CACHE_TTL,
                header: header.clone(),
            }),
            _ => None,
        };
        header
    }

    /// The value of the cookie `name` that would be sent to `uri`, the first of them if there are several.
    fn value(&self, uri: &Uri, name: &str) -> Option<String> {
        let url = url(uri)?;
        let named = self
            .matching(&url)
            .filter(|stored| stored.cookie.name() == name);
        let first = named.min_by_key(|stored| stored.rank())?;
        Some(first.cookie.value().to_owned())
    }

    /// Stores a cookie in place of its earlier value; an expired cookie only removes that value.
    fn put(&mut self, cookie: Cookie<'static>) {
        let known = self
            .cookies
            .iter()
            .position(|stored| stored.is_same(&cookie));
        let known = known.map(|index| self.cookies.remove(index));
        if cookie.is_expired() {
            return;
        }
        if self.cookies.len() == MAX_COOKIES {
            self.cookies.retain(|stored| !stored.cookie.is_expired());
        }
        if self.cookies.len() == MAX_COOKIES {
            self.cookies.remove(0);
        }
        let created = known.map_or_else(
            || {
                self.created += 1;
                self.created
            },
            |known| known.created,
        );
        self.cookies.push(StoredCookie { cookie, created });
    }

    fn matching(&self, url: &Url) -> impl Iterator<Item = &StoredCookie> {
        let fits =
            |stored: &&StoredCookie| stored.cookie.matches(url) && !stored.cookie.is_expired();
        self.cookies.iter().filter(fits)
    }

    /// The cookies for a URL as one header, in the order of RFC 6265, 5.4.
    fn line(&self, url: &Url) -> Option<HeaderValue> {
        let mut sent: Vec<&StoredCookie> = self.matching(url).collect();
        sent.sort_unstable_by_key(|stored| stored.rank());
        let mut line = String::new();
        for stored in sent {
            if !line.is_empty() {
                line.push_str("; ");
            }
            line.push_str(stored.cookie.name());
            line.push('=');
            line.push_str(stored.cookie.value());
        }
        if line.is_empty() {
            return None;
        }
        HeaderValue::try_from(line).ok()
    }

    /// Whether no cookie depends on a URL's path.
    fn is_site_wide(&self) -> bool {
        self.cookies
            .iter()
            .all(|stored| &*stored.cookie.path == "/")
    }
}

impl StoredCookie {
    /// The longest path goes first, and of one length the oldest cookie.
    fn rank(&self) -> (Reverse<usize>, u64) {
        (Reverse(self.cookie.path.len()), self.created)
    }

    fn is_same(&self, other: &Cookie<'_>) -> bool {
        self.cookie.name() == other.name()
            && self.cookie.domain == other.domain
            && self.cookie.path == other.path
    }
}

/// The cookies of the jar and then the request's own, which replace cookies of the same name.
pub(super) fn beside(jar: &HeaderValue, own: &HeaderValue) -> HeaderValue {
    let names: Vec<&[u8]> = pairs(own).map(pair_name).collect();
    let of_jar = pairs(jar).filter(|pair| !names.contains(&pair_name(pair)));
    joined(of_jar.chain(pairs(own)), own)
}

/// A request's own cookies without those that a response sets, which the jar sends from then on; `None` if no cookie is
/// left.
pub(super) fn without_set(own: &HeaderValue, response: &HeaderMap) -> Option<HeaderValue> {
    let lines = response.get_all(SET_COOKIE).iter();
    let set: Vec<&[u8]> = lines
        .filter_map(|line| set_cookie::name(line.as_bytes()))
        .collect();
    let left = pairs(own).filter(|pair| !set.contains(&pair_name(pair)));
    Some(joined(left, own)).filter(|left| !left.is_empty())
}

fn pairs(header: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let pairs = header.as_bytes().split(|&byte| byte == b';');
    pairs
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
}

fn pair_name(pair: &[u8]) -> &[u8] {
    let end = pair.iter().position(|&byte| byte == b'=');
    pair[..end.unwrap_or(pair.len())].trim_ascii()
}

/// Pairs as one header that is as sensitive as `own`.
fn joined<'a>(pairs: impl Iterator<Item = &'a [u8]>, own: &HeaderValue) -> HeaderValue {
    let line = pairs.collect::<Vec<_>>().join(&b"; "[..]);
    // Parts of header values make a header value.
    let mut header = HeaderValue::from_bytes(&line).unwrap_or_else(|_| own.clone());
    header.set_sensitive(own.is_sensitive());
    header
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
        assert_eq!(
            sent("http://shop.test/account/x"),
            Some(HeaderValue::from_static("deep=1; id=7"))
        );
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
        assert!(jar.cached.is_some());
        assert_eq!(sent(&mut jar, "http://other.test/", now), None);
        assert_eq!(sent(&mut jar, shop, now).as_deref(), Some("id=7"));
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, HeaderValue::from_static("id=8; Path=/"));
        jar.take(&Uri::from_static(shop), &headers);
        assert_eq!(sent(&mut jar, shop, now).as_deref(), Some("id=8"));
        headers.insert(SET_COOKIE, HeaderValue::from_static("id=8; Path=/deep"));
        jar.take(&Uri::from_static(page), &headers);
        assert!(sent(&mut jar, page, now).is_some_and(|line| line.matches("id=8").count() == 2));
        assert!(jar.cached.is_none());
    }

    /// Takes one cookie from the front page.
    fn set(jar: &mut Jar, line: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, HeaderValue::try_from(line).expect("a header"));
        jar.take(&Uri::from_static("http://www.shop.test/"), &headers);
    }

    fn sent(jar: &mut Jar, uri: &'static str) -> String {
        let header = jar.header(&Uri::from_static(uri), Instant::now());
        let header = header.expect("cookies");
        header.to_str().expect("text").to_owned()
    }

    #[test]
    fn the_longest_path_goes_first_and_then_the_oldest_cookie() {
        let mut jar = Jar::default();
        for line in [
            "b=1; Path=/",
            "a=1; Domain=shop.test; Path=/",
            "c=1; Path=/deep",
            "d=1; Path=/deep/er",
            "gone=1; Path=/",
            "b=2; Path=/",
            "gone=1; Path=/; Max-Age=-1",
            "gone=2; Path=/",
            "b=3; Path=/deep",
        ] {
            set(&mut jar, line);
        }
        let deep = "http://www.shop.test/deep/er/x";
        assert_eq!(sent(&mut jar, deep), "d=1; c=1; b=3; b=2; a=1; gone=2");
        let first = jar.value(&Uri::from_static(deep), "b");
        assert_eq!(first.as_deref(), Some("3"));
    }

    #[test]
    fn a_full_jar_lets_go_of_what_has_expired_and_then_of_what_was_set_longest_ago() {
        const PAGE: &str = "http://www.shop.test/";
        let mut jar = Jar::default();
        assert_eq!(jar.cookies.capacity(), 0);
        for number in 0..MAX_COOKIES {
            set(&mut jar, &format!("c{number}=1; Path=/"));
        }
        // A new value for a known name needs no room and makes the cookie the newest.
        set(&mut jar, "c0=2; Path=/");
        assert_eq!(jar.cookies.len(), MAX_COOKIES);
        set(&mut jar, "more=1; Path=/");
        let line = sent(&mut jar, PAGE);
        assert!(
            line.starts_with("c0=2; c2=1; ") && line.ends_with("; more=1"),
            "{line}"
        );
        // A deleted cookie is removed at once; an expired one when room is needed.
        set(
            &mut jar,
            "c2=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        );
        assert_eq!(jar.cookies.len(), MAX_COOKIES - 1);
        set(&mut jar, "short=1; Path=/; Max-Age=1000");
        jar.cookies.last_mut().expect("a cookie").cookie.expire();
        set(&mut jar, "last=1; Path=/");
        let line = sent(&mut jar, PAGE);
        assert!(
            line.starts_with("c0=2; c3=1; ") && line.ends_with("; more=1; last=1"),
            "{line}"
        );
    }

    #[test]
    fn a_requests_own_cookies_go_beside_the_jars() {
        let header = HeaderValue::from_static;
        for (jar, own, expected) in [
            ("sid=1; a=2", "state=on", "sid=1; a=2; state=on"),
            ("sid=1; a=2; a=3", " a=own;; b = 4", "sid=1; a=own; b = 4"),
            ("sid=1", "", "sid=1"),
        ] {
            assert_eq!(beside(&header(jar), &header(own)), expected);
        }
        let mut response = HeaderMap::new();
        response.insert(SET_COOKIE, header("state = off; Path=/"));
        let left = without_set(&header("state=on; other=1"), &response);
        assert_eq!(left, Some(header("other=1")));
        assert_eq!(without_set(&header("state=on"), &response), None);
    }
}
