//! The response for checks and captures; its body is decoded once, and only if one of them needs it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::Duration;

use encoding_rs::{Encoding, UTF_8};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use serde_json::Value;
use serde_json_path::{NormalizedPath, PathElement};

use super::place::MOST;
use crate::scenario::{self, HtmlDocument, JsonPath, TooManyVisits};
use crate::transport::Exchange;
use crate::units::ByteSize;

/// A response to judge.
#[derive(Debug)]
pub struct Response<'a> {
    /// The final response's status.
    pub status: StatusCode,
    /// The final response's headers.
    pub headers: &'a HeaderMap,
    /// The decompressed body; empty if it was not kept.
    pub body: &'a [u8],
    /// From the request's actual start to its last byte.
    pub service_time: Duration,
    /// Its URL, after redirects; `None` if that is unknown.
    pub url: Option<&'a Uri>,
    text: OnceCell<Cow<'a, str>>,
    json: OnceCell<Result<Value, serde_json::Error>>,
    html: OnceCell<Result<HtmlDocument, String>>,
    /// Whether a large body is valid JSON.
    pub(super) validity: OnceCell<Result<(), serde_json::Error>>,
    /// An upper bound of the memory of its values, in bytes.
    pub(super) memory: OnceCell<u64>,
    /// The body's JSON with all digits of its numbers; parsed only for a number that needs them.
    digits: OnceCell<Option<scenario::Value>>,
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
            url: None,
            text: OnceCell::new(),
            json: OnceCell::new(),
            html: OnceCell::new(),
            validity: OnceCell::new(),
            memory: OnceCell::new(),
            digits: OnceCell::new(),
        }
    }

    /// The response of an exchange, which ended at this URL; `None` if none arrived.
    pub fn of(exchange: &'a Exchange, url: &'a Uri) -> Option<Self> {
        let service_time = exchange
            .finished
            .saturating_duration_since(exchange.started);
        let response = exchange.response.as_ref()?;
        let body = response.body.as_deref().unwrap_or_default();
        Some(Self::new(response.status, &response.headers, body, service_time).with_url(url))
    }

    /// The same response with its URL.
    #[must_use]
    pub const fn with_url(mut self, url: &'a Uri) -> Self {
        self.url = Some(url);
        self
    }

    /// The body as text, in the encoding given by its byte order mark or `charset=`, else UTF-8. Invalid bytes become
    /// replacement characters.
    pub fn text(&self) -> &str {
        self.text.get_or_init(|| self.decoded(self.body))
    }

    /// The body as JSON, or the reason why it is not JSON, in words.
    pub fn json(&self) -> Result<&Value, String> {
        let parsed = self.json.get_or_init(|| {
            if self.memory() > MOST {
                return Err(serde::de::Error::custom(format_args!(
                    "its values may take more than {} of memory; use a path that begins with names",
                    ByteSize(MOST)
                )));
            }
            // JSON is UTF-8 regardless of `charset`; the named encoding is only tried if UTF-8 fails.
            let (encoding, mark) = self.encoding(self.body);
            match serde_json::from_slice(&self.body[mark..]) {
                Err(_) if encoding != UTF_8 => serde_json::from_str(self.text()),
                // The body may contain numbers too large for a float.
                Err(error) => match self.json_text().map(scenario::Value::from_json) {
                    Some(Ok(value)) => Ok((&value).into()),
                    _ => Err(error),
                },
                parsed => parsed,
            }
        });
        parsed.as_ref().map_err(|error| self.not_json(error))
    }

    /// As [`Self::json`], with all digits of its numbers.
    pub(super) fn to_value(&self) -> Result<scenario::Value, String> {
        if self.memory() > MOST {
            return self.json().map(Into::into);
        }
        let parsed = match self.json_text().map(scenario::Value::from_json) {
            Some(Ok(value)) => return Ok(value),
            Some(Err(_)) | None => scenario::Value::from_json(self.text()),
        };
        parsed.map_err(|error| self.not_json(&error))
    }

    /// The body as HTML, or the reason why it is not parsed, in words.
    pub(super) fn html(&self) -> Result<&HtmlDocument, String> {
        let parsed = self.html.get_or_init(|| HtmlDocument::parse(self.text()));
        parsed.as_ref().map_err(Clone::clone)
    }

    /// The reason why the body is not JSON, or is not parsed.
    pub(super) fn not_json(&self, error: &serde_json::Error) -> String {
        if self.body.is_empty() {
            return "an empty body, which is not JSON".to_owned();
        }
        if error.is_data() {
            return format!("a JSON body that is not parsed: {error}");
        }
        clipped(&format!(
            "a body that is not JSON ({error}): {}",
            self.excerpt()
        ))
    }

    /// The body without its byte order mark, if it is UTF-8.
    pub(super) fn json_text(&self) -> Option<&'a str> {
        let (_, mark) = self.encoding(self.body);
        std::str::from_utf8(&self.body[mark..]).ok()
    }

    fn decoded(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        let (encoding, mark) = self.encoding(bytes);
        if encoding == UTF_8 {
            return String::from_utf8_lossy(&bytes[mark..]);
        }
        encoding.decode_without_bom_handling(&bytes[mark..]).0
    }

    /// The encoding of these first bytes of the body, and the length of its byte order mark. The mark takes precedence
    /// over `charset=`, as in browsers; unknown names are ignored.
    fn encoding(&self, bytes: &[u8]) -> (&'static Encoding, usize) {
        Encoding::for_bom(bytes).unwrap_or_else(|| {
            let named = charset(self.headers).and_then(Encoding::for_label);
            (named.unwrap_or(UTF_8), 0)
        })
    }

    /// A found value; its numbers have the digits of the body.
    pub(super) fn value(&self, found: &FoundNode<'_>) -> scenario::Value {
        let located = found.location.as_ref().and_then(|location| {
            // In the encoding that `json` uses.
            let parsed = self.digits.get_or_init(|| {
                self.json_text()
                    .and_then(|text| scenario::Value::from_json(text).ok())
                    .or_else(|| scenario::Value::from_json(self.text()).ok())
            });
            parsed.as_ref().and_then(|whole| at(whole, location))
        });
        located.map_or_else(|| found.node.into(), Clone::clone)
    }

    /// The values of a header, in order; a value that is not UTF-8 is read as Latin-1, as in older versions of HTTP.
    pub(super) fn header(&self, name: &HeaderName) -> impl Iterator<Item = Cow<'a, str>> {
        let values = self.headers.get_all(name).into_iter();
        values.map(|value| match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => encoding_rs::mem::decode_latin1(value.as_bytes()),
        })
    }

    /// The beginning of the body, for the message of a failed check.
    pub(super) fn excerpt(&self) -> String {
        if self.body.is_empty() {
            return "an empty body".to_owned();
        }
        // No character is longer than 4 bytes, so the rest would be cut off.
        let start = &self.body[..self.body.len().min(4 * (MAX_FOUND + 1))];
        clipped(&self.decoded(start))
    }
}

