//! `timeline.csv`: one row per second and series, for spreadsheets and scripts. Times are microseconds.
//!
//! The rows of the whole run end with the metrics that are kept of the target, in the unit in which it tells them.
//!
//! A cell that a spreadsheet would run as a formula starts with an apostrophe.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::model::{KeptRow, Report, Row, SeriesTimeline, Spread};
use super::{RenderError, Renderer};
use crate::plan::{Series, Subject};
use crate::record::{Interval, KeptSum};
use crate::units::Micros;

/// Writes `timeline.csv`.
#[derive(Debug)]
pub struct TimelineCsv;

const COLUMNS: [&str; 24] = [
    "start_s",
    "end_s",
    "warm_up",
    "subject",
    "flow",
    "series",
    "ended",
    "failed",
    "p50_us",
    "p95_us",
    "p99_us",
    "max_us",
    "service_p99_us",
    "bytes_in",
    "bytes_out",
    "offered",
    "started",
    "late",
    "unstarted",
    "backlog",
    "active_users",
    "in_flight",
    "in_flight_at_end",
    "intervals",
];

impl Renderer for TimelineCsv {
    fn file_name(&self) -> &'static str {
        "timeline.csv"
    }

    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let kept = report.kept.iter().flat_map(kept_columns);
        let columns = COLUMNS.iter().map(|&column| Cow::from(column));
        let columns: Vec<Cow<'_, str>> = columns.chain(kept).collect();
        csv.write_record(columns.iter().map(|column| column.as_bytes()))?;
        write_rows(&mut csv, &report.header.series, &report.rows, &report.kept)?;
        written(csv)
    }
}

/// The line of column names.
pub fn columns() -> Result<Vec<u8>, RenderError> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(COLUMNS)?;
    written(csv)
}

/// The rows of one interval, in the columns of `timeline.csv`: the whole run first, then each series.
pub fn interval_rows(interval: &Interval, series: &[Series]) -> Result<Vec<u8>, RenderError> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    write_rows(&mut csv, series, &SeriesTimeline::of(interval, series), &[])?;
    written(csv)
}

fn written(csv: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, RenderError> {
    csv.into_inner()
        .map_err(|error| RenderError::Csv(error.into_error().into()))
}

fn write_rows(
    csv: &mut csv::Writer<Vec<u8>>,
    series: &[Series],
    timeline: &SeriesTimeline,
    kept: &[KeptRow],
) -> Result<(), RenderError> {
    let intervals = timeline.intervals_per_row.to_string();
    let mut sums = timeline.kept.iter();
    for row in &timeline.rows {
        let sums = row.series.is_none().then(|| sums.next()).flatten();
        let cells = kept.iter().flat_map(|row| {
            let sum = sums.and_then(|sums: &BTreeMap<_, _>| sums.get(&row.metric.name));
            kept_cells(row, sum)
        });
        let cells: Vec<String> = cells.collect();
        write(csv, series, row, &intervals, &cells)?;
    }
    Ok(())
}

/// The columns of a kept metric: its mean, and of a histogram its p99.
fn kept_columns(row: &KeptRow) -> Vec<Cow<'static, str>> {
    let name = row.name();
    let p99 = row.is_histogram().then(|| format!("{name}_p99").into());
    [name.into()].into_iter().chain(p99).collect()
}

/// The cells of a kept metric; empty where it has no reading.
fn kept_cells(row: &KeptRow, sum: Option<&KeptSum>) -> Vec<String> {
    let cell = |number: Option<f64>| number.map_or_else(String::new, |number| number.to_string());
    let mut cells = vec![cell(sum.and_then(KeptSum::mean))];
    if row.is_histogram() {
        let observed = sum.and_then(KeptSum::observed);
        cells.push(cell(
            observed.and_then(|observed| observed.at_quantile(0.99)),
        ));
    }
    cells
}

fn write(
    csv: &mut csv::Writer<Vec<u8>>,
    series: &[Series],
    row: &Row,
    intervals: &str,
    kept: &[String],
) -> Result<(), RenderError> {
    let series = row.series.and_then(|id| series.get(id.0 as usize));
    let (subject, flow, name) = match series {
        None => ("run", "", ""),
        Some(series) => {
            let subject = match series.subject {
                Subject::Requests => "requests",
                Subject::Silent => "silent",
                Subject::Iterations => "iterations",
                Subject::Groups => "groups",
            };
            (subject, series.flow.as_str(), series.name.as_str())
        }
    };
    let time = |of: fn(&Spread) -> Micros| {
        row.response
            .as_ref()
            .map_or_else(String::new, |spread| of(spread).0.to_string())
    };
    let seconds = |time: Micros| format!("{:.3}", time.as_secs_f64());
    let mut cells: Vec<Cow<'_, str>> = vec![
        seconds(row.start).into(),
        seconds(row.end).into(),
        if row.is_warm_up { "1" } else { "0" }.into(),
        subject.into(),
        harmless(flow),
        harmless(name),
        row.ended.to_string().into(),
        row.failed.to_string().into(),
        time(|spread| spread.p50).into(),
        time(|spread| spread.p95).into(),
        time(|spread| spread.p99).into(),
        time(|spread| spread.max).into(),
        row.service_p99
            .map_or_else(String::new, |time| time.0.to_string())
            .into(),
        row.bytes_in.to_string().into(),
        row.bytes_out.to_string().into(),
    ];
    match &row.load {
        Some(load) => {
            let counts = [
                load.offered,
                load.started,
                load.late,
                load.unstarted,
                load.backlog,
                u64::from(load.active_users),
            ];
            cells.extend(counts.iter().map(|count| Cow::from(count.to_string())));
            cells.push(format!("{:.3}", load.in_flight_milli as f64 / 1e3).into());
            cells.push(load.in_flight.to_string().into());
        }
        None => cells.extend(std::iter::repeat_n(Cow::from(""), 8)),
    }
    cells.push(intervals.into());
    cells.extend(kept.iter().map(|cell| Cow::from(cell.as_str())));
    csv.write_record(cells.iter().map(|cell| cell.as_bytes()))?;
    Ok(())
}

/// Text that no spreadsheet executes: if it starts like a formula, it gets an apostrophe. Source: OWASP, CSV
/// injection.
fn harmless(text: &str) -> Cow<'_, str> {
    if text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_formula_is_disarmed() {
        for text in ["=1+1", "+1", "-1", "@sum", " =1", "＝cmd"] {
            assert!(harmless(text).starts_with('\''), "{text}");
        }
        assert_eq!(harmless("list documents"), "list documents");
        assert_eq!(harmless("a=b"), "a=b");
    }
}
