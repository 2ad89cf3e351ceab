//! HTML documents, parsed as browsers do, within limits on their size and on what makes parsing slow.

use scraper::Html;

use crate::units::{ByteSize, show_count};

/// The largest HTML text that is parsed, in bytes; its tree takes several times as much memory.
const MAX_SIZE: usize = 8 << 20;

/// The maximum depth of elements. The parser's work for an element grows with its depth; browsers nest 512 at most.
const MAX_DEPTH: u64 = 1_000;

/// The maximum number of attributes of a tag, each of which the parser compares with the others.
const MAX_ATTRIBUTES: u64 = 1_000;

/// Elements without an end tag.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

/// Elements that end without an end tag, at the latest with the element around them.
const SELF_ENDING: [&str; 18] = [
    "body", "colgroup", "dd", "dt", "head", "html", "li", "optgroup", "option", "p", "rp", "rt",
    "tbody", "td", "tfoot", "th", "thead", "tr",
];

/// Elements whose content is text.
const RAW: [&str; 4] = ["script", "style", "textarea", "title"];

/// A parsed HTML document.
#[derive(Debug)]
pub struct HtmlDocument(pub(super) Html);

impl HtmlDocument {
    /// Parses HTML as browsers do: any text is a document.
    ///
    /// # Errors
    /// The text is over a limit; the error is a phrase.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_SIZE {
            let (size, most) = (ByteSize(text.len() as u64), ByteSize(MAX_SIZE as u64));
            return Err(format!(
                "a body of {size}, and HTML of more than {most} is not read"
            ));
        }
        if let Some(reason) = too_slow(text) {
            return Err(reason);
        }
        Ok(Self(Html::parse_document(text)))
    }
}

/// The reason why parsing the text would take long. It counts start and end tags, so it is an estimate.
fn too_slow(text: &str) -> Option<String> {
    let mut depth = 0_u64;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let is_end = rest.starts_with('/');
        let name = rest.trim_start_matches('/');
        let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let name = name[..length].to_ascii_lowercase();
        let name = name.as_str();
        if name.is_empty() {
            continue;
        }
        let (tag, attributes) = tag(rest);
        if attributes > MAX_ATTRIBUTES {
            let most = show_count(MAX_ATTRIBUTES);
            return Some(format!(
                "HTML with a `{name}` of more than {most} attributes, which is not read"
            ));
        }
        rest = &rest[tag..];
        if is_end {
            depth = depth.saturating_sub(u64::from(!SELF_ENDING.contains(&name)));
        } else if RAW.contains(&name) {
            let end = rest.find("</").unwrap_or(rest.len());
            rest = &rest[end..];
            depth += 1;
        } else if !VOID.contains(&name) && !SELF_ENDING.contains(&name) {
            depth += 1;
        }
        if depth > MAX_DEPTH {
            let most = show_count(MAX_DEPTH);
            return Some(format!(
                "HTML with more than {most} elements inside each other, which is not read"
            ));
        }
    }
    None
}

/// The length of a tag without its `<`, and about how many attributes it has.
fn tag(text: &str) -> (usize, u64) {
    let (mut quote, mut was_space) = (None, false);
    let (mut words, mut values) = (0_u64, 0_u64);
    for (at, byte) in text.bytes().enumerate() {
        match quote {
            Some(open) if open == byte => quote = None,
            Some(_) => {}
            None if byte == b'>' => return (at, words.max(values)),
            None => {
                let is_space = byte.is_ascii_whitespace();
                words += u64::from(was_space && !is_space);
                values += u64::from(byte == b'=');
                quote = Some(byte).filter(|byte| matches!(byte, b'"' | b'\''));
                was_space = is_space;
            }
        }
    }
    (text.len(), words.max(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_any_kind_are_read() {
        let list = format!(
            "<ul>{}</ul>",
            "<li>a<p>b<br><img src='a>b' alt=\"<div>\">".repeat(5_000)
        );
        let table = format!("<table>{}", "<tr><td>1<td><b>2</b>".repeat(5_000));
        let script = format!("<script>{}</script>", "x = '<div>';".repeat(5_000));
        let comments = "<!-- a --><!doctype html><?xml?>< div>a<b".repeat(500);
        for page in [
            "",
            "no markup",
            "<div>".repeat(900).as_str(),
            &list,
            &table,
            &script,
            &comments,
        ] {
            assert!(
                HtmlDocument::parse(page).is_ok(),
                "{}",
                &page[..page.len().min(50)]
            );
        }
    }

    #[test]
    fn a_page_that_would_take_long_is_refused_with_the_reason() {
        let attributes = |one: &str| format!("<img {}>", one.repeat(2_000));
        for (page, reason) in [
            (
                "<div>".repeat(200_000),
                "more than 1,000 elements inside each other",
            ),
            (
                "<b><i>x".repeat(1_000),
                "more than 1,000 elements inside each other",
            ),
            (attributes("a "), "a `img` of more than 1,000 attributes"),
            (attributes("a='1'"), "a `img` of more than 1,000 attributes"),
            ("x".repeat(MAX_SIZE + 1), "is not read"),
        ] {
            let refused = HtmlDocument::parse(&page).expect_err(reason);
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
