//! Captures: values from a response for the steps that follow.

use http::HeaderName;
use regex::Regex;

use super::place::JsonLocation;
use super::response::{Response, clipped, nodes};
use crate::expr::{Context, below};
use crate::scenario::{Capture, CaptureFrom, CapturePick, CaptureSelection, Value};
use crate::transport::values_set;

/// A capture found no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no value for `{variable}` at {sought}: found {found}")]
pub struct CaptureMiss {
    /// The variable that has no value now.
    pub variable: String,
    /// The source that the capture searched: `JSON path $.id`, `header location`.
    pub sought: String,
    /// The value found instead, at most [`super::response::MAX_FOUND`] characters.
    pub found: String,
}

/// Takes a value from the response: from JSON with its type (null is a value), otherwise as text.
///
/// A cookie is looked up in this response, then in `jar`, since a redirect before the response may have set it.
pub fn take(
    capture: &Capture,
    response: &Response<'_>,
    jar: &dyn Fn(&str) -> Option<String>,
    context: &mut dyn Context,
) -> Result<Value, CaptureMiss> {
    let pick = capture.pick;
    let taken = match &capture.from {
        CaptureFrom::Json(path) => response.at(path).ok().flatten().and_then(|place| {
            let nodes = nodes(place.path, place.json().ok()?).ok()?.into_iter();
            picked(nodes, |found| place.value(&found), pick, context)
        }),
        CaptureFrom::Regex(expression, group) => {
            let groups = groups(expression, *group, response.text());
            picked(groups, Value::from, pick, context)
        }
        CaptureFrom::Css(query) => response
            .html()
            .ok()
            .and_then(|html| picked(query.texts(html), Value::from, pick, context)),
        CaptureFrom::Between(before, after) => {
            let found = between(response.text(), before, after);
            picked(found, Value::from, pick, context)
        }
        CaptureFrom::Body => Some(Value::from(response.text())),
        CaptureFrom::Status => Some(Value::from(i64::from(response.status.as_u16()))),
        CaptureFrom::Url => response.url.map(|url| Value::from(url.to_string())),
        CaptureFrom::Header(name) => picked(response.header(name), Value::from, pick, context),
        CaptureFrom::Cookie(name) => {
            let set = values_set(response.headers, name);
            picked(set.into_iter(), Value::from, pick, context)
                .or_else(|| picked(jar(name).into_iter(), Value::from, pick, context))
        }
    };
    taken.ok_or_else(|| CaptureMiss {
        variable: context.slot_name(capture.slot).to_owned(),
        sought: sought(&capture.from),
        found: found(&capture.from, response),
    })
}

/// The picked candidate, or all of them as a list; `None` if there is no candidate.
fn picked<T>(
    mut candidates: impl Iterator<Item = T>,
    into_value: impl Fn(T) -> Value,
    pick: CaptureSelection,
    context: &mut dyn Context,
) -> Option<Value> {
    let pick = match pick {
        CaptureSelection::Number(number) => {
            return candidates.nth(number as usize - 1).map(into_value);
        }
        CaptureSelection::Pick(pick) => pick,
    };
    match pick {
        CapturePick::First => candidates.next().map(into_value),
        CapturePick::Last => candidates.last().map(into_value),
        CapturePick::Random => {
            let candidates: Vec<T> = candidates.collect();
            // Drawn even for a single candidate, so that later draws do not depend on the number of candidates.
            let index = below(candidates.len() as u64, context.random());
            candidates.into_iter().nth(index as usize).map(into_value)
        }
        CapturePick::All => {
            let values: Vec<Value> = candidates.map(into_value).collect();
            (!values.is_empty()).then_some(Value::List(values))
        }
    }
}

/// A group of each match.
fn groups<'t>(expression: &Regex, group: usize, text: &'t str) -> impl Iterator<Item = &'t str> {
    let matches = expression.captures_iter(text);
    matches.filter_map(move |captures| captures.get(group).map(|found| found.as_str()))
}

/// The texts between two others, none of which overlap.
fn between<'t>(text: &'t str, before: &str, after: &str) -> impl Iterator<Item = &'t str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, begun) = rest.split_once(before)?;
        let (found, left) = begun.split_once(after)?;
        rest = left;
        Some(found)
    })
}

