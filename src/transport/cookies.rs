//! One user's cookies.

use cookie_store::CookieStore;
use http::Uri;
use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

/// More cookies than this are not taken: browsers stop at 50 to 180 a site.
const MAX_COOKIES: usize = 200;

/// The longest `set-cookie` that is taken, as in browsers.
const MAX_LENGTH: usize = 4096;

/// A jar; it costs nothing until a cookie is put into it.
#[derive(Debug, Default)]
pub(super) struct Jar {
    store: Option<Box<CookieStore>>,
}

impl Jar {
    /// Takes the cookies that a response from `uri` sets.
    pub(super) fn take(&mut self, uri: &Uri, headers: &HeaderMap) {
        let mut lines = headers.get_all(SET_COOKIE).iter().peekable();
        if lines.peek().is_none() {
            return;
        }
        let Some(url) = url(uri) else { return };
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
    pub(super) fn header(&self, uri: &Uri) -> Option<HeaderValue> {
        let store = self.store.as_ref()?;
        let mut line = String::new();
        for (name, value) in store.get_request_values(&url(uri)?) {
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

    /// The value of the cookie `name` that would be sent to `uri`.
    pub(super) fn value(&self, uri: &Uri, name: &str) -> Option<String> {
        let url = url(uri)?;
        self.store
            .as_ref()?
            .get_request_values(&url)
            .find_map(|(found, value)| (found == name).then(|| value.to_owned()))
    }
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
        let jar = jar(&[
            "id=7; Path=/",
            "deep=1; Path=/account",
            "safe=1; Secure",
            "no=1; Domain=other.test",
        ]);
        let sent = |url: &'static str| jar.header(&Uri::from_static(url));
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
