//! A comparison for people and programs: console, `compare.json`, `compare.md` and `compare.html`.

mod console;
mod html;
mod json;
mod markdown;
mod sitting;
mod words;

use std::collections::BTreeMap;

use crate::compare::Comparison;
use crate::units::show_count;

use super::model::Report;

pub use console::summary;
pub(in crate::report) use console::table as console_table;
pub(in crate::report) use html::Line;
pub use html::page;
pub(in crate::report) use json::RowDocument;
pub use json::{COMPARE_JSON_SCHEMA, COMPARE_SCHEMA, document};
pub use markdown::markdown;
pub use sitting::sitting_page;

/// A comparison with the reports of its runs.
#[derive(Debug, Clone)]
pub struct Compared {
    /// What is compared: the scenario, or the file of an experiment.
    pub title: String,
    /// The comparison.
    pub comparison: Comparison,
    /// Side A.
    pub a: Side,
    /// Side B.
    pub b: Side,
}

/// A side of a comparison.
#[derive(Debug, Clone)]
pub struct Side {
    /// What it is: folders, or the settings of an arm.
    pub name: String,
    /// The reports of its runs; none if they come from a baseline.
    pub reports: Vec<Report>,
}

/// Failed requests of one kind on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ErrorRow {
    step: String,
    class: String,
    a: u64,
    b: u64,
    example: Option<String>,
}

impl ErrorRow {
    /// True if side A had none.
    const fn is_new(&self) -> bool {
        self.a == 0 && self.b > 0
    }
}

impl Compared {
    /// The failures of both sides by step and kind, the new ones first.
    fn errors(&self) -> Vec<ErrorRow> {
        let mut rows: BTreeMap<(String, String), ErrorRow> = BTreeMap::new();
        for (side, is_b) in [(&self.a, false), (&self.b, true)] {
            for group in side.reports.iter().flat_map(|report| &report.failures) {
                let key = (group.step.clone(), group.class());
                let row = rows.entry(key.clone()).or_insert_with(|| ErrorRow {
                    step: key.0,
                    class: key.1,
                    a: 0,
                    b: 0,
                    example: None,
                });
                *(if is_b { &mut row.b } else { &mut row.a }) += group.count;
                if let Some(example) = group.example.as_ref().filter(|_| row.example.is_none()) {
                    row.example = Some(format!("{}: {}", example.request, example.detail));
                }
            }
        }
        let mut rows: Vec<ErrorRow> = rows.into_values().filter(|row| row.a + row.b > 0).collect();
        rows.sort_by_key(|row| (!row.is_new(), std::cmp::Reverse(row.b.max(row.a))));
        rows
    }

    /// `3 runs with 60,000 requests`
    fn size(runs: &[crate::compare::RunFacts]) -> String {
        let requests: u64 = runs.iter().map(|run| run.requests).sum();
        let word = if runs.len() == 1 { "run" } else { "runs" };
        let of = if requests == 1 { "request" } else { "requests" };
        format!("{} {word} with {} {of}", runs.len(), show_count(requests))
    }
}
