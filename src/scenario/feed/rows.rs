//! The rows of a feeder in memory: one text with all values, and the start of each row. A value costs its own length and
//! mostly one byte, about as in a CSV file; a row costs four more.

use std::fmt;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::FeedFault;
use crate::expr::StoredValue;
use crate::scenario::Value;

/// The rows of a feeder, each with a value for each column.
#[derive(Clone, Default)]
pub struct Rows {
    width: usize,
    /// The values, each after its head: its length in bytes times two, plus one if it is JSON and not a text. A head is in
    /// groups of six bits, the lowest first, one in a byte; all but the last group have the bit 0x40 too. So it is ASCII.
    text: String,
    /// The start of each row in `text`.
    starts: Vec<u32>,
    digests: OnceLock<Vec<[u8; 32]>>,
}

/// The bits of a byte of a head.
const GROUP: u32 = 6;
/// Set in a byte of a head if another follows.
const MORE: usize = 1 << GROUP;

impl Rows {
    /// No rows yet; each will have `width` values.
    pub(super) fn of_width(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// The number of rows.
    pub const fn len(&self) -> usize {
        self.starts.len()
    }

    /// True if there are no rows.
    pub const fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The value in a row and column.
    pub fn get(&self, row: usize, column: usize) -> Option<StoredValue<'_>> {
        self.row(row)?.nth(column)
    }

    /// The values of a row, in the order of the columns; `None` if there is no such row.
    pub fn row(&self, row: usize) -> Option<RowValues<'_>> {
        let start = *self.starts.get(row)?;
        Some(RowValues {
            text: self.text.get(start as usize..)?,
            left: self.width,
        })
    }

    /// SHA-256 of the values of each column; computed once.
    pub fn digests(&self) -> &[[u8; 32]] {
        self.digests.get_or_init(|| {
            let mut hashes = vec![Sha256::new(); self.width];
            let rows = (0..self.len()).filter_map(|row| self.row(row));
            for row in rows {
                for (value, hash) in row.zip(&mut hashes) {
                    let (kind, text) = match value {
                        StoredValue::Text(text) => (0, text),
                        StoredValue::Json(text) => (1, text),
                        StoredValue::Value(_) => continue,
                    };
                    let mut head = [kind; 9];
                    head[1..].copy_from_slice(&(text.len() as u64).to_le_bytes());
                    hash.update(head);
                    hash.update(text);
                }
            }
            hashes
                .into_iter()
                .map(|hash| hash.finalize().into())
                .collect()
        })
    }

    /// Makes room for rows that take this many bytes in a file. A large text that grows would be copied, and then be in
    /// memory twice.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.text.reserve_exact(bytes + bytes / 16);
    }

    /// Frees unused capacity, unless that would copy a large text; memory that was never used costs nothing.
    pub(super) fn shrink(&mut self) {
        const LARGE: usize = 16 << 20;
        if self.text.len() < LARGE {
            self.text.shrink_to_fit();
        }
        self.starts.shrink_to_fit();
    }

    /// Adds a row of texts, as many as there are columns.
    pub(super) fn push_texts<'t>(
        &mut self,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<(), FeedFault> {
        self.begin()?;
        for text in texts {
            self.value(text, 0);
        }
        Ok(())
    }

    /// Adds a row of values, as many as there are columns.
    pub(super) fn push<'v>(
        &mut self,
        values: impl IntoIterator<Item = &'v Value>,
    ) -> Result<(), FeedFault> {
        self.begin()?;
        for value in values {
            match value {
                Value::Text(text) => self.value(text, 0),
                value => self.value(&value.to_string(), 1),
            }
        }
        Ok(())
    }

    /// Removes the rows for which `keep` is false; an error of it ends this.
    pub(super) fn retain<E>(
        &mut self,
        mut keep: impl FnMut(&Self, usize) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut kept = Vec::new();
        for row in 0..self.len() {
            if keep(self, row)? {
                kept.push(row);
            }
        }
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        let mut end = 0;
        let starts = kept.into_iter().map(|row| {
            let from = self.starts[row] as usize;
            let next = self.starts.get(row + 1);
            let to = next.map_or(bytes.len(), |next| *next as usize);
            bytes.copy_within(from..to, end);
            let start = end;
            end += to - from;
            start as u32
        });
        let starts: Vec<u32> = starts.collect();
        self.starts = starts;
        self.digests = OnceLock::new();
        bytes.truncate(end);
        // Whole rows were moved, so this is UTF-8.
        self.text = String::from_utf8(bytes).unwrap_or_default();
        Ok(())
    }

    fn begin(&mut self) -> Result<(), FeedFault> {
        let start = u32::try_from(self.text.len()).map_err(|_| FeedFault::TooLarge)?;
        self.starts.push(start);
        Ok(())
    }

    fn value(&mut self, text: &str, is_json: usize) {
        let mut head = (text.len() << 1) | is_json;
        while head >= MORE {
            self.text.push(char::from((head % MORE + MORE) as u8));
            head >>= GROUP;
        }
        self.text.push(char::from(head as u8));
        self.text.push_str(text);
    }
}

