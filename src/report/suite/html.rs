//! `index.html` of a suite: one row a run, with a link to its report. A single file without network or scripts.

use serde::Serialize;
use tera::{Context, Tera};

use super::{Cells, EntryResult, Suite};
use crate::exit::Exit;
use crate::report::RenderError;
use crate::report::html::STYLE;

/// The name of the page.
pub const INDEX_FILE: &str = "index.html";

const TEMPLATE: &str = include_str!("../templates/suite.html");

#[derive(Debug, Serialize)]
struct Page<'a> {
    css: &'static str,
    gander: &'static str,
    id: &'a str,
    started_at: &'a str,
    words: String,
    tone: &'static str,
    mark: &'static str,
    verdict: &'static str,
    exit: String,
    runs: Vec<Line<'a>>,
    /// The runs that did not pass, with the reason.
    notes: Vec<(&'a str, &'a str)>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    file: &'a str,
    /// The report of the run; `None` if there is none.
    link: Option<String>,
    word: &'static str,
    mark: &'static str,
    tone: &'static str,
    cells: Cells,
}

pub(super) fn render(suite: &Suite) -> Result<Vec<u8>, RenderError> {
    let exit = suite.exit();
    let (verdict, mark, tone) = match exit {
        Exit::Passed => ("Passed", "✓", "pass"),
        Exit::Stopped => ("Interrupted", "■", "care"),
        Exit::Inconclusive => ("Inconclusive", "≈", "care"),
        Exit::Internal
        | Exit::InvalidInput
        | Exit::TargetUnreachable
        | Exit::MeasurementInvalid
        | Exit::ThresholdFailed
        | Exit::Regressed => ("Failed", "✗", "fail"),
    };
    let lines = suite.entries.iter().map(|entry| {
        let (word, mark, tone) = entry.result.verdict();
        Line {
            name: &entry.name,
            file: &entry.file,
            link: matches!(entry.result, EntryResult::Ran(_))
                .then(|| format!("{}/report.html", entry.folder)),
            word,
            mark,
            tone,
            cells: Cells::of(&entry.result),
        }
    });
    let page = Page {
        css: STYLE,
        gander: env!("CARGO_PKG_VERSION"),
        id: &suite.id,
        started_at: &suite.started_at,
        words: suite.words(),
        tone,
        mark,
        verdict,
        exit: format!("{} ({exit})", exit.code()),
        runs: lines.collect(),
        notes: suite
            .entries
            .iter()
            .filter(|entry| entry.result.exit() != Some(Exit::Passed))
            .map(|entry| (&*entry.name, entry.result.reason()))
            .collect(),
    };
    let mut tera = Tera::new();
    tera.add_raw_template("suite.html", TEMPLATE)?;
    let context = Context::from_serialize(&page)?;
    Ok(tera.render("suite.html", &context)?.into_bytes())
}
