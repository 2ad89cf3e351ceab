//! The rows of a feeder in memory: one text with all values, and the end of each. A value costs its own length and four
//! bytes.

use std::fmt;

use super::FeedFault;
use crate::expr::StoredValue;
use crate::scenario::Value;

/// This bit is set in the end of a value that is not a text; it is stored as JSON.
const IS_JSON: u32 = 1 << 31;

/// The rows of a feeder, each with a value for each column.
#[derive(Clone, Default)]
pub struct Rows {
    width: usize,
    count: usize,
    text: String,
    /// By row, then column: the end of the value in `text`, and whether it is JSON.
    ends: Vec<u32>,
}

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
        self.count
    }

    /// True if there are no rows.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The value in a row and column.
    pub fn get(&self, row: usize, column: usize) -> Option<StoredValue<'_>> {
        if column >= self.width {
            return None;
        }
        let index = row.checked_mul(self.width)?.checked_add(column)?;
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let text = self
            .text
            .get((start & !IS_JSON) as usize..(end & !IS_JSON) as usize)?;
        Some(if end & IS_JSON == 0 {
            StoredValue::Text(text)
        } else {
            StoredValue::Json(text)
        })
    }

    /// Frees unused capacity.
    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Adds a row of texts, as many as there are columns.
    pub(super) fn push_texts<'t>(
        &mut self,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<(), FeedFault> {
        for text in texts {
            self.text.push_str(text);
            self.end(0)?;
        }
        self.count += 1;
        Ok(())
    }

    /// Adds a row of values, as many as there are columns.
    pub(super) fn push<'v>(
        &mut self,
        values: impl IntoIterator<Item = &'v Value>,
    ) -> Result<(), FeedFault> {
        use fmt::Write as _;
        for value in values {
            if let Value::Text(text) = value {
                self.text.push_str(text);
                self.end(0)?;
            } else {
                let _ = write!(self.text, "{value}");
                self.end(IS_JSON)?;
            }
        }
        self.count += 1;
        Ok(())
    }

    fn end(&mut self, mark: u32) -> Result<(), FeedFault> {
        match u32::try_from(self.text.len()) {
            Ok(end) if end & IS_JSON == 0 => {
                self.ends.push(end | mark);
                Ok(())
            }
            _ => Err(FeedFault::TooLarge),
        }
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({} of {} values)", self.count, self.width)
    }
}
