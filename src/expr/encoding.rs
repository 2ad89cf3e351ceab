//! Encodings of values inside a URL or a JSON string.

use std::fmt::{self, Write};

use super::{StoredValue, Value};

/// The encoding of a value inside a text.
///
/// In a URL, and in the pairs of a query or a form, a value is [`Percent`](Self::Percent)-encoded, so that no value can
/// add a path segment or a parameter. The only exception is a URL that consists of a single expression: its value is
/// already a URL and is written [`Plain`](Self::Plain). `url_encode(x)` inside a URL is not encoded a second time, and
/// `raw(x)` is written as [`Url`](Self::Url).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As plain text; a list or an object as compact JSON.
    Plain,
    /// Percent-encoded, for a URL or a form: all but the unreserved characters of RFC 3986 §2.3.
    Percent,
    /// As a part of a URL, for a URL: percent-encoded are only the characters that no URL may contain.
    Url,
    /// As a JSON value of its own type.
    Json,
    /// Escaped, inside a JSON string (RFC 8259 §7).
    JsonString,
}

impl Encoding {
    /// Appends `text` in this encoding.
    ///
    /// ```
    /// use gander::expr::Encoding;
    /// let mut out = String::new();
    /// Encoding::Percent.write("a b/ü", &mut out);
    /// assert_eq!(out, "a%20b%2F%C3%BC");
    /// ```
    pub fn write(self, text: &str, out: &mut String) {
        match self {
            Self::Plain => out.push_str(text),
            Self::Percent => percent(text, out, |byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
            }),
            Self::Url => percent(text, out, |byte| {
                byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)
            }),
            Self::Json => {
                out.push('"');
                written(write_json_text(text, out));
                out.push('"');
            }
            Self::JsonString => written(write_json_text(text, out)),
        }
    }

    /// Appends a value: a text without quotes unless this is [`Self::Json`], anything else as its JSON.
    pub(super) fn write_value(self, value: &Value, out: &mut String) {
        match value {
            Value::Text(text) => self.write(text, out),
            other => self.write_json(other, out),
        }
    }

    /// Appends a stored value.
    pub(super) fn write_stored(self, stored: StoredValue<'_>, out: &mut String) {
        match stored {
            StoredValue::Text(text) => self.write(text, out),
            StoredValue::Json(text) => self.write_json(&text, out),
            StoredValue::Value(value) => self.write_value(value, out),
        }
    }

    /// Appends the text of `json`, which is already JSON.
    fn write_json(self, json: &dyn fmt::Display, out: &mut String) {
        written(match self {
            Self::Plain | Self::Json => write!(out, "{json}"),
            Self::Percent | Self::Url | Self::JsonString => {
                let encoding = self;
                write!(Encoded { encoding, out }, "{json}")
            }
        });
    }
}

fn written(result: fmt::Result) {
    debug_assert!(result.is_ok(), "a String takes everything");
}

/// Encodes the text that is formatted into it.
struct Encoded<'a> {
    encoding: Encoding,
    out: &'a mut String,
}

impl Write for Encoded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.encoding.write(text, self.out);
        Ok(())
    }
}

const HEX_UPPER: &[u8; 16] = b"0123456789ABCDEF";
const HEX_LOWER: &[u8; 16] = b"0123456789abcdef";

/// Copies whole runs of ASCII characters that may stay; escapes the rest byte by byte.
fn percent(text: &str, out: &mut String, may_stay: impl Fn(u8) -> bool) {
    let mut run = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        if may_stay(byte) {
            continue;
        }
        // The bytes of a multi-byte character are all escaped, so a run never starts or ends inside one.
        if run < at {
            out.push_str(&text[run..at]);
        }
        out.push('%');
        push_hex(byte, HEX_UPPER, out);
        run = at + 1;
    }
    if run < text.len() {
        out.push_str(&text[run..]);
    }
}

/// Copies whole runs of ordinary characters; escapes quotes, backslashes and control characters (RFC 8259 §7).
pub(crate) fn write_json_text(text: &str, out: &mut impl Write) -> fmt::Result {
    let mut run = 0;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.write_str(&text[run..at])?;
        run = at + 1;
        match byte {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            _ => write!(out, "\\u{byte:04x}")?,
        }
    }
    out.write_str(&text[run..])
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        push_hex(byte, HEX_LOWER, &mut out);
    }
    out
}

fn push_hex(byte: u8, digits: &[u8; 16], out: &mut String) {
    out.push(char::from(digits[usize::from(byte >> 4)]));
    out.push(char::from(digits[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use url::Url;

    use super::*;

    fn encoded(encoding: Encoding, text: &str) -> String {
        let mut out = String::new();
        encoding.write(text, &mut out);
        out
    }

    #[test]
    fn each_encoding_escapes_what_its_surroundings_would_misread() {
        for (encoding, text, expected) in [
            (Encoding::Plain, "a/b?c=\"ü\"\n", "a/b?c=\"ü\"\n"),
            (Encoding::Percent, "", ""),
            (Encoding::Percent, "AZaz09-._~", "AZaz09-._~"),
            (
                Encoding::Percent,
                "a/b?c&d=e#f+g h%",
                "a%2Fb%3Fc%26d%3De%23f%2Bg%20h%25",
            ),
            (Encoding::Percent, "ü€🦆", "%C3%BC%E2%82%AC%F0%9F%A6%86"),
            (Encoding::Percent, "xüy\n", "x%C3%BCy%0A"),
            (Encoding::Json, "say \"hi\"", "\"say \\\"hi\\\"\""),
            (
                Encoding::JsonString,
                "a\\b\n\r\t\u{1}\u{1f}ü/",
                "a\\\\b\\n\\r\\t\\u0001\\u001fü/",
            ),
        ] {
            assert_eq!(encoded(encoding, text), expected, "{encoding:?} {text:?}");
        }
    }

    #[test]
    fn values_that_are_not_texts_are_written_as_json_and_encoded_too() {
        for (encoding, value, expected) in [
            (Encoding::Plain, json!(1e20), "1e+20"),
            (Encoding::Percent, json!(1e30), "1e%2B30"),
            (Encoding::Json, json!(-1.5), "-1.5"),
            (Encoding::Plain, json!(["a", 1, null]), r#"["a",1,null]"#),
            (Encoding::Percent, json!(["a"]), "%5B%22a%22%5D"),
            (Encoding::JsonString, json!({"k": true}), r#"{\"k\":true}"#),
            (Encoding::Json, json!({"k": "v"}), r#"{"k":"v"}"#),
        ] {
            let mut out = String::new();
            encoding.write_value(&Value::from(&value), &mut out);
            assert_eq!(out, expected, "{encoding:?} {value}");
        }
    }

    proptest! {
        #[test]
        fn percent_encoding_survives_a_url_parser(text in any::<String>()) {
            let url = format!("http://h/?v={}", encoded(Encoding::Percent, &text));
            let url = Url::parse(&url).expect("an encoded value keeps a URL valid");
            let read: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(read, vec![("v".to_owned(), text)]);
        }

        #[test]
        fn json_strings_survive_a_json_parser(text in any::<String>()) {
            let read: String = serde_json::from_str(&encoded(Encoding::Json, &text))
                .expect("an escaped text keeps JSON valid");
            prop_assert_eq!(read, text);
        }
    }
}