/// The `charset` of `content-type`.
fn charset(headers: &HeaderMap) -> Option<&[u8]> {
    let parameters = headers.get(CONTENT_TYPE)?.as_bytes().split(|&b| b == b';');
    parameters.skip(1).find_map(|parameter| {
        let equals = parameter.iter().position(|&b| b == b'=')?;
        let (name, value) = parameter.split_at(equals);
        let is_quote_or_space = |b: &u8| b"\"' \t".contains(b);
        let start = value[1..].iter().position(|b| !is_quote_or_space(b))? + 1;
        let end = value.iter().rposition(|b| !is_quote_or_space(b))? + 1;
        name.trim_ascii()
            .eq_ignore_ascii_case(b"charset")
            .then(|| &value[start..end])
    })
}

/// The nodes that the path finds in the body's JSON.
pub(super) fn nodes<'j>(
    path: &JsonPath,
    json: &'j Value,
) -> Result<Vec<FoundNode<'j>>, TooManyVisits> {
    let nodes = path.query(json)?;
    if nodes.iter().all(|node| is_exact(node)) {
        let found = |node| FoundNode {
            node,
            location: None,
        };
        return Ok(nodes.into_iter().map(found).collect());
    }
    let located = path.query_located(json).all().into_iter();
    let found = located.map(|found| FoundNode {
        node: found.node(),
        location: Some(found.location().clone()),
    });
    Ok(found.collect())
}

