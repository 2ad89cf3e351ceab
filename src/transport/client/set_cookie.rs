//! Parses a response's `set-cookie` lines as browsers do.

use chrono::{NaiveDate, Utc};
use cookie_store::{Cookie, CookieDomain, CookieExpiration, RawCookie};
use http::HeaderMap;
use http::header::SET_COOKIE;
use url::{Host, Url};

/// The maximum size of a cookie's name and value in bytes, as in browsers.
const MAX_LENGTH: usize = 4096;

/// The cookie that a line sets or deletes; `None` if the line is not a cookie, or a response from `url` may not set it.
pub(super) fn parse(line: &[u8], url: &Url) -> Option<Cookie<'static>> {
    let line = std::str::from_utf8(line).ok()?;
    let raw = RawCookie::parse(line).ok()?;
    if raw.name().len() + raw.value().len() > MAX_LENGTH || !keeps_prefix(&raw) {
        return None;
    }
    let mut cookie = Cookie::try_from_raw_cookie(&raw, url).ok()?.into_owned();
    if let Some(expires) = lenient_expiry(&raw, line) {
        cookie.expires = expires;
    }
    cookie.domain = domain(cookie.domain, url)?;
    Some(cookie)
}

/// The values that a response sets for the cookie `name`, without those that a later line deletes or replaces.
pub fn values_set(headers: &HeaderMap, name: &str) -> Vec<String> {
    let mut set: Vec<RawCookie<'_>> = Vec::new();
    for line in headers.get_all(SET_COOKIE) {
        let Some((line, cookie)) = std::str::from_utf8(line.as_bytes())
            .ok()
            .and_then(|line| Some((line, RawCookie::parse(line).ok()?)))
            .filter(|(_, cookie)| cookie.name() == name)
        else {
            continue;
        };
        set.retain(|known| (known.domain(), known.path()) != (cookie.domain(), cookie.path()));
        if !is_deleted(&cookie, line) {
            set.push(cookie);
        }
    }
    set.iter().map(|cookie| cookie.value().to_owned()).collect()
}

/// The name that a line sets, if it has one.
pub(super) fn name(line: &[u8]) -> Option<&[u8]> {
    let pair = line.split(|&byte| byte == b';').next()?;
    let end = pair.iter().position(|&byte| byte == b'=')?;
    Some(pair[..end].trim_ascii())
}

fn is_deleted(cookie: &RawCookie<'_>, line: &str) -> bool {
    let expires = match (cookie.max_age(), cookie.expires_datetime()) {
        (Some(age), _) => CookieExpiration::from(age),
        (None, Some(date)) => CookieExpiration::from(date),
        (None, None) => match lenient_expiry(cookie, line) {
            Some(expires) => expires,
            None => return false,
        },
    };
    expires.is_expired()
}

