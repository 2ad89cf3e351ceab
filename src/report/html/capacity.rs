//! The section on the capacity.

use serde::Serialize;

use crate::record::{LevelResult, SearchLevel};
use crate::report::model::Report;
use crate::report::text;
use crate::units::{Micros, show_count, show_number, show_rate};

/// The section.
#[derive(Debug, Serialize)]
pub(super) struct CapacityBlock<'a> {
    result: String,
    law: String,
    levels: Vec<LevelLine<'a>>,
}

/// A row for a rate.
#[derive(Debug, Serialize)]
struct LevelLine<'a> {
    word: &'static str,
    mark: &'static str,
    tone: &'static str,
    purpose: &'static str,
    reason: &'a str,
    cells: [String; 7],
}

pub(super) fn capacity(report: &Report) -> Option<CapacityBlock<'_>> {
    let search = report.capacity.as_ref()?;
    let result = search
        .end
        .as_ref()
        .map(|end| text::clean(&end.result.to_string()));
    Some(CapacityBlock {
        result: result.unwrap_or_else(|| "the search was cut short".to_owned()),
        law: search.law_in_words(),
        levels: search.levels.iter().map(line).collect(),
    })
}

fn line(level: &SearchLevel) -> LevelLine<'_> {
    let (word, mark, tone) = match level.result {
        LevelResult::Held => ("Held", "✓", "pass"),
        LevelResult::Broke => ("Broke", "✗", "fail"),
        LevelResult::Invalid => ("No measurement", "–", "care"),
    };
    let time = |time: Option<u64>| time.map_or_else(|| "–".to_owned(), |us| Micros(us).to_string());
    LevelLine {
        word,
        mark,
        tone,
        purpose: level.purpose.word(),
        reason: match level.result {
            LevelResult::Held => "",
            LevelResult::Broke | LevelResult::Invalid => &level.reason,
        },
        cells: [
            text::clock(level.from),
            show_rate(level.rate),
            show_rate(level.completed_per_second()),
            show_count(level.due),
            show_number(level.in_flight),
            time(level.p50),
            time(level.p95),
        ],
    }
}
