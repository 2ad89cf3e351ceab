//! Parses JSON without losing digits: `serde_json` checks that a text is JSON, and this module splits it into values.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::de::{Error as _, IgnoredAny};

use super::{Number, Value};

/// The maximum nesting depth; the limit of `serde_json` for its own values.
const MAX_DEPTH: usize = 127;

impl Value {
    /// Parses a JSON text.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<IgnoredAny>(text)?;
        let mut reader = Reader {
            text,
            at: 0,
            depth: 0,
        };
        reader.value()
    }
}

/// A step from a value to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// To the member of this name.
    Name(String),
    /// To the item with this index, from 0.
    Index(usize),
}

/// The text of the value at the end of the steps, in a valid JSON text. Nothing else is parsed.
pub fn part<'t>(text: &'t str, steps: &[PathStep]) -> Option<&'t str> {
    steps.iter().try_fold(text, |text, step| {
        let mut reader = Reader {
            text,
            at: 0,
            depth: 0,
        };
        match (step, reader.peek()) {
            (PathStep::Name(name), b'{') => reader.member(name),
            (PathStep::Index(index), b'[') => reader.item(*index),
            (PathStep::Name(_) | PathStep::Index(_), _) => None,
        }
    })
}

/// A position in a valid JSON text.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self) -> Result<Value, serde_json::Error> {
        Ok(match self.peek() {
            b'{' => Value::Map(self.deeper(Self::members)?),
            b'[' => Value::List(self.deeper(Self::items)?),
            b'"' => Value::Text(self.string()?.into_owned()),
            b't' => self.word(Value::Bool(true), "true"),
            b'f' => self.word(Value::Bool(false), "false"),
            b'n' => self.word(Value::Null, "null"),
            _ => {
                let rest = &self.text[self.at..];
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'))
                    .unwrap_or(rest.len());
                self.at += end;
                Value::Number(Number::of(&rest[..end]))
            }
        })
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, serde_json::Error>,
    ) -> Result<T, serde_json::Error> {
        if self.depth == MAX_DEPTH {
            return Err(serde_json::Error::custom("it is nested too deeply"));
        }
        self.depth += 1;
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn word(&mut self, value: Value, word: &str) -> Value {
        self.at += word.len();
        value
    }

    fn items(&mut self) -> Result<Vec<Value>, serde_json::Error> {
        let mut items = Vec::new();
        self.at += 1;
        while !self.take(b']') {
            items.push(self.value()?);
            self.take(b',');
        }
        Ok(items)
    }

    fn members(&mut self) -> Result<Vec<(String, Value)>, serde_json::Error> {
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut places = HashMap::new();
        self.at += 1;
        while !self.take(b'}') {
            self.peek();
            let name = self.string()?;
            self.take(b':');
            let value = self.value()?;
            self.take(b',');
            let place = *places.entry(name.clone()).or_insert(members.len());
            match members.get_mut(place) {
                Some((_, earlier)) => *earlier = value,
                None => members.push((name.into_owned(), value)),
            }
        }
        Ok(members)
    }

    /// Reads the string at the cursor.
    fn string(&mut self) -> Result<Cow<'t, str>, serde_json::Error> {
        let start = self.at;
        if self.pass_string() {
            serde_json::from_str(&self.text[start..self.at]).map(Cow::Owned)
        } else {
            Ok(Cow::Borrowed(&self.text[start + 1..self.at - 1]))
        }
    }

    /// Skips the string at the cursor; true if it has escapes.
    fn pass_string(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        let mut is_escaped = false;
        while bytes.get(end).is_some_and(|byte| *byte != b'"') {
            let escape = bytes[end] == b'\\';
            is_escaped |= escape;
            end += if escape { 2 } else { 1 };
        }
        self.at = end + 1;
        is_escaped
    }

    /// Skips the value at the cursor and returns its text.
    fn raw(&mut self) -> &'t str {
        self.peek();
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'"' => {
                    self.pass_string();
                    if depth == 0 {
                        break;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => break,
                b'}' | b']' if depth == 1 => {
                    self.at += 1;
                    break;
                }
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// The text of a member of the object at the cursor; of duplicate names the last, as usual.
    fn member(&mut self, name: &str) -> Option<&'t str> {
        let mut found = None;
        self.at += 1;
        while !self.take(b'}') {
            self.peek();
            let known = self.string().ok()?;
            self.take(b':');
            let value = self.raw();
            self.take(b',');
            if known == name {
                found = Some(value);
            }
        }
        found
    }

    /// The text of an item of the list at the cursor.
    fn item(&mut self, index: usize) -> Option<&'t str> {
        let mut left = index;
        self.at += 1;
        while !self.take(b']') {
            let value = self.raw();
            self.take(b',');
            left = match left.checked_sub(1) {
                None => return Some(value),
                Some(left) => left,
            };
        }
        None
    }

    /// The next byte that is not white space; 0 at the end.
    fn peek(&mut self) -> u8 {
        let rest = self.text[self.at..].bytes();
        self.at += rest
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
            .count();
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn take(&mut self, expected: u8) -> bool {
        let is_next = self.peek() == expected;
        self.at += usize::from(is_next);
        is_next
    }
}
