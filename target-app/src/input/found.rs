//! Descriptions of invalid input. Values of a body are described and not repeated, because they may be passwords.

use serde_json::Value;

/// The message for a name that occurs more than once.
pub(super) const AGAIN: &str = "expected once, found again";
/// Maximum characters of a parameter that are shown.
const SHOWN: usize = 60;

/// A parameter of a query or a path, which is not secret.
pub(crate) fn text(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => {
            let characters = text.chars().count();
            format!("{:?}… of {characters} characters", &text[..end])
        }
    }
}

/// A value of a body.
pub(super) fn value(found: Option<&Value>) -> String {
    match found {
        None => "nothing".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(_)) => "a boolean".to_owned(),
        Some(Value::Number(_)) => "a number".to_owned(),
        Some(Value::String(text)) => string(text),
        Some(Value::Array(items)) => format!("an array of {}", items.len()),
        Some(Value::Object(_)) => "an object".to_owned(),
    }
}

/// A string of invalid length or with invalid characters.
pub(super) fn string(text: &str) -> String {
    let characters = text.chars().count();
    match (characters, text.contains('\0')) {
        (0, _) => "an empty string".to_owned(),
        (_, true) => "a string with a NUL character in it (\\u0000)".to_owned(),
        (_, false) if characters == text.len() => format!("a string of {characters} characters"),
        (_, false) => format!("a string of {characters} characters, {} bytes", text.len()),
    }
}

/// A string that is not an email address.
pub(super) fn email(text: &str) -> String {
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    let flaw = match text.split_once('@') {
        _ if text.contains(is_blank) => "with white space or a control character in it",
        None => "without @",
        Some(("", _)) => "with nothing before @",
        Some((_, "")) => "with nothing after @",
        Some((_, domain)) if domain.contains('@') => "with more than one @",
        Some(_) => return string(text),
    };
    format!("a string {flaw}")
}

/// An invalid list of words; `is_word` accepts the valid ones.
pub(super) fn words(found: Option<&Value>, most: usize, is_word: impl Fn(&str) -> bool) -> String {
    let Some(Value::Array(items)) = found else {
        return value(found);
    };
    if items.len() > most {
        return format!("a list of {}", items.len());
    }
    let flaw = items
        .iter()
        .enumerate()
        .find(|(_, item)| !item.as_str().is_some_and(&is_word));
    match flaw {
        Some((place, Value::String(word))) => {
            let odd = word.chars().find(|letter| !is_word(&letter.to_string()));
            let what = odd.map_or_else(
                || string(word),
                |odd| format!("a string with {odd:?} in it"),
            );
            format!("{what} at {place}")
        }
        Some((place, item)) => format!("{} at {place}", value(Some(item))),
        None => value(found),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_described_without_their_content() {
        for (found, told) in [
            (json!(""), "an empty string"),
            (
                json!("a\0b"),
                "a string with a NUL character in it (\\u0000)",
            ),
            (json!("canary"), "a string of 6 characters"),
            (json!("é😀"), "a string of 2 characters, 6 bytes"),
            (json!(12), "a number"),
            (json!([1, 2]), "an array of 2"),
            (json!(null), "null"),
        ] {
            assert_eq!(value(Some(&found)), told);
        }
        for (address, told) in [
            ("me", "a string without @"),
            ("@folio", "a string with nothing before @"),
            ("me@", "a string with nothing after @"),
            ("a@b@c", "a string with more than one @"),
            (
                "a b@c",
                "a string with white space or a control character in it",
            ),
        ] {
            assert_eq!(email(address), told);
        }
        let is_word = |word: &str| !word.is_empty() && word.chars().all(char::is_alphanumeric);
        for (list, told) in [
            (json!(["a", "b c"]), "a string with ' ' in it at 1"),
            (json!(["a", 3]), "a number at 1"),
            (json!(["a", "b", "c"]), "a list of 3"),
            (json!("a"), "a string of 1 characters"),
        ] {
            assert_eq!(words(Some(&list), 2, is_word), told);
        }
        assert_eq!(text("😀\0"), "\"😀\\0\"");
        assert_eq!(
            text(&"a".repeat(61)),
            format!("\"{}\"… of 61 characters", "a".repeat(60))
        );
    }
}
