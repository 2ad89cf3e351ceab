//! The verdict of a run as a page shows it, and rows of runs.

use serde::Serialize;

use super::figure::FIGURES;
use super::run::SiteRun;
use super::{RUNS, slug};
use crate::report::html::conclusion;

/// A verdict: its word, its mark and its tone.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Status {
    pub(super) word: &'static str,
    pub(super) mark: &'static str,
    pub(super) tone: &'static str,
}

impl Status {
    pub(super) const fn of(run: &SiteRun) -> Self {
        let (word, mark, tone) = conclusion(run.verdict);
        Self { word, mark, tone }
    }
}

/// A run in a table.
#[derive(Debug, Serialize)]
pub(super) struct RunLine<'a> {
    started: String,
    link: String,
    id: &'a str,
    scenario: &'a str,
    page: String,
    names: String,
    status: Status,
    /// The reason of the verdict, unless it passed; and why it is in no trend.
    note: String,
    /// One for each figure.
    values: Vec<String>,
    commit: String,
    about: Option<&'a str>,
}

impl<'a> RunLine<'a> {
    /// The row of a run on a page that is this far below the site's folder: `""` or `"../"`.
    pub(super) fn of(run: &'a SiteRun, up: &str) -> Self {
        let status = Status::of(run);
        let reason = (status.tone != "pass").then(|| run.reason.clone());
        let left_out = run.left_out().map(|why| format!("in no trend: {why}"));
        let note: Vec<String> = reason.into_iter().chain(left_out).collect();
        Self {
            started: run.second(),
            link: report_of(run, up),
            id: &run.run_id,
            scenario: &run.scenario,
            page: format!("{up}scenarios/{}.html", slug(&run.scenario)),
            names: names(run.environment.as_deref(), run.label.as_deref()),
            status,
            note: note.join("; "),
            values: FIGURES
                .iter()
                .map(|figure| {
                    let reading = run.reading(figure.name);
                    reading.map_or_else(|| "–".to_owned(), |reading| figure.show(reading.value))
                })
                .collect(),
            commit: short_commit(run),
            about: run.link.as_deref(),
        }
    }
}

/// The report of a run.
pub(super) fn report_of(run: &SiteRun, up: &str) -> String {
    format!("{up}{RUNS}/{}/report.html", run.run_id)
}

/// `staging, main`; empty if both are missing.
pub(super) fn names(environment: Option<&str>, label: Option<&str>) -> String {
    let names: Vec<&str> = [environment, label].into_iter().flatten().collect();
    names.join(", ")
}

/// The first eight characters of the commit, or a dash.
pub(super) fn short_commit(run: &SiteRun) -> String {
    run.commit
        .as_ref()
        .map_or_else(|| "–".to_owned(), |commit| commit.chars().take(8).collect())
}
