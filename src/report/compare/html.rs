//! `compare.html`: a single file without network or scripts, like the report of a run.

use serde::Serialize;
use tera::{Context, Tera};

use crate::compare::{Change, Comparison, DEFAULT_TOLERANCE, Row, RunFacts, Scale, show_change};
use crate::report::html::{STYLE, conclusion};
use crate::report::{RenderError, chart, text};
use crate::units::{show_count, show_percent};

use super::{Compared, words};

const TEMPLATE: &str = include_str!("../templates/compare.html");

/// The maximum number of rows of steps.
const MOST_STEPS: usize = 400;

/// The maximum number of rows in the forest plot.
const MOST_IN_FOREST: usize = 24;

/// The parts that the pages of a comparison share.
#[derive(Debug, Serialize)]
pub(super) struct Head<'a> {
    css: &'static str,
    gander: &'static str,
    title: &'a str,
    word: &'static str,
    mark: &'static str,
    tone: &'static str,
    reason: &'a str,
    method: String,
}

impl<'a> Head<'a> {
    pub(super) fn of(compared: &'a Compared) -> Self {
        let comparison = &compared.comparison;
        let (mark, word, tone) = words::answer(comparison.answer);
        Self {
            css: STYLE,
            gander: env!("CARGO_PKG_VERSION"),
            title: &compared.title,
            word,
            mark,
            tone,
            reason: &comparison.reason,
            method: words::method(comparison),
        }
    }
}

#[derive(Debug, Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    sides: Vec<SideBlock<'a>>,
    differences: Vec<[&'a str; 3]>,
    is_comparable: bool,
    gates: Vec<Line>,
    others: Vec<Line>,
    steps: Vec<Line>,
    steps_left_out: usize,
    unclear: Vec<String>,
    slots: Vec<String>,
    forest: Option<String>,
    shift: Option<String>,
    shift_rows: Vec<[String; 3]>,
    distributions: Option<String>,
    timelines: Option<String>,
    errors: Vec<ErrorLine>,
    json: String,
}

#[derive(Debug, Serialize)]
struct SideBlock<'a> {
    letter: &'static str,
    name: &'a str,
    size: String,
    runs: Vec<RunLine>,
}

/// A run and the health of its generator.
#[derive(Debug, Serialize)]
struct RunLine {
    id: String,
    started: String,
    verdict: &'static str,
    achieved: String,
    requests: String,
    generator_cpu: String,
    generator_peak: String,
    stolen: String,
    commit: String,
}

/// A row of a table.
#[derive(Debug, Serialize)]
pub(in crate::report) struct Line {
    tone: &'static str,
    mark: &'static str,
    word: String,
    label: String,
    a: String,
    b: String,
    change: String,
    bounds: String,
    p: String,
    note: String,
}

#[derive(Debug, Serialize)]
struct ErrorLine {
    is_new: bool,
    step: String,
    class: String,
    a: String,
    b: String,
    example: String,
}

/// The page.
///
/// # Errors
/// A chart could not be drawn, or the template failed.
pub fn page(compared: &Compared) -> Result<Vec<u8>, RenderError> {
    let mut tera = Tera::new();
    tera.add_raw_template("compare.html", TEMPLATE)?;
    let context = Context::from_serialize(&Page::of(compared)?)?;
    Ok(tera.render("compare.html", &context)?.into_bytes())
}

impl<'a> Page<'a> {
    fn of(compared: &'a Compared) -> Result<Self, RenderError> {
        let comparison = &compared.comparison;
        let lines = |rows: &[Row]| rows.iter().map(Line::of).collect::<Vec<_>>();
        let json =
            String::from_utf8_lossy(&super::json::document(compared)?).replace('<', "\\u003c");
        let (a, b) = (&compared.a.reports, &compared.b.reports);
        Ok(Self {
            head: Head::of(compared),
            sides: vec![
                SideBlock::of("A", &compared.a.name, &comparison.a),
                SideBlock::of("B", &compared.b.name, &comparison.b),
            ],
            differences: comparison
                .conditions
                .differences
                .iter()
                .map(|difference| [difference.condition, &*difference.a, &*difference.b])
                .collect(),
            is_comparable: comparison.conditions.void.is_none(),
            gates: lines(&comparison.gates),
            others: lines(&comparison.others),
            steps: lines(&comparison.steps[..comparison.steps.len().min(MOST_STEPS)]),
            steps_left_out: comparison.steps.len().saturating_sub(MOST_STEPS),
            unclear: unclear(comparison),
            slots: words::slots(comparison),
            forest: chart::forest(&in_forest(comparison), tolerance(comparison))?,
            shift: chart::shift(&comparison.shift)?,
            shift_rows: shift_rows(comparison),
            distributions: chart::distributions(a, b)?,
            timelines: chart::timelines(a, b)?,
            errors: compared.errors().into_iter().map(ErrorLine::of).collect(),
            json,
        })
    }
}