/// The values of a row.
#[derive(Debug)]
pub struct RowValues<'r> {
    /// From the head of the next value on, beyond the end of the row.
    text: &'r str,
    left: usize,
}

impl<'r> Iterator for RowValues<'r> {
    type Item = StoredValue<'r>;

    fn next(&mut self) -> Option<StoredValue<'r>> {
        self.left = self.left.checked_sub(1)?;
        let (mut head, mut shift, mut length) = (0, 0, 0);
        for byte in self.text.bytes() {
            head |= (usize::from(byte) % MORE) << shift;
            shift += GROUP;
            length += 1;
            if usize::from(byte) < MORE {
                break;
            }
        }
        let (value, rest) = self.text.get(length..)?.split_at_checked(head >> 1)?;
        self.text = rest;
        Some(if head & 1 == 0 {
            StoredValue::Text(value)
        } else {
            StoredValue::Json(value)
        })
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({} of {} values)", self.len(), self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_any_length_comes_back() {
        let mut rows = Rows::of_width(2);
        let lengths = [0, 1, 31, 32, 63, 64, 2_047, 2_048, 70_000];
        for length in lengths {
            let text = "é@".repeat(length / 3) + &"x".repeat(length % 3);
            assert_eq!(text.len(), length);
            let list = Value::List(vec![text.as_str().into()]);
            rows.push([&Value::from(text.as_str()), &list])
                .expect("there is room");
        }
        for (row, length) in lengths.into_iter().enumerate() {
            let text = "é@".repeat(length / 3) + &"x".repeat(length % 3);
            let json = format!("[{text:?}]");
            assert_eq!(rows.get(row, 0), Some(StoredValue::Text(&text)));
            assert_eq!(rows.get(row, 1), Some(StoredValue::Json(&json)));
            assert_eq!(rows.get(row, 2), None);
        }
        assert_eq!(rows.get(lengths.len(), 0), None);
    }

    #[test]
    fn rows_that_are_not_kept_leave_the_others_as_they_were() {
        let mut rows = Rows::of_width(1);
        for number in 0..100 {
            rows.push_texts(["ü".repeat(number).as_str()])
                .expect("there is room");
        }
        rows.retain(|rows, row| Ok::<_, ()>(rows.get(row, 0).is_some() && row % 7 == 3))
            .expect("no error");
        let kept: Vec<usize> = (0..rows.len())
            .map(|row| {
                rows.get(row, 0)
                    .expect("a value")
                    .into_value()
                    .to_string()
                    .chars()
                    .count()
                    - 2
            })
            .collect();
        let expected: Vec<usize> = (0..100).filter(|number| number % 7 == 3).collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn the_digest_of_a_column_knows_its_values_their_kinds_and_their_ends() {
        let of = |values: &[Value]| {
            let mut rows = Rows::of_width(1);
            for value in values {
                rows.push([value]).expect("there is room");
            }
            rows.digests().to_vec()
        };
        let texts = |texts: &[&str]| {
            of(&texts
                .iter()
                .map(|text| Value::from(*text))
                .collect::<Vec<_>>())
        };
        assert_eq!(texts(&["ab", "c"]), texts(&["ab", "c"]));
        assert_ne!(texts(&["ab", "c"]), texts(&["a", "bc"]));
        assert_ne!(texts(&["ab", "c"]), texts(&["c", "ab"]));
        assert_ne!(texts(&["1"]), of(&[Value::from(1_i64)]));
    }
}
