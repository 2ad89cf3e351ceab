//! `timeline.csv`: one row per second and series, for spreadsheets and scripts. Times are microseconds.
//!
//! A cell that a spreadsheet would run as a formula starts with an apostrophe.

use std::borrow::Cow;

use super::model::{Report, Row, SeriesTimeline, Spread};
use super::{RenderError, Renderer};
use crate::plan::{Series, Subject};
use crate::record::Interval;
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
        csv.write_record(COLUMNS)?;
        write_rows(&mut csv, &report.header.series, &report.rows)?;
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
    write_rows(&mut csv, series, &SeriesTimeline::of(interval, series))?;
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
) -> Result<(), RenderError> {
    let intervals = timeline.intervals_per_row.to_string();
    for row in &timeline.rows {
        write(csv, series, row, &intervals)?;
    }
    Ok(())
}

fn write(
    csv: &mut csv::Writer<Vec<u8>>,
    series: &[Series],
    row: &Row,
    intervals: &str,
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
