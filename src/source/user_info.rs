//! `user:password@` in URLs. Reports and messages never show it.

use std::ops::Range;

/// The range of `user:password@` in a URL, if the URL has it.
pub(crate) fn find(url: &str) -> Option<Range<usize>> {
    let slashes = url.find("//")?;
    let is_authority = slashes == 0 || url[..slashes].ends_with(':');
    let start = slashes + 2;
    let authority = url[start..].split(['/', '?', '#']).next()?;
    let length = authority.rfind('@')? + 1;
    is_authority.then_some(start..start + length)
}

/// A line of a file with asterisks in place of the characters of `user:password@`, so that columns do not move.
pub(crate) fn masked(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        shown.extend([before, "://"]);
        rest = after;
        let end = rest.find(|c: char| c.is_whitespace() || "/?#'\"".contains(c));
        if let Some(length) = rest[..end.unwrap_or(rest.len())].rfind('@') {
            shown.extend(rest[..length].chars().map(|_| '*'));
            rest = &rest[length..];
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_with_the_last_at_sign_before_the_path() {
        for (url, expected) in [
            ("http://me:p@ss@host/x@y", Some("me:p@ss@")),
            ("//me@host", Some("me@")),
            ("http://host/x@y", None),
            ("http://host?x@y", None),
            ("/x//me@host/", None),
            ("http://host//me@host/", None),
        ] {
            assert_eq!(find(url).map(|found| &url[found]), expected, "{url}");
        }
    }

    #[test]
    fn a_masked_line_is_as_long_as_it_was() {
        assert_eq!(
            masked("a: [ 'http://me:pw@h/', \"https://ü:x@h\", http://h/@ ]"),
            "a: [ 'http://*****@h/', \"https://***@h\", http://h/@ ]"
        );
    }
}
