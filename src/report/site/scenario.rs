//! The page of a scenario: its trends, and all of its runs.

use chrono::DateTime;
use serde::Serialize;

use super::figure::FIGURES;
use super::page::{Frame, Template};
use super::run::SiteRun;
use super::status::{RunLine, Status, names, report_of, short_commit};
use super::trend::{FigureTrend, Line, MOST_IN_TREND, Trend};
use super::{Site, page};
use crate::compare::show_change;
use crate::report::chart::{TrendChart, TrendMark, TrendPoint, trend as draw};
use crate::report::{RenderError, text};
use crate::stats::{ChangePoint, FEWEST_RUNS};
use crate::units::{show_count, show_counted};

/// The way from the page to the site's folder.
const UP: &str = "../";

#[derive(Debug, Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    frame: Frame,
    scenario: &'a str,
    words: String,
    trends: Vec<TrendBlock>,
    figures: Vec<&'static str>,
    runs: Vec<RunLine<'a>>,
    verdicts: Vec<&'static str>,
}

/// A trend.
#[derive(Debug, Serialize)]
struct TrendBlock {
    id: String,
    title: String,
    status: Status,
    newest: String,
    report: String,
    reason: String,
    words: String,
    breaks: Vec<BreakLine>,
    figures: Vec<FigureBlock>,
}

/// New conditions.
#[derive(Debug, Serialize)]
struct BreakLine {
    since: String,
    report: String,
    news: String,
}

/// A figure of a trend.
#[derive(Debug, Serialize)]
struct FigureBlock {
    title: &'static str,
    name: &'static str,
    /// The value of the newest run that has one.
    newest: String,
    words: Vec<String>,
    chart: String,
    rows: Vec<ValueLine>,
}

/// A number in the table below a chart.
#[derive(Debug, Serialize)]
struct ValueLine {
    started: String,
    report: String,
    status: Status,
    value: String,
    interval: String,
    samples: String,
    level: String,
    news: String,
    commit: String,
}