/// The source of a capture, in words.
pub(super) fn sought(from: &CaptureFrom) -> String {
    match from {
        CaptureFrom::Json(path) => format!("JSON path {path}"),
        CaptureFrom::Header(name) => format!("header {name}"),
        CaptureFrom::Regex(expression, _) => format!("regex {expression}"),
        CaptureFrom::Css(query) => format!("css {query}"),
        CaptureFrom::Between(before, after) => format!("between {before} and {after}"),
        CaptureFrom::Body => "body".to_owned(),
        CaptureFrom::Status => "status".to_owned(),
        CaptureFrom::Url => "url".to_owned(),
        CaptureFrom::Cookie(name) => format!("cookie {name}"),
    }
}

/// The response's content at that place, in words.
fn found(from: &CaptureFrom, response: &Response<'_>) -> String {
    match from {
        CaptureFrom::Json(path) => {
            let query = |place: &JsonLocation<'_, '_>| {
                place.json().map(|json| place.path.query(json).err())
            };
            match response.at(path).map(|place| place.as_ref().map(query)) {
                Err(reason) | Ok(Some(Err(reason))) => reason,
                Ok(Some(Ok(Some(error)))) => error.to_string(),
                Ok(None | Some(Ok(None))) => response.excerpt(),
            }
        }
        CaptureFrom::Css(_) => match response.html() {
            Ok(_) => response.excerpt(),
            Err(reason) => reason,
        },
        CaptureFrom::Regex(..) | CaptureFrom::Between(..) | CaptureFrom::Body => response.excerpt(),
        CaptureFrom::Status | CaptureFrom::Url => response.status.to_string(),
        CaptureFrom::Header(_) | CaptureFrom::Cookie(_) => {
            let names: Vec<&str> = response.headers.keys().map(HeaderName::as_str).collect();
            clipped(&format!("headers {}", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode, Uri};
    use serde_json::json;
    use std::time::Duration;

    use super::*;
    use crate::expr::fake::Fake;
    use crate::scenario::{CaptureDefault, CssQuery, JsonPath, SlotId};

    fn json_path(path: &str) -> CaptureFrom {
        CaptureFrom::Json(JsonPath::parse(path).expect(path))
    }

    fn regex(expression: &str) -> CaptureFrom {
        let expression = Regex::new(expression).expect(expression);
        let group = usize::from(expression.captures_len() > 1);
        CaptureFrom::Regex(expression, group)
    }

    fn header(name: &'static str) -> CaptureFrom {
        CaptureFrom::Header(HeaderName::from_static(name))
    }

    fn cookie_named(name: &str) -> CaptureFrom {
        CaptureFrom::Cookie(name.to_owned())
    }

    /// Takes from `body` and some headers; the cookie jar contains `session`.
    fn taken(
        from: CaptureFrom,
        pick: impl Into<CaptureSelection>,
        body: &[u8],
    ) -> Result<Value, CaptureMiss> {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("location", "/orders/7"),
            ("link", "<a>"),
            ("link", "<b>"),
            ("set-cookie", "sid = abc=1 ; Path=/; HttpOnly"),
            ("set-cookie", "theme=dark"),
            ("set-cookie", "session=gone; Max-Age=0"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let url = Uri::from_static("http://host/orders?page=2");
        let response = Response::new(StatusCode::OK, &headers, body, Duration::ZERO).with_url(&url);
        let jar = |name: &str| (name == "session").then(|| "from the jar".to_owned());
        let mut context = Fake::with([("it", json!(null))]).drawing([u64::MAX / 2]);
        let slot = SlotId(0);
        let wanted = Capture {
            slot,
            from,
            pick: pick.into(),
            otherwise: CaptureDefault::Fail,
        };
        take(&wanted, &response, &jar, &mut context)
    }

    #[test]
    fn values_are_taken_from_where_they_are() {
        use CapturePick::{All, First, Random};
        let body =
            br#"{"token": "t", "next": null, "items": [{"id": 1}, {"id": "2"}, {"id": {"x": 3}}]}"#;
        for (from, pick, expected) in [
            (json_path("$.token"), First, json!("t")),
            (json_path("$.next"), First, json!(null)),
            (json_path("$.items[*].id"), First, json!(1)),
            (json_path("$.items[*].id"), Random, json!("2")),
            (json_path("$.items[*].id"), All, json!([1, "2", {"x": 3}])),
            (json_path("$.items[-1].id"), First, json!({"x": 3})),
            (regex(r#""id": "?(\d)"#), First, json!("1")),
            (regex(r#""id": "?(\d)"#), All, json!(["1", "2"])),
            (regex(r"\d"), Random, json!("2")),
            (header("location"), First, json!("/orders/7")),
            (header("link"), All, json!(["<a>", "<b>"])),
            (cookie_named("sid"), First, json!("abc=1")),
            (cookie_named("theme"), All, json!(["dark"])),
            (cookie_named("session"), First, json!("from the jar")),
        ] {
            let shown = format!("{from:?} {pick:?}");
            assert_eq!(taken(from, pick, body), Ok(expected.into()), "{shown}");
        }
    }

    #[test]
    fn numbers_keep_the_digits_of_the_body() {
        use CapturePick::{All, First};
        let body = br#"{"id": 123456789012345678901, "lines": [{"price": 10.00}, {"price": 1E2}], "n": 7}"#;
        for (path, pick, expected) in [
            ("$.id", First, "123456789012345678901"),
            ("$.lines[*].price", All, "[10.00,1E2]"),
            ("$.lines[0]", First, r#"{"price":10.00}"#),
            ("$.n", First, "7"),
        ] {
            let value = taken(json_path(path), pick, body).expect(path);
            assert_eq!(value.to_string(), expected, "{path}");
        }
    }

    #[test]
    fn pages_are_searched_for_elements_texts_and_numbered_values() {
        use CapturePick::{First, Last};
        let css = |selector: &str, attribute: Option<&str>| {
            CaptureFrom::Css(CssQuery::parse(selector, attribute).expect(selector))
        };
        let between = |a: &str, b: &str| CaptureFrom::Between(a.into(), b.into());
        let group = |group| CaptureFrom::Regex(Regex::new("(.)=(.)").expect("a pattern"), group);
        let body = b"<a href='/x?a=1&amp;b=2'>Tea &amp; cake</a> <a href=/y>[1][2][3</a>";
        let number = CaptureSelection::Number;
        for (from, pick, expected) in [
            (css("a", None), First.into(), json!("Tea & cake")),
            (css("a", Some("href")), First.into(), json!("/x?a=1&b=2")),
            (css("a", Some("href")), Last.into(), json!("/y")),
            (between("[", "]"), First.into(), json!("1")),
            (between("[", "]"), number(2), json!("2")),
            (group(0), number(2), json!("a=1")),
            (group(1), number(2), json!("a")),
            (group(2), number(3), json!("2")),
            (CaptureFrom::Status, First.into(), json!(200)),
            (
                CaptureFrom::Url,
                First.into(),
                json!("http://host/orders?page=2"),
            ),
        ] {
            let shown = format!("{from:?} {pick:?}");
            assert_eq!(taken(from, pick, body), Ok(expected.into()), "{shown}");
        }
        assert_eq!(taken(CaptureFrom::Body, First, b"x"), Ok(json!("x").into()));
        for (from, pick) in [(between("[", "]"), number(3)), (css("b", None), number(1))] {
            taken(from, pick, body).expect_err("too few");
        }
    }

    #[test]
    fn a_group_that_took_no_part_is_no_candidate() {
        let value = taken(regex("a(x)?|b(?:)"), CapturePick::All, b"a ax b");
        assert_eq!(value, Ok(json!(["x"]).into()));
    }

    #[test]
    fn a_body_that_is_not_utf_8_is_searched_all_the_same() {
        let value = taken(regex("id=([0-9]+)"), CapturePick::First, b"\xff id=42 \xff");
        assert_eq!(value, Ok(json!("42").into()));
    }

    #[test]
    fn a_miss_says_what_was_looked_for_and_what_was_there() {
        use CapturePick::{All, First, Random};
        let headers = "headers location, link, set-cookie";
        for (from, pick, body, sought, found) in [
            (json_path("$.id"), First, "{}", "JSON path $.id", "{}"),
            (
                json_path("$.a[*]"),
                All,
                r#"{"a":[]}"#,
                "JSON path $.a[*]",
                r#"{"a":[]}"#,
            ),
            (
                json_path("$.id"),
                Random,
                "",
                "JSON path $.id",
                "an empty body, which is not JSON",
            ),
            (regex("x+"), First, "abc", "regex x+", "abc"),
            (header("etag"), First, "", "header etag", headers),
            (cookie_named("SID"), Random, "", "cookie SID", headers),
        ] {
            let miss = taken(from, pick, body.as_bytes()).expect_err(sought);
            assert_eq!((&*miss.sought, &*miss.found), (sought, found));
            assert_eq!(
                miss.to_string(),
                format!("no value for `it` at {sought}: found {found}")
            );
        }
    }
}
