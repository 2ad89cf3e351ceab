//! Words for messages: descriptions of values, suggestions for misspelt words.

use super::{Content, Node};

/// The maximum length of a name, a tag or a tag's value, in characters.
pub(crate) const LONGEST_NAME: usize = 200;

/// Describes a value for a message.
pub(crate) fn describe(node: &Node) -> String {
    match &node.value {
        _ if node.is_null() => "nothing".to_owned(),
        Content::Scalar(scalar) if scalar.text.is_empty() => "an empty text".to_owned(),
        Content::Scalar(scalar) => format!("`{}`", brief(&scalar.text)),
        Content::List(_) => "a list".to_owned(),
        Content::Map(_) => "a mapping".to_owned(),
    }
}

/// The start of a text, at most 60 characters of its first line.
pub(crate) fn brief(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    let start: String = line.chars().take(LONGEST).collect();
    format!("{start}…")
}

pub(crate) fn did_you_mean(word: &str) -> String {
    format!("did you mean `{word}`?")
}

/// `` `a`, `b` or `c` ``
pub(crate) fn one_of(words: &[&str]) -> String {
    let (last, rest) = match words {
        [] => return String::new(),
        [one] => return format!("`{one}`"),
        [rest @ .., last] => (last, rest),
    };
    let rest: Vec<String> = rest.iter().map(|word| format!("`{word}`")).collect();
    format!("{} or `{last}`", rest.join(", "))
}

pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// The most similar word, if one is similar enough.
pub(crate) fn nearest<'w>(
    found: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    if found.len() > LONGEST_NAME {
        return None;
    }
    let found = found.to_lowercase();
    // A word with more than two wrong letters of five is not a typing error; swapping two letters counts as one.
    let reach = (found.chars().count() * 2 / 5).clamp(1, 3);
    words
        .into_iter()
        .map(|word| {
            (
                strsim::damerau_levenshtein(&found, &word.to_lowercase()),
                word,
            )
        })
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_a_slip_away_and_no_further() {
        let words = ["users", "stages", "rate"];
        assert_eq!(nearest("user", words), Some("users"));
        assert_eq!(nearest("Users", words), Some("users"));
        assert_eq!(nearest("stagse", words), Some("stages"));
        assert_eq!(nearest("duration", words), None);
        assert_eq!(nearest("x", words), None);
    }
}
