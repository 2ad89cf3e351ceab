//! Redacts secrets: every text that a run records or prints goes through a [`Mask`] first.
//!
//! A mask knows each secret value in every form in which a target may return it: plain, escaped for JSON, HTML or a
//! URL, in hex, in base64 (also inside longer base64). It also knows the places of secrets, whatever their value:
//! before the `@` of a URL, in a query, after `Bearer`, after a name such as `password`. A value of fewer than four
//! characters is redacted only in such places; elsewhere it would remove half of every sentence.

mod forms;
mod places;

use std::fmt;

use regex::Regex;

pub use places::labelled_values;

/// The text that replaces a secret.
pub const REDACTED: &str = "[redacted]";

/// Shorter values, in characters, are not searched for.
const SHORTEST: usize = 4;

/// Texts of this many characters may have been cut off at their end.
const CUT: usize = 200;

/// Words that are not secret even in the place of a secret.
const WORDS: [&str; 4] = ["true", "false", "null", "none"];

/// A name that contains one of these has a secret value; names are compared without `-`, `_` and the like.
const PARTS: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "session",
    "cookie",
    "jwt",
    "signature",
    "csrf",
    "xsrf",
];

/// A name that has one of these as a whole word has a secret value.
const NAMES: [&str; 8] = ["pw", "pass", "pin", "otp", "auth", "sid", "sig", "bearer"];

/// True if the value under this name (of a header, a field, a variable) is treated as a secret.
pub fn is_secret_name(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    PARTS.iter().any(|part| plain.contains(part))
        || name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| NAMES.iter().any(|name| word.eq_ignore_ascii_case(name)))
}

/// True if a [`Mask`] searches for this secret: it has at least four characters and is not a word such as `true`.
/// Otherwise it is redacted only in the places of secrets.
pub fn is_searched(secret: &str) -> bool {
    let secret = secret.trim();
    let is_word = WORDS.iter().any(|word| secret.eq_ignore_ascii_case(word));
    secret.chars().count() >= SHORTEST && !is_word
}

/// The known secrets, and the patterns that remove them from a text.
#[derive(Clone, Default)]
pub struct Mask {
    /// Each secret in all its forms, the longest first.
    known: Vec<KnownSecret>,
}

/// One secret.
#[derive(Clone)]
struct KnownSecret {
    length: usize,
    whole: Regex,
    /// The forms of its beginning, for texts that were cut off within it.
    beginnings: Vec<String>,
}

impl Mask {
    /// A mask for these secrets.
    pub fn of<T: AsRef<str>>(secrets: impl IntoIterator<Item = T>) -> Self {
        Self::default().with(secrets)
    }

    /// The same mask with more secrets.
    #[must_use]
    pub fn with<T: AsRef<str>>(&self, secrets: impl IntoIterator<Item = T>) -> Self {
        let mut known = self.known.clone();
        for secret in secrets {
            let secret = secret.as_ref().trim();
            for part in std::iter::once(secret).chain(forms::parts(secret)) {
                if is_searched(part) {
                    known.push(KnownSecret {
                        length: part.chars().count(),
                        whole: forms::pattern(part),
                        beginnings: forms::beginnings(part),
                    });
                }
            }
        }
        known.sort_by_key(|known| std::cmp::Reverse(known.length));
        Self { known }
    }

    /// Removes known secrets and every value in the place of a secret: for text from a target.
    pub fn text(&self, text: &str) -> String {
        places::hide(&self.known(text))
    }

    /// As [`Self::text`], but keeps the values in queries whose names do not mark them as secret: for text from a target
    /// that is shown to the person who asked it.
    pub fn exchange(&self, text: &str) -> String {
        places::hide_named(&self.known(text))
    }

    /// Removes known secrets and the user-info of URLs: for text that a person wrote.
    pub fn known(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for known in &self.known {
            if let std::borrow::Cow::Owned(hidden) = known.whole.replace_all(&text, REDACTED) {
                text = hidden;
            }
        }
        places::hide_user_info(&self.without_beginnings(&text))
    }

    /// Removes known secrets, the user-info of URLs and the values of their queries: for text of the command line.
    pub fn urls(&self, text: &str) -> String {
        places::hide_queries(&self.known(text))
    }

