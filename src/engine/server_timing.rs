//! The entries of `server-timing` headers: `db;dur=12.3;desc="a, b", cache;dur=0.1`.
//!
//! Source of the grammar: Server Timing, W3C Working Draft, section 2. As there, a part that is not understood is
//! skipped up to the next entry, and the first of several parameters with the same name counts.

use http::HeaderMap;

use crate::plan::threshold::values::is_token;

/// Calls `see` for the name and the duration, in ms, of every entry with a duration.
pub(super) fn durations(headers: &HeaderMap, mut see: impl FnMut(&str, f64)) {
    for value in headers.get_all("server-timing") {
        let text = String::from_utf8_lossy(value.as_bytes());
        let mut rest = Rest(&text);
        while !rest.0.is_empty() {
            let (name, duration) = rest.entry();
            if let Some(duration) = duration.filter(|_| !name.is_empty()) {
                see(name, duration);
            }
        }
    }
}

/// The part of a header that is not read yet.
struct Rest<'h>(&'h str);

impl<'h> Rest<'h> {
    /// The next entry, with its comma: its name, which is empty if there is none, and its duration.
    fn entry(&mut self) -> (&'h str, Option<f64>) {
        let name = self.token();
        let mut duration = None;
        loop {
            match self.skip_to(&[';', ',']) {
                Some(';') => {}
                Some(_) | None => return (name, duration.flatten()),
            }
            let parameter = self.token();
            if duration.is_none() && parameter.eq_ignore_ascii_case("dur") && self.takes('=') {
                duration = Some(self.value().trim().parse().ok());
            }
        }
    }

    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn token(&mut self) -> &'h str {
        self.skip_space();
        let end = self.0.bytes().position(|byte| !is_token(byte));
        let (token, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        token
    }

    fn takes(&mut self, wanted: char) -> bool {
        self.skip_space();
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// The value of a parameter: a token, or a text in quotes. An escape in quotes is no part of a number.
    fn value(&mut self) -> &'h str {
        if !self.takes('"') {
            return self.token();
        }
        let text = self.0;
        let length = quoted_length(text);
        self.0 = text.get(length + 1..).unwrap_or_default();
        &text[..length]
    }

    /// Takes everything up to one of these characters outside quotes, and the character; `None` at the end.
    fn skip_to(&mut self, wanted: &[char]) -> Option<char> {
        let mut from = 0;
        loop {
            let found = self.0[from..].find(|c| c == '"' || wanted.contains(&c));
            let Some(found) = found.map(|found| from + found) else {
                self.0 = "";
                return None;
            };
            if self.0[found..].starts_with('"') {
                let inside = &self.0[found + 1..];
                from = (found + 2 + quoted_length(inside)).min(self.0.len());
                continue;
            }
            let mut rest = self.0[found..].chars();
            let character = rest.next();
            self.0 = rest.as_str();
            return character;
        }
    }
}

/// The length of a text in quotes up to its closing quote, or to its end.
fn quoted_length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn found(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).expect("a header");
            headers.append("server-timing", value);
        }
        let mut found = Vec::new();
        durations(&headers, |name, ms| found.push(format!("{name}={ms}")));
        found.join(" ")
    }

    #[test]
    fn every_entry_with_a_duration_is_found() {
        for (value, expected) in [
            ("db;dur=53.2", "db=53.2"),
            ("miss, db;dur=53, app;dur=47.2", "db=53 app=47.2"),
            ("db;dur=\"12.5\"", "db=12.5"),
            ("db ; DUR = 1 ; desc = x", "db=1"),
            ("db;desc=\"a, b; dur=9\";dur=2,x;dur=3", "db=2 x=3"),
            ("db;desc=\"a \\\" ,y;dur=9\";dur=2", "db=2"),
            ("db;dur=1;dur=2", "db=1"),
            ("db;dur=;dur=2", ""),
            ("db;dur=fast, x;dur=1", "x=1"),
            (",, ;dur=5, x;dur=1e-1", "x=0.1"),
            ("a b;dur=4, c;dur=5 junk, d;dur=6", "a=4 c=5 d=6"),
            ("db;desc=\"open, x;dur=3", ""),
            ("=;dur=1, x", ""),
            ("", ""),
        ] {
            assert_eq!(found(&[value]), expected, "{value}");
        }
        assert_eq!(found(&["a;dur=1", "b;dur=2,c;dur=3"]), "a=1 b=2 c=3");
    }

    proptest! {
        #[test]
        fn no_header_is_too_odd(value in "[ -~]{0,40}") {
            found(&[&value]);
        }
    }
}