pub(super) fn render(
    site: &Site,
    scenario: &str,
    trends: &[Trend<'_>],
) -> Result<Vec<u8>, RenderError> {
    let own = site.runs.iter().filter(|run| run.scenario == scenario);
    let mut runs: Vec<&SiteRun> = own.collect();
    runs.sort_by(|a, b| (&b.started_at, &b.run_id).cmp(&(&a.started_at, &a.run_id)));
    let left_out = runs.iter().filter(|run| run.left_out().is_some()).count();
    let mut verdicts: Vec<&str> = runs.iter().map(|run| Status::of(run).word).collect();
    verdicts.sort_unstable();
    verdicts.dedup();
    let blocks = trends.iter().enumerate();
    let blocks: Result<Vec<TrendBlock>, RenderError> = blocks
        .map(|(index, trend)| TrendBlock::of(trend, index))
        .collect();
    let page = Page {
        frame: Frame::new(UP),
        scenario,
        words: counted(runs.len(), left_out),
        trends: blocks?,
        figures: FIGURES.iter().map(|figure| figure.short).collect(),
        runs: runs.into_iter().map(|run| RunLine::of(run, UP)).collect(),
        verdicts,
    };
    page::render(Template::Scenario, &page)
}

/// `12 runs, 2 of them in no trend, because they are no measurements of the target`
fn counted(runs: usize, left_out: usize) -> String {
    let of_them = match (runs, left_out) {
        (_, 0) => String::new(),
        (1, _) => ", in no trend, because it is no measurement of the target".to_owned(),
        (_, 1) => ", 1 of them in no trend, because it is no measurement of the target".to_owned(),
        (_, some) => format!(
            ", {} of them in no trend, because they are no measurements of the target",
            show_count(some as u64)
        ),
    };
    format!("{}{of_them}", show_counted(runs as u64, "run"))
}

impl TrendBlock {
    fn of(trend: &Trend<'_>, index: usize) -> Result<Self, RenderError> {
        let id = format!("trend-{}", index + 1);
        let figures = trend.figures.iter();
        let figures: Result<Vec<FigureBlock>, RenderError> = figures
            .map(|own| FigureBlock::of(own, trend, &id))
            .collect();
        let names = names(trend.environment, trend.label);
        let shown = match trend.older {
            0 => format!(
                "{} in these trends.",
                show_counted(trend.runs.len() as u64, "run")
            ),
            older => format!(
                "The newest {MOST_IN_TREND} of {} in these trends; index.json has the others.",
                show_counted((trend.runs.len() + older) as u64, "run")
            ),
        };
        Ok(Self {
            title: if names.is_empty() {
                "Trends".to_owned()
            } else {
                names
            },
            status: Status::of(trend.newest),
            newest: trend.newest.second(),
            report: report_of(trend.newest, UP),
            reason: trend.newest.reason.clone(),
            words: shown,
            breaks: trend
                .breaks
                .iter()
                .map(|(run, news)| BreakLine {
                    since: trend.runs[*run].second(),
                    report: report_of(trend.runs[*run], UP),
                    news: told(news),
                })
                .collect(),
            figures: figures?,
            id,
        })
    }
}

/// `machine: AMD EPYC 7763, 4 cores, linux x86_64; Gander: 0.2.0`
fn told(news: &[(&'static str, &str)]) -> String {
    let words = news.iter().map(|(name, state)| match *state {
        "" => format!("{name}: none"),
        // A hash tells nothing but that it differs.
        state if *name == "workload" => format!("{name}: {}", text::shorten(state, 13)),
        state => format!("{name}: {state}"),
    });
    words.collect::<Vec<_>>().join("; ")
}

/// The names of what is new, for a label.
fn news(news: &[(&'static str, &str)]) -> String {
    let names: Vec<&str> = news.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

impl FigureBlock {
    fn of(own: &FigureTrend<'_>, trend: &Trend<'_>, id: &str) -> Result<Self, RenderError> {
        let figure = own.figure;
        let breaks = trend.breaks.iter();
        let newest = own.readings.iter().rev().flatten().next();
        let chart = TrendChart {
            id: &format!("{id}-{}", figure.id),
            title: figure.title,
            points: (0..trend.runs.len())
                .map(|run| point(own, trend.runs[run], run))
                .collect(),
            lines: own.lines.iter().map(|line| &*line.runs).collect(),
            levels: own
                .lines
                .iter()
                .flat_map(|line| line.placed_levels(own))
                .collect(),
            changes: changes(own)
                .into_iter()
                .map(|(run, point)| (run, own.show_change(point)))
                .collect(),
            breaks: breaks.map(|(run, found)| (*run, news(found))).collect(),
            dates: dates(&trend.runs),
        };
        Ok(Self {
            title: figure.title,
            name: figure.name,
            newest: newest.map_or_else(String::new, |reading| figure.show(reading.value)),
            words: words(own, trend),
            chart: draw(&chart, |value| figure.show(value))?.unwrap_or_default(),
            rows: rows(own, trend),
        })
    }
}

/// The most days between the first and the last run of an axis with times.
const MOST_DAYS_WITH_TIMES: i64 = 3;

/// The labels of the runs on the axis: days, or times if the runs are of a few days.
fn dates(runs: &[&SiteRun]) -> Vec<String> {
    let start = |run: Option<&&SiteRun>| DateTime::parse_from_rfc3339(&run?.started_at).ok();
    let ends = start(runs.first()).zip(start(runs.last()));
    let is_short =
        ends.is_some_and(|(first, last)| (last - first).num_days() < MOST_DAYS_WITH_TIMES);
    let label = |run: &&SiteRun| if is_short { run.time() } else { run.day() };
    runs.iter().map(label).collect()
}

/// The change points of all lines: the first run of the new level, and the change.
fn changes<'t>(own: &'t FigureTrend<'_>) -> Vec<(usize, &'t ChangePoint)> {
    let lines = own.lines.iter();
    lines
        .flat_map(|line| {
            line.changes
                .iter()
                .map(|point| (line.runs[point.at], point))
        })
        .collect()
}

impl Line {
    /// The levels if there are several: the first and the last run of each, and its value.
    fn placed_levels(&self, own: &FigureTrend<'_>) -> Vec<(usize, usize, f64)> {
        if self.changes.is_empty() {
            return Vec::new();
        }
        let levels = self.levels.iter();
        levels
            .map(|(from, to, level)| {
                let value = own.figure.scale.number(*level);
                (self.runs[*from], self.runs[*to - 1], value)
            })
            .collect()
    }
}

fn point(own: &FigureTrend<'_>, run: &SiteRun, index: usize) -> Option<TrendPoint> {
    let reading = own.readings[index]?;
    let status = Status::of(run);
    Some(TrendPoint {
        value: reading.value,
        interval: reading.low.zip(reading.high),
        mark: match status.tone {
            "pass" => TrendMark::Good,
            "fail" => TrendMark::Bad,
            _ => TrendMark::Unsure,
        },
        text: format!(
            "{} · {}\n{}\n{}",
            run.second(),
            status.word,
            own.figure.show(reading.value),
            run.run_id
        ),
        link: report_of(run, UP),
    })
}

/// What the chart shows, in sentences: each change, or how large a change would have to be to be found.
fn words(own: &FigureTrend<'_>, trend: &Trend<'_>) -> Vec<String> {
    let figure = own.figure;
    let mut words: Vec<String> = Vec::new();
    for line in &own.lines {
        for (index, point) in line.changes.iter().enumerate() {
            let [before, after] = [line.levels[index], line.levels[index + 1]];
            let value = |level: (usize, usize, f64)| figure.show(figure.scale.number(level.2));
            let runs = |level: (usize, usize, f64)| show_counted((level.1 - level.0) as u64, "run");
            words.push(format!(
                "{} ({}) from {} on: the level of {} before was {}, that of {} since is {} (p {}).",
                own.show_change(point),
                if own.is_worse(point) {
                    "worse"
                } else {
                    "better"
                },
                trend.runs[line.runs[point.at]].second(),
                runs(before),
                value(before),
                runs(after),
                value(after),
                shown_p(point.p)
            ));
        }
    }
    words.extend(own.newest_line().map(|line| unfound(own, line)));
    words
}

/// What is known of the level since the last change.
fn unfound(own: &FigureTrend<'_>, line: &Line) -> String {
    let (from, to, _) = line.levels.last().copied().unwrap_or_default();
    let runs = show_counted((to - from) as u64, "run");
    let since = if line.changes.is_empty() {
        format!("No change found in {runs} under the newest conditions")
    } else {
        format!("No change found in the {runs} since then")
    };
    let scale = own.figure.scale;
    match line.detectable {
        Some(size) if size > 0.0 && size.is_finite() => {
            let size = show_change(scale.told(size.max(own.figure.least_change())), scale);
            format!(
                "{since}; the next {FEWEST_RUNS} runs would show one of {} with a chance of 80 %.",
                size.replace('+', "±")
            )
        }
        _ if to - from < FEWEST_RUNS => {
            format!(
                "{since}; a change is looked for from {} runs on.",
                2 * FEWEST_RUNS
            )
        }
        _ => format!("{since}."),
    }
}

fn shown_p(p: f64) -> String {
    if p < 0.000_1 {
        "< 0.0001".to_owned()
    } else {
        format!("= {p:.4}")
    }
}

/// The newest run first.
fn rows(own: &FigureTrend<'_>, trend: &Trend<'_>) -> Vec<ValueLine> {
    let figure = own.figure;
    let level_of = |run: usize| {
        let line = own.lines.iter().find(|line| line.runs.contains(&run))?;
        let place = line.runs.iter().position(|known| *known == run)?;
        let mut levels = line.levels.iter();
        let level = levels.find(|(from, to, _)| (*from..*to).contains(&place))?;
        Some(figure.show(figure.scale.number(level.2)))
    };
    let changes = changes(own);
    let news_of = |run: usize| {
        let change = changes.iter().find(|(at, _)| *at == run);
        let change = change.map(|(_, point)| format!("change {}", own.show_change(point)));
        let found = trend.breaks.iter().find(|(at, _)| *at == run);
        let found = found.map(|(_, found)| format!("new: {}", news(found)));
        change
            .into_iter()
            .chain(found)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let rows = trend.runs.iter().enumerate().rev();
    rows.filter_map(|(index, run)| {
        let reading = own.readings[index]?;
        let interval = reading.low.zip(reading.high).map_or_else(
            || "–".to_owned(),
            |(low, high)| format!("{} to {}", figure.show(low), figure.show(high)),
        );
        let samples = reading.samples.map_or_else(|| "–".to_owned(), show_count);
        Some(ValueLine {
            started: run.second(),
            report: report_of(run, UP),
            status: Status::of(run),
            value: figure.show(reading.value),
            interval,
            samples,
            level: level_of(index).unwrap_or_default(),
            news: news_of(index),
            commit: short_commit(run),
        })
    })
    .collect()
}