    /// Removes the beginning of a secret where a text was cut off: before each `…`, and at the end of a long text.
    fn without_beginnings(&self, text: &str) -> String {
        let is_long = text.chars().count() >= CUT;
        let mut out = String::with_capacity(text.len());
        for piece in text.split_inclusive('…') {
            let (before, mark) = match piece.strip_suffix('…') {
                Some(before) => (before, "…"),
                None => (piece, ""),
            };
            let kept = if mark.is_empty() && !is_long {
                before.len()
            } else {
                self.kept(before)
            };
            out.push_str(&before[..kept]);
            if kept < before.len() {
                out.push_str(REDACTED);
            }
            out.push_str(mark);
        }
        out
    }

    /// The length of the text before the beginning of a secret at its end.
    fn kept(&self, text: &str) -> usize {
        let beginnings = self.known.iter().flat_map(|known| &known.beginnings);
        let overlap = |beginning: &String| {
            let ends = beginning.char_indices().map(|(at, _)| at).rev();
            ends.take_while(|end| *end >= SHORTEST)
                .find(|end| text.ends_with(&beginning[..*end]))
        };
        text.len() - beginnings.filter_map(overlap).max().unwrap_or(0)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({} secrets)", self.known.len())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: &str = "s3cr&t/ \"ü\"+x=";

    fn hex(text: &str) -> String {
        let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
        digits
            .map(|digit| char::from_digit(digit.into(), 16).expect("a digit"))
            .collect()
    }

    #[test]
    fn a_secret_is_found_in_each_encoding() {
        let mask = Mask::of([SECRET]);
        let json = serde_json::to_string(SECRET).expect("JSON");
        let each = |form: fn(u8) -> String| SECRET.bytes().map(form).collect::<Vec<_>>().concat();
        let of_characters = |form: fn(u32) -> String| {
            let forms = SECRET.chars().map(|c| form(c.into()));
            forms.collect::<Vec<_>>().concat()
        };
        let percent = each(|byte| format!("%{byte:02x}"));
        let hex = each(|byte| format!("{byte:02X}"));
        for form in [
            SECRET.to_owned(),
            json[1..json.len() - 1].to_owned(),
            json.replace('/', "\\/").replace('ü', "\\u00fc"),
            "s3cr%26t%2F%20%22%C3%BC%22%2Bx%3D".to_owned(),
            "s3cr%26t%2f+%22%c3%bc%22%2bx=".to_owned(),
            percent,
            "s3cr&amp;t/ &quot;ü&quot;+x=".to_owned(),
            "s3cr&amp;t&sol; &quot;&uuml;&quot;&plus;x&equals;".to_owned(),
            "s3cr%26t/%20%22%FC%22%2Bx%3D".to_owned(),
            "s3cr&t/ \"\"ü\"\"+x=".to_owned(),
            "s3cr&t/ \\\"\\xc3\\xbc\\\"+x=".to_owned(),
            "s3cr&t/ \"\\u{fc}\"+x=".to_owned(),
            "s3cr&t/ \"\r\n ü\"+x=".to_owned(),
            "s3cr&t/ \"ü\"=\n+x=".to_owned(),
            of_characters(|number| format!("\\u{number:04x}")),
            of_characters(|number| format!("&#{number};")),
            of_characters(|number| format!("&#x{number:X};")),
            each(|byte| format!("\\x{byte:02x}")),
            {
                let encoded = STANDARD.encode(SECRET);
                let (line, rest) = encoded.split_at(9);
                format!("{line}\r\n{rest}")
            },
            hex.to_lowercase(),
            hex,
            STANDARD.encode(SECRET),
            STANDARD.encode(format!("me:{SECRET}")),
            STANDARD.encode(format!("a:{SECRET}:b")),
            URL_SAFE_NO_PAD.encode(format!("{SECRET}.")),
        ] {
            let hidden = mask.text(&format!("found <{form}> here"));
            assert!(hidden.contains(REDACTED), "{form}: {hidden}");
            for part in ["s3cr", "x=", "x%3", "me:"] {
                assert!(!hidden.contains(part), "{form}: {hidden}");
            }
        }
    }

    #[test]
    fn a_secret_that_was_cut_off_is_not_shown_in_part() {
        let mask = Mask::of(["canary-of-the-mine"]);
        assert_eq!(mask.text("found canary-of-t…"), "found [redacted]…");
        assert_eq!(mask.text("found canary-of-t"), "found canary-of-t");
        let long = format!("{}canary-o", "x ".repeat(100));
        assert!(mask.text(&long).ends_with("x [redacted]"));
        let encoded = STANDARD.encode("canary-of-the-mine");
        let cut = format!("{}…", &encoded[..12]);
        assert_eq!(mask.text(&cut), "[redacted]…");
    }

    #[test]
    fn every_line_of_a_long_secret_is_found_in_each_encoding() {
        let line = |number: u32| {
            let digits = (1..=16).map(|digit| format!("{:x}K{digit}", number * 7919 + digit));
            digits.collect::<Vec<_>>().concat()
        };
        let lines: Vec<String> = (0..12).map(line).collect();
        let key = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
            lines.join("\n")
        );
        let mask = Mask::of([&key]);
        let json = serde_json::to_string(&key).expect("JSON");
        let form: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let in_hex = hex(&key);
        let encoded = STANDARD.encode(format!("a{key}"));
        for text in [key.clone(), json, form, in_hex, encoded, lines[7].clone()] {
            let hidden = mask.text(&text);
            for line in &lines {
                let in_hex = hex(line);
                let encoded = STANDARD.encode(line);
                for trace in [line.as_str(), &in_hex, &encoded[4..20]] {
                    assert!(!hidden.contains(trace), "{hidden}");
                }
            }
        }
    }