/// `__Secure-` and `__Host-` are promises about a cookie's attributes; browsers drop a cookie that breaks its promise.
fn keeps_prefix(cookie: &RawCookie<'_>) -> bool {
    let is_secure = cookie.secure() == Some(true);
    let has = |prefix: &str| {
        let start = cookie.name().get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if has("__Host-") {
        is_secure && cookie.domain().is_none() && cookie.path() == Some("/")
    } else {
        is_secure || !has("__Secure-")
    }
}

/// An address, or a name of one part, has no subdomains, so a cookie for it is for that host only. A name of one part
/// that is not the host itself (`Domain=com`) is refused.
fn domain(domain: CookieDomain, url: &Url) -> Option<CookieDomain> {
    match domain {
        CookieDomain::Suffix(name) => match url.host()? {
            Host::Domain(host) if host.contains('.') => {
                name.contains('.').then_some(CookieDomain::Suffix(name))
            }
            _ => CookieDomain::host_only(url).ok(),
        },
        own => Some(own),
    }
}

/// The expiry of a cookie whose date the cookie crate cannot parse (`1 Jan 1970`, `… UTC`).
fn lenient_expiry(cookie: &RawCookie<'_>, line: &str) -> Option<CookieExpiration> {
    if cookie.max_age().is_some() || cookie.expires().is_some() {
        return None;
    }
    let dates = line.split(';').skip(1).filter_map(|attribute| {
        let (name, value) = attribute.split_once('=')?;
        name.trim().eq_ignore_ascii_case("expires").then_some(value)
    });
    let date = dates.last()?;
    let left = seconds_since_1970(date)? - Utc::now().timestamp();
    Some(CookieExpiration::from(u64::try_from(left).unwrap_or(0)))
}

/// The algorithm of RFC 6265, 5.1.1: a time, a day, a month and a year in any order, with any delimiters.
fn seconds_since_1970(text: &str) -> Option<i64> {
    let is_delimiter = |c: char| !(c.is_ascii_alphanumeric() || c == ':');
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = time_of_day(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = leading_number(token, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_named(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = leading_number(token, 2..=4)
        {
            year = Some(match found {
                0..=69 => found + 2000,
                70..=99 => found + 1900,
                _ => found,
            });
        }
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year?).ok()?, month?, day?)?;
    let (hour, minute, second) = time?;
    Some(
        date.and_hms_opt(hour, minute, second)?
            .and_utc()
            .timestamp(),
    )
}

fn time_of_day(token: &str) -> Option<(u32, u32, u32)> {
    let mut parts = token.splitn(3, ':').map(|part| leading_number(part, 1..=2));
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// The number at the start of a token, if its number of digits is in range.
fn leading_number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let count = token.bytes().take_while(u8::is_ascii_digit).count();
    if !digits.contains(&count) {
        return None;
    }
    token[..count].parse().ok()
}

fn month_named(token: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let start = token.get(..3)?.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| *month == start)?;
    Some(index as u32 + 1)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn dates_are_read_in_whatever_form_they_come() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Thu, 1 Jan 1970 00:00:01 UTC", Some(1)),
            ("Thursday, 01-Jan-70 00:01:00 GMT", Some(60)),
            ("Fri Jan  2 00:00:00 1970", Some(86_400)),
            ("1 January 1970 1:00:00", Some(3_600)),
            ("0", None),
            ("-1", None),
            ("Thu, 32 Jan 1970 00:00:00 GMT", None),
            ("Thu, 01 Jan 1970", None),
        ] {
            assert_eq!(seconds_since_1970(text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_is_taken_as_browsers_take_it() {
        let shop = Url::parse("http://www.shop.test/cart/view").expect("a URL");
        let local = Url::parse("http://127.0.0.1/").expect("a URL");
        for (url, line, is_taken) in [
            (&shop, "id=7; Domain=.shop.test", true),
            (
                &shop,
                "id=7; Domain=SHOP.TEST; SameSite=odd; Partitioned",
                true,
            ),
            (&shop, "id=7; Domain=", true),
            (&shop, "id=7; Domain=test", false),
            (&shop, "id=7; Domain=other.test", false),
            (&shop, "id=7; Domain=op.test", false),
            (&shop, "name=ü", true),
            (&shop, "no pair", false),
            (&shop, "=no name", false),
            (&shop, "__Secure-id=7", false),
            (&shop, "__secure-id=7; Secure", true),
            (&shop, "__Host-id=7; Secure; Path=/cart", false),
            (&shop, "__Host-id=7; Secure; Path=/", true),
            (&local, "id=7; Domain=127.0.0.1", true),
            (&local, "id=7; Domain=0.0.1", false),
        ] {
            assert_eq!(parse(line.as_bytes(), url).is_some(), is_taken, "{line}");
        }
        let long = |length| format!("long={}; Path=/", "x".repeat(length));
        assert!(parse(long(MAX_LENGTH - 4).as_bytes(), &shop).is_some());
        assert!(parse(long(MAX_LENGTH - 3).as_bytes(), &shop).is_none());
    }

    #[test]
    fn what_a_response_sets_is_what_is_left_after_its_last_line() {
        let mut headers = HeaderMap::new();
        for line in [
            "id=old; Path=/",
            "id=gone; Path=/; Max-Age=0",
            "id=new; Path=/",
            "id=deep; Path=/deep",
            "left=1; Path=/; Expires=Thu, 1 Jan 1970 00:00:00 UTC",
            "kept=1; Expires=0",
        ] {
            headers.append(SET_COOKIE, HeaderValue::from_static(line));
        }
        assert_eq!(values_set(&headers, "id"), ["new", "deep"]);
        assert_eq!(values_set(&headers, "left"), Vec::<String>::new());
        assert_eq!(values_set(&headers, "kept"), ["1"]);
    }
}