/// A value that a path finds, with its location if it contains a number that is not exact.
#[derive(Debug)]
pub(super) struct FoundNode<'j> {
    pub(super) node: &'j Value,
    pub(super) location: Option<NormalizedPath<'j>>,
}

/// True if every number is exact. Numbers beyond 64 bits, and numbers with a decimal point, may have lost digits.
pub(super) fn is_exact(node: &Value) -> bool {
    match node {
        Value::Number(number) => !number.is_f64(),
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// The value at a location.
fn at<'v>(
    whole: &'v scenario::Value,
    location: &NormalizedPath<'_>,
) -> Option<&'v scenario::Value> {
    location
        .iter()
        .try_fold(whole, |value, step| match (step, value) {
            (PathElement::Name(name), scenario::Value::Map(members)) => members
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, member)| member),
            (PathElement::Index(index), scenario::Value::List(items)) => items.get(*index),
            _ => None,
        })
}

/// The maximum length of a found value in a message, in characters.
pub const MAX_FOUND: usize = 200;

/// At most [`MAX_FOUND`] characters, with an ellipsis if the text is longer; control characters become spaces.
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

    fn of_type(content_type: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        headers
    }

    #[test]
    fn text_is_read_in_the_encoding_that_the_response_names() {
        for (content_type, body, expected) in [
            ("text/html", "ü".as_bytes(), "ü"),
            ("text/html; charset=ISO-8859-1", b"\xfc", "ü"),
            ("text/html;Charset = \"latin1\" ; q=1", b"\xfc", "ü"),
            ("text/html; charset='windows-1251'", b"\xff", "я"),
            ("text/html; charset=Shift_JIS", b"\x82\xa0", "あ"),
            ("text/html; charset=utf-16", b"a\0\xfc\0", "aü"),
            ("text/html; charset=utf-16be", b"\0a", "a"),
            ("text/html; charset=nonsense", "ü".as_bytes(), "ü"),
            ("text/html; charset=", "ü".as_bytes(), "ü"),
            // A byte order mark takes precedence, and is not part of the text.
            ("text/html; charset=latin1", b"\xef\xbb\xbf\xc3\xbc", "ü"),
            ("text/html", b"\xff\xfea\0", "a"),
        ] {
            let headers = of_type(content_type);
            let response = response(&headers, body);
            assert_eq!(response.text(), expected, "{content_type}");
            assert_eq!(response.excerpt(), expected, "{content_type}");
        }
    }

    #[test]
    fn json_may_begin_with_a_mark_and_be_encoded_in_another_way() {
        let utf16: Vec<u8> = "\u{feff}\"ü\""
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for (content_type, body) in [
            ("application/json", &b"\xef\xbb\xbf\"\xc3\xbc\""[..]),
            ("application/json; charset=utf-8", "\"ü\"".as_bytes()),
            ("application/json; charset=iso-8859-1", b"\"\xfc\""),
            ("application/json; charset=iso-8859-1", "\"ü\"".as_bytes()),
            ("application/json", &utf16),
        ] {
            let headers = of_type(content_type);
            let response = response(&headers, body);
            assert_eq!(response.json(), Ok(&Value::from("ü")), "{content_type}");
        }
    }

    #[test]
    fn a_header_that_is_not_utf_8_is_latin_1() {
        let mut headers = HeaderMap::new();
        for value in [&b"\xfc"[..], "ü".as_bytes()] {
            let value = http::HeaderValue::from_bytes(value).expect("a header");
            headers.append("x-name", value);
        }
        let response = response(&headers, b"");
        let texts: Vec<_> = response
            .header(&HeaderName::from_static("x-name"))
            .collect();
        assert_eq!(texts, ["ü", "ü"]);
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
