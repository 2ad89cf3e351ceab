//! Bodies as text: JSON with a member on each line, other texts as they are, the rest by size and type.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::engine::response::Response;
use crate::mask::Mask;
use crate::report::text::clean;
use crate::transport::{Content, Piece, TracedHop};
use crate::units::{ByteSize, show_count};

/// The most that is shown of a body, unless all of it is asked for.
const MAX_LINES: usize = 40;
const MAX_BYTES: usize = 4 << 10;

/// The most that is shown of a line, in characters.
const MAX_WIDTH: usize = 160;

/// The part of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Its beginning, if it is long.
    Beginning,
    /// All of it.
    Whole,
}

/// The text of a response's body; `None` if it has none.
pub(super) fn received(body: &Bytes, headers: &HeaderMap) -> Option<String> {
    if body.is_empty() {
        return None;
    }
    let response = Response::new(
        http::StatusCode::OK,
        headers,
        body,
        std::time::Duration::ZERO,
    );
    Some(if is_text(headers, body) {
        response.text().to_owned()
    } else {
        described(body.len() as u64, headers)
    })
}

/// The text of a request's content; `None` if it has none.
pub(super) fn sent(hop: &TracedHop) -> Option<String> {
    let pieces = match &hop.content {
        Content::Whole(_) => return received(&hop.decoded(), &hop.headers),
        Content::Pieces(pieces) => pieces,
    };
    let pieces = pieces.pieces.iter().map(|piece| match piece {
        Piece::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Piece::File(file) => {
            let (path, size) = (file.path.display(), ByteSize(file.length));
            format!("[the file {path}, {size}]")
        }
    });
    Some(pieces.collect())
}

fn described(size: u64, headers: &HeaderMap) -> String {
    let kind = content_type(headers);
    let kind = if kind.is_empty() {
        "an unknown type"
    } else {
        kind
    };
    format!("[{} of {}]", ByteSize(size), clean(kind))
}

fn content_type(headers: &HeaderMap) -> &str {
    let kind = headers.get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

/// True if the body is a text, by its type or, without a type, by its bytes.
fn is_text(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = content_type(headers).to_ascii_lowercase();
    if kind.is_empty() {
        return std::str::from_utf8(body).is_ok() && !body.contains(&0);
    }
    let words = [
        "json",
        "xml",
        "javascript",
        "urlencoded",
        "html",
        "yaml",
        "csv",
        "graphql",
    ];
    kind.starts_with("text/")
        || kind.contains("charset")
        || words.iter().any(|word| kind.contains(word))
}

/// The lines of a body without secrets, and a last line about what was left out.
pub(super) fn lines(text: &str, mask: &Mask, extent: Extent) -> Vec<String> {
    let pretty = pretty(text);
    let whole = pretty.as_deref().unwrap_or(text);
    // Long lines are clipped, so more is masked than is shown.
    let start = match extent {
        Extent::Beginning => beginning(whole, 16 * MAX_BYTES),
        Extent::Whole => whole,
    };
    let masked = mask.exchange(start);
    let (most, width, limit) = match extent {
        Extent::Beginning => (MAX_LINES, MAX_WIDTH, MAX_BYTES),
        Extent::Whole => (usize::MAX, usize::MAX, usize::MAX),
    };
    let mut size = 0;
    let mut is_cut = start.len() < whole.len();
    let mut each = masked.lines();
    let mut lines = Vec::new();
    for line in each.by_ref().take(most) {
        let line = clean_line(line);
        let clipped = clipped(&line, width);
        is_cut |= clipped.len() < line.len();
        size += clipped.len();
        if size > limit {
            is_cut = true;
            break;
        }
        lines.push(clipped);
    }
    is_cut |= each.next().is_some();
    if is_cut {
        let (all, size) = (whole.lines().count() as u64, ByteSize(text.len() as u64));
        let rows = if all == 1 { "line" } else { "lines" };
        lines.push(format!(
            "… {} {rows}, {size} in all; --full shows them",
            show_count(all)
        ));
    }
    lines
}

/// The beginning of a text, of at most this many bytes.
fn beginning(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// At most this many characters of a line.
pub(super) fn clipped(line: &str, width: usize) -> String {
    match line.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// A line with its indentation.
fn clean_line(line: &str) -> String {
    clean(&line.replace('\t', "    "))
}

/// JSON with a member or an item on each line, its digits and escapes as they are; `None` if it is not a JSON list or object.
fn pretty(text: &str) -> Option<String> {
    let trimmed = text.trim();
    if !trimmed.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str::<serde::de::IgnoredAny>(trimmed).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut characters = trimmed.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => {
                out.push(c);
                while let Some(inner) = characters.next() {
                    out.push(inner);
                    match inner {
                        '\\' => out.extend(characters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                out.push(c);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    Some(out)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    // Deeper levels are not indented further, since they would be far out of sight.
    out.extend(std::iter::repeat_n("  ", depth.min(40)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_keeps_every_character_that_counts() {
        let text = r#" {"a":[1,2.50,{}],"b":{"c":"x,\"{}"},"d":[ ]} "#;
        let expected = "{\n  \"a\": [\n    1,\n    2.50,\n    {}\n  ],\n  \"b\": {\n    \"c\": \"x,\\\"{}\"\n  },\n  \"d\": []\n}";
        assert_eq!(pretty(text).as_deref(), Some(expected));
        for other in ["{a}", "1", "\"x\"", "", "<p>", "{\"a\":1"] {
            assert_eq!(pretty(other), None, "{other}");
        }
    }

    #[test]
    fn a_long_body_is_cut_and_says_so() {
        let text = "ü\n".repeat(50);
        let shown = lines(&text, &Mask::default(), Extent::Beginning);
        assert_eq!(shown.len(), 41);
        assert_eq!(shown[40], "… 50 lines, 150 B in all; --full shows them");
        assert_eq!(lines(&text, &Mask::default(), Extent::Whole).len(), 50);
        let long = "ü".repeat(10_000);
        let shown = lines(&long, &Mask::default(), Extent::Beginning);
        assert_eq!(shown[0].chars().count(), MAX_WIDTH + 1);
        assert_eq!(shown[1], "… 1 line, 19.5 KiB in all; --full shows them");
    }

    #[test]
    fn secrets_of_a_cut_body_stay_hidden() {
        let secret = "s3cret-".repeat(2_000);
        let mask = Mask::of([&secret]);
        let text = format!("{{\"value\": \"{secret}\", \"password\": \"{secret}x\"}}");
        for extent in [Extent::Beginning, Extent::Whole] {
            let shown = lines(&text, &mask, extent).join("\n");
            assert!(!shown.contains("s3cret-s3"), "{shown}");
        }
    }

    #[test]
    fn a_body_that_is_no_text_is_described() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("image/png"));
        let body = Bytes::from_static(b"\x89PNG");
        assert_eq!(
            received(&body, &headers).as_deref(),
            Some("[4 B of image/png]")
        );
        assert_eq!(received(&Bytes::new(), &headers), None);
        let plain = HeaderMap::new();
        assert_eq!(
            received(&Bytes::from_static(b"x"), &plain).as_deref(),
            Some("x")
        );
        assert_eq!(
            received(&Bytes::from_static(b"\0"), &plain).as_deref(),
            Some("[1 B of an unknown type]")
        );
    }
}
