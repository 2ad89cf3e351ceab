//! `index.html`: the scenarios with their newest results, and the newest runs.

use serde::Serialize;

use super::figure::{FIGURES, MAIN};
use super::page::{Frame, Template};
use super::status::{RunLine, Status, names, report_of};
use super::trend::Trend;
use super::{Site, page, slug};
use crate::report::{RenderError, chart};
use crate::units::{show_count, show_counted};

/// The maximum number of runs in the table; the pages of the scenarios list all.
const MOST_RUNS: usize = 200;

/// The number of runs in a sparkline.
const IN_SPARK: usize = 60;

#[derive(Debug, Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    frame: Frame,
    words: String,
    newest: Option<String>,
    trends: Vec<TrendLine<'a>>,
    figures: Vec<&'static str>,
    runs: Vec<RunLine<'a>>,
    verdicts: Vec<&'static str>,
    /// A sentence if runs are left out.
    left_out: Option<String>,
}

/// A row of the table of scenarios: one of their trends.
#[derive(Debug, Serialize)]
struct TrendLine<'a> {
    scenario: &'a str,
    page: String,
    names: String,
    status: Status,
    report: String,
    newest: String,
    runs: String,
    p95: String,
    spark: String,
    changes: Vec<ChangeLine>,
}

/// The last change of a figure.
#[derive(Debug, Serialize)]
struct ChangeLine {
    figure: &'static str,
    change: String,
    tone: &'static str,
    word: &'static str,
    since: String,
    /// Nothing, or that the newest run has other conditions.
    conditions: &'static str,
}

pub(super) fn render(
    site: &Site,
    trends: &[(&str, Vec<Trend<'_>>)],
) -> Result<Vec<u8>, RenderError> {
    let mut runs: Vec<_> = site.runs.iter().collect();
    runs.sort_by(|a, b| (&b.started_at, &b.run_id).cmp(&(&a.started_at, &a.run_id)));
    let mut verdicts: Vec<&str> = runs.iter().map(|run| Status::of(run).word).collect();
    verdicts.sort_unstable();
    verdicts.dedup();
    let all = runs.len();
    let page = Page {
        frame: Frame::new(""),
        words: format!(
            "{} of {}",
            show_counted(all as u64, "run"),
            show_counted(trends.len() as u64, "scenario")
        ),
        newest: runs.first().map(|run| run.second()),
        trends: trends
            .iter()
            .flat_map(|(scenario, trends)| {
                trends.iter().map(|trend| TrendLine::of(scenario, trend))
            })
            .collect(),
        figures: FIGURES.iter().map(|figure| figure.short).collect(),
        left_out: (all > MOST_RUNS).then(|| {
            format!(
                "The newest {MOST_RUNS} of {}; the page of each scenario lists all of its runs.",
                show_count(all as u64)
            )
        }),
        runs: runs
            .iter()
            .take(MOST_RUNS)
            .map(|run| RunLine::of(run, ""))
            .collect(),
        verdicts,
    };
    page::render(Template::Home, &page)
}

impl<'a> TrendLine<'a> {
    fn of(scenario: &'a str, trend: &Trend<'_>) -> Self {
        let main = trend.figures.iter().find(|own| own.figure.name == MAIN);
        let values = main.map_or_else(Vec::new, |own| {
            let line = own.newest_line().map_or(&[][..], |line| &line.runs);
            let newest = line[line.len().saturating_sub(IN_SPARK)..].iter();
            newest.map(|&run| Some(own.readings[run]?.value)).collect()
        });
        let p95 = main.and_then(|own| {
            let newest = trend
                .newest
                .reading(MAIN)
                .filter(|_| trend.newest.left_out().is_none())?;
            Some(own.figure.show(newest.value))
        });
        let changes = trend.latest_changes().into_iter();
        Self {
            scenario,
            page: format!("scenarios/{}.html", slug(scenario)),
            names: names(trend.environment, trend.label),
            status: Status::of(trend.newest),
            report: report_of(trend.newest, ""),
            newest: trend.newest.second(),
            runs: show_count(trend.all_runs as u64),
            p95: p95.unwrap_or_else(|| "–".to_owned()),
            spark: chart::spark(&values),
            changes: changes
                .map(|change| ChangeLine {
                    conditions: change.conditions(),
                    figure: change.figure,
                    tone: if change.is_worse { "fail" } else { "pass" },
                    word: if change.is_worse { "worse" } else { "better" },
                    change: change.change,
                    since: change.since,
                })
                .collect(),
        }
    }
}
