//! Finds placeholders in the syntax of other tools: `{{id}}`, `{id}`, `$id`.
//!
//! Gander would send them unchanged, and only the target's log would show it. A URL normally has no braces, but it may
//! have dollars (`$filter`). In other texts both are common, so only `{{name}}` with a known name is an error.

use std::sync::LazyLock;

use regex::Regex;

/// A placeholder of another tool.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// The text as written.
    pub(super) written: String,
    /// Its name.
    pub(super) name: String,
    /// Its position in the text, in characters.
    pub(super) offset: usize,
}

const NAME: &str = r"\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)\s*";

static DOUBLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r"\{{\{{{NAME}\}}\}}")).ok());
static ANY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let (double, single) = (format!(r"\{{\{{{NAME}\}}\}}"), format!(r"\{{{NAME}\}}"));
    Regex::new(&format!(r"\$*(?:{double}|{single})|\$+{NAME}")).ok()
});

/// The first one in a URL.
pub(super) fn in_url(url: &str, known: &[String]) -> Option<Foreign> {
    // `${…}` and `$${` are Gander's own syntax.
    let mut found = ANY.as_ref()?.captures_iter(url);
    found.find_map(|found| {
        let whole = found.get(0)?;
        let is_ours = whole.as_str().starts_with("${") || whole.as_str().starts_with("$$");
        let found = foreign(url, &found).filter(|_| !is_ours)?;
        let has_braces = found.written.starts_with('{');
        (has_braces || known.contains(&found.name)).then_some(found)
    })
}

/// The first `{{name}}` with a known name.
pub(super) fn in_text(text: &str, known: &[String]) -> Option<Foreign> {
    if !text.contains("{{") {
        return None;
    }
    let mut found = DOUBLE.as_ref()?.captures_iter(text);
    found.find_map(|found| foreign(text, &found).filter(|found| known.contains(&found.name)))
}

fn foreign(text: &str, found: &regex::Captures<'_>) -> Option<Foreign> {
    let whole = found.get(0)?;
    let name = found.iter().skip(1).flatten().next()?;
    Some(Foreign {
        written: whole.as_str().trim_end().to_owned(),
        name: name.as_str().to_owned(),
        offset: text[..whole.start()].chars().count(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(found: Option<Foreign>) -> Option<String> {
        found.map(|found| format!("{} {} {}", found.written, found.name, found.offset))
    }

    #[test]
    fn only_what_would_be_sent_as_it_stands_is_found() {
        let known = ["id", "token", "users.email"].map(str::to_owned);
        for (url, expected) in [
            ("/items/{id}", Some("{id} id 7")),
            ("/items/{{id}}", Some("{{id}} id 7")),
            ("/items/$id/x", Some("$id id 7")),
            (
                "/ü/${id}/{ users.email }",
                Some("{ users.email } users.email 9"),
            ),
            ("/items/${id}", None),
            ("/items/${id ?? 'x'}?price=5$", None),
            ("/items/$${id}", None),
            ("/items?$5", None),
            ("/items?$filter=x", None),
        ] {
            assert_eq!(name(in_url(url, &known)).as_deref(), expected, "{url}");
        }
        for (text, expected) in [
            ("Bearer {{token}}", Some("{{token}} token 7")),
            ("{{ users.email }}", Some("{{ users.email }} users.email 0")),
            ("{{other}} {token} $token ${token}", None),
            (r#"{"a":{"token":1}}"#, None),
        ] {
            assert_eq!(name(in_text(text, &known)).as_deref(), expected, "{text}");
        }
    }
}
