//! Places in a text that contain secrets, whatever their value.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{REDACTED, WORDS, is_secret_name};

/// A kind of place: a label whose first group is the name, and the value after it.
struct SecretPlace {
    label: Regex,
    value: Regex,
    is_secret: fn(&str) -> bool,
}

fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a valid expression")
}

static PLACES: LazyLock<[SecretPlace; 6]> = LazyLock::new(|| {
    let place = |label: &str, value: &str, is_secret| SecretPlace {
        label: expression(label),
        value: expression(value),
        is_secret,
    };
    [
        // A member of an object.
        place(
            r#"["']([\w.$-]+)["']\s*(?::|=>|=)\s*"#,
            r#"^(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\[[^\]]*\]?|\{[^}]*\}?|[^\s,"'}\]\[{]+)"#,
            is_secret_name,
        ),
        // A member of an object inside a JSON text.
        place(
            r#"\\+["']([\w.$-]+)\\+["']\s*:\s*"#,
            r#"^(?:\\+["'](?:[^"'\\]|\\+[^"'\\])*(?:\\+["'])?|[^\s,"'}\\\]]+)"#,
            is_secret_name,
        ),
        // A header line.
        place(
            r"([A-Za-z][\w-]*)\s?:\s+",
            r#"^(?:(?i:bearer|basic|digest|token)\s+)?[^\s"']+(?:;\s*[^\s"';=]+=[^\s"';]*)*"#,
            is_secret_header,
        ),
        // A form field or a cookie.
        place(
            r"([\w.\[\]-]+)=",
            r#"^(?:"[^"]*"?|'[^']*'?|[^\s&;,"'<>…]+)"#,
            is_secret_name,
        ),
        // An XML element.
        place(r"<([\w:.-]+)[^<>]*>", r"^[^<]+", is_secret_name),
        // An input field of an HTML page.
        place(
            r#"name=["']([\w.\[\]-]+)["'][^<>]*?value=["']"#,
            r#"^[^"']+"#,
            is_secret_name,
        ),
    ]
});

/// A colon also follows many words in sentences, so only names of headers count.
fn is_secret_header(name: &str) -> bool {
    let is_header = name.contains('-')
        || ["authorization", "cookie"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
    is_header && is_secret_name(name)
}

static USER_INFO: LazyLock<Regex> =
    LazyLock::new(|| expression(r#"((?i://|%2f%2f))[^/\s"'<>?#]*(@|%40)"#));
static QUERY: LazyLock<Regex> =
    LazyLock::new(|| expression(r#"([?&#][\w.%\[\]~-]+=)[^&\s"'<>#…]+"#));
static BEARER: LazyLock<Regex> =
    LazyLock::new(|| expression(r"(?i)\b(bearer|basic)(\s+|%20|\+)([A-Za-z0-9._~+/=-]{8,})"));
static JWT: LazyLock<Regex> =
    LazyLock::new(|| expression(r"\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*"));

/// The text without the values in such places, and without the values in queries of URLs.
pub(super) fn hide(text: &str) -> String {
    hide_user_info(&hide_queries(&hide_named(text)))
}

/// The text without the values in such places.
pub(super) fn hide_named(text: &str) -> String {
    let mut text = text.to_owned();
    for place in &*PLACES {
        text = place.hide(&text);
    }
    let text = BEARER.replace_all(&text, |found: &Captures<'_>| {
        // "basic authentication" is not a credential: a credential has other characters than lower-case letters after
        // the first.
        let is_word = found[3].chars().skip(1).all(|c| c.is_ascii_lowercase());
        if is_word {
            found[0].to_owned()
        } else {
            format!("{}{}{REDACTED}", &found[1], &found[2])
        }
    });
    JWT.replace_all(&text, REDACTED).into_owned()
}

/// `http://host/?a=b` without the values.
pub(super) fn hide_queries(text: &str) -> String {
    QUERY.replace_all(text, "$1…").into_owned()
}

/// `http://me:pw@host` without the credentials before the `@`.
pub(super) fn hide_user_info(text: &str) -> String {
    let hidden = format!("$1{REDACTED}$2");
    USER_INFO.replace_all(text, hidden.as_str()).into_owned()
}

/// The values in a text whose name marks them as secret.
pub fn labelled_values(text: &str) -> Vec<String> {
    let mut values = Vec::new();
    for place in &*PLACES {
        place.each(text, |value| {
            values.push(value.trim_matches(['"', '\'', '\\']).to_owned());
        });
    }
    values
}

impl SecretPlace {
    /// Calls `found` with each value in such a place, and returns the text without them.
    fn each(&self, text: &str, mut found: impl FnMut(&str)) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(label) = self.label.captures_at(text, at) {
            let end = label.get_match().end();
            out.push_str(&text[at..end]);
            at = end;
            if !(self.is_secret)(&label[1]) {
                continue;
            }
            let Some(value) = self.value.find(&text[end..]) else {
                continue;
            };
            let value = value.as_str();
            let is_word = value == "found" || WORDS.contains(&value) || value.starts_with("${");
            if is_word || value == REDACTED || value == "…" {
                out.push_str(value);
            } else {
                found(value);
                out.push_str(REDACTED);
            }
            at = end + value.len();
        }
        out.push_str(&text[at..]);
        out
    }

    fn hide(&self, text: &str) -> String {
        self.each(text, |_| {})
    }
}