/// Why each figure that decides is not clear.
fn unclear(comparison: &Comparison) -> Vec<String> {
    let rows = comparison.gates.iter();
    rows.filter(|row| row.change == Change::Inconclusive)
        .map(Row::explain)
        .collect()
}

/// The rows of the forest plot: gates, other figures, then steps.
fn in_forest(comparison: &Comparison) -> Vec<(String, &Row)> {
    let rows = comparison
        .gates
        .iter()
        .chain(&comparison.others)
        .chain(&comparison.steps);
    rows.filter(|row| row.figure.scale == Scale::Factor && row.effect.is_some())
        .take(MOST_IN_FOREST)
        .map(|row| (text::shorten(&words::label(&row.figure), 36), row))
        .collect()
}

fn tolerance(comparison: &Comparison) -> f64 {
    let mut gates = comparison.gates.iter();
    let first = gates.find(|row| row.figure.scale == Scale::Factor);
    first.map_or(DEFAULT_TOLERANCE, |row| row.limit.abs())
}

fn shift_rows(comparison: &Comparison) -> Vec<[String; 3]> {
    let known = comparison.shift.iter().enumerate();
    known
        .filter_map(|(index, shift)| {
            let shift = shift.as_ref()?;
            let show = |told: f64| show_change(told, Scale::Factor);
            let interval = shift.bounds.map_or_else(
                || "–".to_owned(),
                |bounds| format!("{} to {}", show(bounds.low), show(bounds.high)),
            );
            Some([words::quantile(index), show(shift.change), interval])
        })
        .collect()
}

impl<'a> SideBlock<'a> {
    fn of(letter: &'static str, name: &'a str, runs: &'a [RunFacts]) -> Self {
        Self {
            letter,
            name,
            size: Compared::size(runs),
            runs: runs.iter().map(RunLine::of).collect(),
        }
    }
}

impl RunLine {
    fn of(run: &RunFacts) -> Self {
        Self {
            id: run.run_id.clone(),
            started: run.started_at.clone(),
            verdict: conclusion(run.verdict).0,
            achieved: run.achieved().map_or_else(|| "–".to_owned(), show_percent),
            requests: show_count(run.requests),
            generator_cpu: run
                .generator_cpu_us
                .map_or_else(|| "–".to_owned(), |us| format!("{us:.1} µs")),
            generator_peak: show_percent(run.generator_peak),
            stolen: show_percent(run.stolen),
            commit: run.git_commit.as_ref().map_or_else(
                || "–".to_owned(),
                |commit| commit.chars().take(12).collect(),
            ),
        }
    }
}

impl Line {
    pub(in crate::report) fn of(row: &Row) -> Self {
        Self {
            tone: match row.change {
                Change::Regressed => "fail",
                Change::Improved => "pass",
                Change::NoChange | Change::Changed => "",
                Change::Inconclusive => "care",
            },
            mark: words::mark(row.change),
            word: words::verdict(row),
            label: words::label(&row.figure),
            a: words::value(&row.figure, row.a),
            b: words::value(&row.figure, row.b),
            change: words::change(row),
            bounds: words::bounds(row),
            p: if row.p < 0.001 {
                "< 0.001".to_owned()
            } else {
                format!("{:.3}", row.p)
            },
            note: words::needs(row),
        }
    }
}

impl ErrorLine {
    fn of(row: super::ErrorRow) -> Self {
        Self {
            is_new: row.is_new(),
            a: show_count(row.a),
            b: show_count(row.b),
            step: row.step,
            class: row.class,
            example: row.example.unwrap_or_default(),
        }
    }
}