    #[test]
    fn a_quote_in_a_secret_may_be_doubled() {
        let mask = Mask::of(["pa'ss'word"]);
        let told = "WHERE p = 'pa''ss''word' OR p = 'pa\\'ss\\'word'";
        assert_eq!(
            mask.text(told),
            "WHERE p = '[redacted]' OR p = '[redacted]'"
        );
    }

    #[test]
    fn short_values_and_plain_words_stay() {
        let mask = Mask::of(["abc", "true", "", "  "]);
        assert_eq!(mask.text("abc is true"), "abc is true");
    }

    #[test]
    fn where_secrets_stand_nothing_is_shown() {
        let mask = Mask::default();
        for (text, expected) in [
            ("http://me:pw@host/a", "http://[redacted]@host/a"),
            ("to %2F%2Fme:pw%40host", "to %2F%2F[redacted]%40host"),
            ("/cb?code=xyz&page=2#t=1", "/cb?code=…&page=…#t=…"),
            (
                "Authorization: Bearer ab9.cd-e",
                "Authorization: [redacted]",
            ),
            ("got Bearer Ab9cd.efgh now", "got Bearer [redacted] now"),
            ("basic authentication", "basic authentication"),
            ("x eyJhbGciOi.eyJzdWIiOi.abc y", "x [redacted] y"),
            (
                r#"{"password": "a\"b", "n": 1}"#,
                r#"{"password": [redacted], "n": 1}"#,
            ),
            (
                r#"{"h": {"x-api-key": "ab"}}"#,
                r#"{"h": {"x-api-key": [redacted]}}"#,
            ),
            (
                r#""{\"token\":\"ab\",\"n\":1}""#,
                r#""{\"token\":[redacted],\"n\":1}""#,
            ),
            (
                r#"{"tokens": ["a", "b"], "pin": 1234}"#,
                r#"{"tokens": [redacted], "pin": [redacted]}"#,
            ),
            (r#"{"token": null}"#, r#"{"token": null}"#),
            (
                r#"{"access_token": "cut o…"#,
                r#"{"access_token": [redacted]"#,
            ),
            (
                "user=me;password=pw rest",
                "user=me;password=[redacted] rest",
            ),
            ("<Password>pw</Password>", "<Password>[redacted]</Password>"),
            (
                r#"<input name="csrf_token" value="ab">"#,
                r#"<input name="csrf_token" value="[redacted]">"#,
            ),
            (
                "header x-api-key: found no header",
                "header x-api-key: found no header",
            ),
            (
                "invalid token: it has expired",
                "invalid token: it has expired",
            ),
        ] {
            assert_eq!(mask.text(text), expected, "{text}");
        }
    }

    #[test]
    fn names_tell_what_is_secret() {
        for name in [
            "X-Api-Key",
            "accessToken",
            "user_password",
            "pw",
            "Set-Cookie",
            "x-auth",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["author", "page", "sort_key", "footprint", "spin", "email"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
