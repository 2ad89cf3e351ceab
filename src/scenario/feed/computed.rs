//! Expressions over one row: filters, and columns of generated rows.
//!
//! Random values in them depend on the feeder's name and the row only, so that each run has the same rows, as from a
//! file.

use super::rows::Rows;
use super::{FeedFault, deal};
use crate::expr::{Condition, Context, Expression, Missing, SlotId, StoredValue, Template, Value};

/// Keeps the rows for which a condition holds; in it, slot c is column c.
pub(super) fn filter(
    feed: &str,
    rows: &mut Rows,
    columns: &[String],
    condition: &Condition,
) -> Result<(), FeedFault> {
    let before = rows.len();
    let mut used = Vec::new();
    condition.0.each_use(true, &mut |expression, _| {
        if let Expression::Slot(slot) = expression {
            used.push(slot.0 as usize);
        }
    });
    let mut values = vec![Value::Null; columns.len()];
    rows.retain(|rows, row| {
        for &column in &used {
            let value = rows.get(row, column);
            values[column] = value.map_or(Value::Null, |value| value.into_value().into_owned());
        }
        let mut context = RowContext::of(feed, row, columns, &values);
        condition
            .holds(&mut context)
            .map_err(|cause| FeedFault::NoValue {
                row: row + 1,
                cause,
            })
    })?;
    if rows.is_empty() {
        return Err(FeedFault::NoneKept { rows: before });
    }
    rows.shrink();
    Ok(())
}

/// `count` rows; in the template of a column, slot 0 is the row's number from 1, and slot c is column c - 1.
pub(super) fn generate(
    feed: &str,
    count: u64,
    columns: &[(String, Template)],
) -> Result<Rows, FeedFault> {
    let names: Vec<String> = std::iter::once("row".to_owned())
        .chain(columns.iter().map(|(name, _)| name.clone()))
        .collect();
    let mut rows = Rows::of_width(columns.len());
    let mut values = Vec::with_capacity(names.len());
    for row in 0..count as usize {
        values.clear();
        values.push(Value::from(row as i64 + 1));
        let mut random = None;
        for (_, template) in columns {
            let mut context = RowContext::of(feed, row, &names, &values);
            // The stream goes on from column to column.
            context.random = random.unwrap_or(context.random);
            let value = template.evaluate(&mut context);
            random = Some(context.random);
            let value = value.map_err(|cause: Missing| FeedFault::NoValue {
                row: row + 1,
                cause,
            })?;
            values.push(value);
        }
        rows.push(&values[1..])?;
    }
    rows.shrink();
    Ok(rows)
}

struct RowContext<'r> {
    values: &'r [Value],
    names: &'r [String],
    row: u64,
    /// The state of the random numbers.
    random: u64,
}

impl<'r> RowContext<'r> {
    fn of(feed: &str, row: usize, names: &'r [String], values: &'r [Value]) -> Self {
        Self {
            values,
            names,
            row: row as u64,
            random: deal::key(0, feed, row as u64),
        }
    }
}

impl Context for RowContext<'_> {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        self.values.get(slot.0 as usize)
    }

    fn column(&self, _: usize, _: usize) -> Option<StoredValue<'_>> {
        None
    }

    fn random(&mut self) -> u64 {
        self.random = deal::next(self.random);
        self.random
    }

    fn user(&self) -> u64 {
        0
    }

    fn iteration(&self) -> u64 {
        self.row
    }

    fn slot_name(&self, slot: SlotId) -> &str {
        self.names.get(slot.0 as usize).map_or("", String::as_str)
    }

    fn column_name(&self, _: usize, _: usize) -> String {
        String::new()
    }
}
