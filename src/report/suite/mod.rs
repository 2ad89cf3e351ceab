//! Several runs of different scenarios, one after the other: one table, one page, one file for machines.
//!
//! A suite keeps the main figures of each run; everything else is in the report of the run.

mod console;
mod html;
mod json;
mod markdown;

use serde::Serialize;

pub use console::table;
pub use html::INDEX_FILE;

use super::RenderError;
use super::html::conclusion;
use super::junit::JunitSuite;
use super::model::Report;
use crate::exit::Exit;
use crate::record::Timing;
use crate::units::{Micros, show_count, show_rate, show_share};

/// The name of the file for machines.
pub const SUITE_FILE: &str = "suite.json";

/// The name of the test results.
pub const JUNIT_FILE: &str = "junit.xml";

/// The runs of a suite.
#[derive(Debug)]
pub struct Suite {
    /// The identifier.
    pub id: String,
    /// When it began, in RFC 3339.
    pub started_at: String,
    /// The runs, in their order.
    pub entries: Vec<SuiteEntry>,
}

/// A run of a suite.
#[derive(Debug)]
pub struct SuiteEntry {
    /// The name of the scenario, with a number if an earlier one has the same.
    pub name: String,
    /// The scenario file, as given.
    pub file: String,
    /// The folder of the run, in that of the suite.
    pub folder: String,
    /// What came of it.
    pub result: EntryResult,
}

/// What came of a run.
#[derive(Debug)]
pub enum EntryResult {
    /// It ended, and has a report.
    Ran(Box<RunFigures>),
    /// It could not start, or did not end, for this reason.
    Broken(Exit, String),
    /// It was left out, for this reason.
    NotRun(String),
}

/// The verdict and the main figures of a run.
#[derive(Debug, Clone)]
pub struct RunFigures {
    run_id: String,
    exit: Exit,
    /// The word, the mark and the tone of the verdict.
    verdict: (&'static str, &'static str, &'static str),
    reason: String,
    measured: Micros,
    requests: u64,
    failed: u64,
    rate: f64,
    /// p50, p95 and p99 of the response time; `None` without good requests.
    times: Option<[Micros; 3]>,
    junit: JunitSuite,
}

impl RunFigures {
    /// The figures of a run, which test views know under this name.
    pub fn of(report: &Report, name: &str) -> Self {
        let response = report.time(Timing::ResponseTime);
        Self {
            run_id: report.header.run_id.clone(),
            exit: report.verdict.exit,
            verdict: conclusion(report.verdict.conclusion),
            reason: report.verdict.reason.clone(),
            measured: report.measured,
            requests: report.requests.ended,
            failed: report.requests.failed,
            rate: report.requests_per_second(),
            times: response
                .recorded()
                .map(|times| [times.p50, times.p95, times.p99]),
            junit: JunitSuite::of(report, name),
        }
    }
}

impl EntryResult {
    /// How its process would have ended; `None` if it was left out.
    pub fn exit(&self) -> Option<Exit> {
        match self {
            Self::Ran(figures) => Some(figures.exit),
            Self::Broken(exit, _) => Some(*exit),
            Self::NotRun(_) => None,
        }
    }

    /// The word, the mark and the tone of the verdict.
    const fn verdict(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ran(figures) => figures.verdict,
            Self::Broken(..) => ("Error", "!", "fail"),
            Self::NotRun(_) => ("Not run", "–", "care"),
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Ran(figures) => &figures.reason,
            Self::Broken(_, reason) | Self::NotRun(reason) => reason,
        }
    }
}

impl Suite {
    /// How the suite ends: as the run with the strongest exit code.
    pub fn exit(&self) -> Exit {
        let exits = self.entries.iter().filter_map(|entry| entry.result.exit());
        exits.min().unwrap_or(Exit::Passed)
    }

    /// The names of the runs that were left out.
    fn left_out(&self) -> Vec<&str> {
        let entries = self.entries.iter();
        let left_out = entries.filter(|entry| matches!(entry.result, EntryResult::NotRun(_)));
        left_out.map(|entry| entry.name.as_str()).collect()
    }

    /// The counts in words: `3 runs: 1 passed, 1 failed, 1 not run`.
    fn words(&self) -> String {
        let passed = |entry: &&SuiteEntry| entry.result.exit() == Some(Exit::Passed);
        let passed = self.entries.iter().filter(passed).count();
        let left_out = self.left_out().len();
        let others = self.entries.len() - passed - left_out;
        let counts = [
            (passed, "passed"),
            (others, "did not pass"),
            (left_out, "not run"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        format!("{} runs: {}", self.entries.len(), counts.join(", "))
    }

    /// `suite.json`
    pub fn json(&self) -> Result<Vec<u8>, RenderError> {
        json::render(self)
    }

    /// `index.html`
    pub fn page(&self) -> Result<Vec<u8>, RenderError> {
        html::render(self)
    }

    /// A short summary in Markdown.
    pub fn markdown(&self) -> Vec<u8> {
        markdown::render(self).into_bytes()
    }

    /// One `junit.xml` over all runs.
    pub fn junit(&self) -> Vec<u8> {
        let elements = self.entries.iter().map(|entry| match &entry.result {
            EntryResult::Ran(figures) => figures.junit.clone(),
            EntryResult::Broken(exit, reason) => JunitSuite::broken(&entry.name, *exit, reason),
            EntryResult::NotRun(reason) => JunitSuite::left_out(&entry.name, reason),
        });
        let elements: Vec<JunitSuite> = elements.collect();
        JunitSuite::document(&elements).into_bytes()
    }
}

/// The cells of a run's figures, as text.
#[derive(Debug, Default, Serialize)]
struct Cells {
    requests: String,
    rate: String,
    p50: String,
    p95: String,
    p99: String,
    failed: String,
    time: String,
}

impl Cells {
    fn of(result: &EntryResult) -> Self {
        let EntryResult::Ran(figures) = result else {
            return Self::default();
        };
        let [p50, p95, p99] = figures.times.map_or_else(<[String; 3]>::default, |times| {
            times.map(|time| time.to_string())
        });
        Self {
            requests: show_count(figures.requests),
            rate: show_rate(figures.rate),
            p50,
            p95,
            p99,
            failed: show_share(figures.failed, figures.requests),
            time: super::text::duration(figures.measured),
        }
    }
}
