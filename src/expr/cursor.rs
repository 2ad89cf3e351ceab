//! A position in the text of an expression, and errors about the text there.

use regex::Regex;

use super::ExprError;

/// A position in the text of an expression.
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    /// The next byte; always at the start of a character.
    pub(super) at: usize,
    /// The position of the enclosing `${`; `None` in a condition outside any.
    pub(super) open: Option<usize>,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            open: None,
        }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn take(&mut self, expected: &str) -> bool {
        let is_next = self.rest().starts_with(expected);
        if is_next {
            self.at += expected.len();
        }
        is_next
    }

    /// Takes this word if it is next and is not part of a longer word.
    pub(super) fn take_word(&mut self, expected: &str) -> bool {
        let is_next = self.rest().strip_prefix(expected).is_some_and(|after| {
            !after.starts_with(|c: char| is_name_start(c) || c.is_ascii_digit() || c == '.')
        });
        if is_next {
            self.at += expected.len();
        }
        is_next
    }

    pub(super) fn skip_space(&mut self) {
        self.word(char::is_whitespace);
    }

    pub(super) fn name(&mut self) -> &'a str {
        self.word(|c| is_name_start(c) || c.is_ascii_digit())
    }

    /// Takes the longest run of characters that `belongs` accepts.
    pub(super) fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes a text in quotes; a backslash escapes a quote or a backslash.
    pub(super) fn quoted(&mut self, quote: char) -> Result<String, ExprError> {
        let start = self.at;
        let mut content = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, character)) = characters.next() {
            if character == quote {
                self.at = start + offset + 1;
                return Ok(content);
            }
            let escaped =
                characters.next_if(|&(_, c)| character == '\\' && (c == quote || c == '\\'));
            content.push(escaped.map_or(character, |(_, c)| c));
        }
        self.at = start + 1;
        let message = format!("the text that starts with {quote} is never closed");
        Err(self.error(start, &message, &format!("end it with {quote}")))
    }

    /// The error for a text other than `expected`.
    pub(super) fn unexpected(&mut self, expected: &str) -> ExprError {
        let start = self.at;
        match (self.peek(), self.open) {
            (None, Some(open)) => {
                self.at = open + 2;
                self.error(
                    open,
                    &format!("`${{` has no closing `}}`: the text ends where {expected} was expected"),
                    "close it with `}`; write `$${` for the text `${`",
                )
            }
            (None, None) => self.error(
                start,
                &format!("the condition ends where {expected} was expected"),
                "a condition is a value, or two with ==, !=, <, <=, > or >= between them, joined by `and` and `or`",
            ),
            (Some(found), open) => {
                self.at += found.len_utf8();
                let hint = match open {
                    Some(_) => {
                        "`${…}` contains a variable, a column such as users.email, or a function such as random(1,3)"
                    }
                    None => {
                        "a value is a variable, a column such as users.email, a function such as random(1,3), a number \
                         or a 'text' in quotes"
                    }
                };
                let message = format!("found `{}` where {expected} was expected", found.escape_debug());
                self.error(start, &message, hint)
            }
        }
    }

    /// The next character, for a message.
    pub(super) fn found(&self) -> String {
        self.peek().map_or_else(
            || "the end".to_owned(),
            |c| format!("`{}`", c.escape_debug()),
        )
    }

    /// The range from `start` to the cursor, in characters: offset and length.
    pub(super) fn range(&self, start: usize) -> (usize, usize) {
        let characters = |range: &str| range.chars().count();
        (
            characters(&self.text[..start]),
            characters(&self.text[start..self.at]),
        )
    }

    /// An error about the text from `start` to the cursor.
    pub(super) fn error(&self, start: usize, message: &str, hint: &str) -> ExprError {
        ExprError {
            hint: Some(hint.to_owned()),
            ..self.fault(start, message)
        }
    }

    /// As [`Self::error`], without a hint.
    pub(super) fn fault(&self, start: usize, message: impl Into<String>) -> ExprError {
        let (offset, length) = self.range(start);
        ExprError {
            offset,
            length: length.max(1),
            message: message.into(),
            hint: None,
        }
    }

    /// Compiles the regular expression `text` at `start`. If `whole`, it must match a complete text.
    pub(super) fn regex(&self, start: usize, text: &str, whole: bool) -> Result<Regex, ExprError> {
        let compiled = if whole {
            Regex::new(&format!("^(?:{text})$"))
        } else {
            Regex::new(text)
        };
        compiled.map_err(|error| {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default();
            let reason = last.strip_prefix("error: ").unwrap_or(last);
            let message = format!("`{text}` is not a regular expression: {reason}");
            let hint = "use the syntax of the Rust crate regex: no look-around, no back-references";
            self.error(start, &message, hint)
        })
    }
}

pub(super) fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}
