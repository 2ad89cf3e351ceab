//! A response as checks and captures see it: its body is decoded once, and only if one of them asks.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::Value;

use crate::transport::Exchange;

/// What a target answered.
#[derive(Debug)]
pub struct Response<'a> {
    /// The final response's status.
    pub status: StatusCode,
    /// The final response's headers.
    pub headers: &'a HeaderMap,
    /// The body, inflated; empty if it was not kept.
    pub body: &'a [u8],
    /// From the request's actual start to its last byte.
    pub service_time: Duration,
    text: OnceCell<Cow<'a, str>>,
    json: OnceCell<Result<Value, serde_json::Error>>,
}

impl<'a> Response<'a> {
    /// A response of these parts; nothing is decoded yet.
    pub const fn new(
        status: StatusCode,
        headers: &'a HeaderMap,
        body: &'a [u8],
        service_time: Duration,
    ) -> Self {
        Self {
            status,
            headers,
            body,
            service_time,
            text: OnceCell::new(),
            json: OnceCell::new(),
        }
    }

    /// The response of an exchange; `None` if none arrived.
    pub fn of(exchange: &'a Exchange) -> Option<Self> {
        let service_time = exchange
            .finished
            .saturating_duration_since(exchange.started);
        let body = exchange.body.as_deref().unwrap_or_default();
        exchange
            .status
            .map(|status| Self::new(status, &exchange.headers, body, service_time))
    }

    /// The body as text; bytes that are not UTF-8 become replacement characters.
    pub fn text(&self) -> &str {
        self.text.get_or_init(|| String::from_utf8_lossy(self.body))
    }

    /// The body as JSON, or why it is none, in words.
    pub fn json(&self) -> Result<&Value, String> {
        let parsed = self.json.get_or_init(|| serde_json::from_slice(self.body));
        parsed.as_ref().map_err(|error| {
            if self.body.is_empty() {
                return "an empty body, which is not JSON".to_owned();
            }
            clipped(&format!(
                "a body that is not JSON ({error}): {}",
                self.excerpt()
            ))
        })
    }

    /// The texts of a header, in order.
    pub(super) fn header(&self, name: &HeaderName) -> impl Iterator<Item = Cow<'a, str>> {
        let values = self.headers.get_all(name).into_iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()))
    }

    /// How the body begins, for a person who asks why a check failed.
    pub(super) fn excerpt(&self) -> String {
        if self.body.is_empty() {
            return "an empty body".to_owned();
        }
        // No character is longer than 4 bytes: more would be cut off anyway.
        let start = &self.body[..self.body.len().min(4 * (MAX_FOUND + 1))];
        clipped(&String::from_utf8_lossy(start))
    }
}

/// The most characters of what was found that are kept.
pub const MAX_FOUND: usize = 200;

/// At most [`MAX_FOUND`] characters, with an ellipsis for the rest, and no control character that a terminal would obey.
pub(super) fn clipped(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut characters = text.chars().map(visible);
    let mut kept: String = characters.by_ref().take(MAX_FOUND).collect();
    if characters.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Response<'a> {
        Response::new(StatusCode::OK, headers, body, Duration::ZERO)
    }

    #[test]
    fn json_is_parsed_once_and_shared() {
        let headers = HeaderMap::new();
        let response = response(&headers, br#"{"a": 1}"#);
        let first = response.json().expect("valid JSON");
        let second = response.json().expect("valid JSON");
        assert!(std::ptr::eq(first, second));
    }

    #[test]
    fn a_body_that_is_not_json_is_described() {
        let headers = HeaderMap::new();
        assert_eq!(
            response(&headers, b"<html>\n").json(),
            Err("a body that is not JSON (expected value at line 1 column 1): <html> ".to_owned())
        );
        assert_eq!(
            response(&headers, b"").json(),
            Err("an empty body, which is not JSON".to_owned())
        );
        let deep = "[".repeat(1_000_000);
        assert!(response(&headers, deep.as_bytes()).json().is_err());
    }

    #[test]
    fn excerpts_are_short_and_obey_no_one() {
        let headers = HeaderMap::new();
        for length in [199, 200, 201, 10_000] {
            let body = "ü".repeat(length);
            let excerpt = response(&headers, body.as_bytes()).excerpt();
            assert_eq!(excerpt.chars().count(), length.min(MAX_FOUND));
            assert_eq!(excerpt.ends_with('…'), length > MAX_FOUND);
        }
        let hostile = response(&headers, b"\x1b[2Jx\xff").excerpt();
        assert_eq!(hostile, " [2Jx\u{fffd}");
    }
}
