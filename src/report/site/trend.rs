//! The trends of a site: the runs of one scenario, environment and label, in the order of their starts.
//!
//! Only runs under the same conditions are joined to a line, and change points are looked for on each line by itself.

use std::collections::BTreeMap;

use super::figure::{FIGURES, SiteFigure};
use super::run::{SiteConditions, SiteReading, SiteRun};
use crate::stats::{ChangePoint, FEWEST_RUNS, change_points, detectable_change, levels};

/// The maximum number of runs in a trend, the newest ones.
pub const MOST_IN_TREND: usize = 200;

/// The scenario, the environment and the label that the runs of a trend share.
pub(super) type TrendKey<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// The runs of a scenario, an environment and a label.
#[derive(Debug)]
pub struct Trend<'a> {
    /// The environment.
    pub environment: Option<&'a str>,
    /// The label.
    pub label: Option<&'a str>,
    /// The runs that can be compared, by their start.
    pub runs: Vec<&'a SiteRun>,
    /// The number of all runs, including those that cannot be compared.
    pub all_runs: usize,
    /// The number of runs that are too old to be shown.
    pub older: usize,
    /// The newest run, also if it is in no trend.
    pub newest: &'a SiteRun,
    /// Where new conditions begin: the index of the run, and what is new.
    pub breaks: Vec<(usize, Vec<(&'static str, &'a str)>)>,
    /// The figures that at least one run has.
    pub(super) figures: Vec<FigureTrend<'a>>,
}

/// A figure over the runs of a trend.
#[derive(Debug)]
pub(super) struct FigureTrend<'a> {
    pub(super) figure: &'static SiteFigure,
    /// For each run of the trend.
    pub(super) readings: Vec<Option<&'a SiteReading>>,
    /// The lines, by their first run.
    pub(super) lines: Vec<Line>,
}

/// The runs with a figure under the same conditions.
#[derive(Debug)]
pub(super) struct Line {
    /// The indices of its runs in the trend.
    pub(super) runs: Vec<usize>,
    /// The change points; their places are indices into `runs`.
    pub(super) changes: Vec<ChangePoint>,
    /// The first and the last index into `runs` of each level, and the level.
    pub(super) levels: Vec<(usize, usize, f64)>,
    /// The smallest change that the next runs would show, on the figure's scale.
    pub(super) detectable: Option<f64>,
}

/// The last change of a figure in a trend.
#[derive(Debug, Clone, PartialEq)]
pub struct LatestChange {
    /// The figure's name.
    pub figure: &'static str,
    /// The change as it is told: `+9.8 %`.
    pub change: String,
    /// True if it is one for the worse.
    pub is_worse: bool,
    /// The first run of the new level.
    pub run_id: String,
    /// The start of that run, to the second.
    pub since: String,
    /// True if the newest run has other conditions than the runs of the change.
    pub is_elsewhere: bool,
}

impl LatestChange {
    /// The end of a sentence about the change: nothing, or that the newest run has other conditions.
    pub fn conditions(&self) -> &'static str {
        if self.is_elsewhere {
            ", under other conditions than the newest run"
        } else {
            ""
        }
    }
}

/// The trends of these runs, by scenario; each has at least one run.
pub(super) fn trends(runs: &[SiteRun]) -> Vec<(&str, Vec<Trend<'_>>)> {
    let mut groups: BTreeMap<TrendKey<'_>, Vec<&SiteRun>> = BTreeMap::new();
    for run in runs {
        groups.entry(key(run)).or_default().push(run);
    }
    let mut scenarios: Vec<(&str, Vec<Trend<'_>>)> = Vec::new();
    for (key, runs) in groups {
        let Some(trend) = Trend::of(key, runs) else {
            continue;
        };
        match scenarios.last_mut() {
            Some((scenario, trends)) if *scenario == key.0 => trends.push(trend),
            _ => scenarios.push((key.0, vec![trend])),
        }
    }
    // Within a scenario, the trend with the newest run comes first.
    for (_, trends) in &mut scenarios {
        trends.sort_by(|a, b| b.newest.started_at.cmp(&a.newest.started_at));
    }
    scenarios
}

/// The trend that a run belongs to.
pub(super) fn key(run: &SiteRun) -> TrendKey<'_> {
    (
        &run.scenario,
        run.environment.as_deref(),
        run.label.as_deref(),
    )
}

impl<'a> Trend<'a> {
    fn of((_, environment, label): TrendKey<'a>, mut all: Vec<&'a SiteRun>) -> Option<Self> {
        all.sort_by(|a, b| (&a.started_at, &a.run_id).cmp(&(&b.started_at, &b.run_id)));
        let newest = *all.last()?;
        let all_runs = all.len();
        all.retain(|run| run.left_out().is_none());
        let older = all.len().saturating_sub(MOST_IN_TREND);
        let runs = all.split_off(older);
        let figures = FIGURES
            .iter()
            .map(|figure| FigureTrend::of(figure, &runs))
            .filter(|trend| !trend.lines.is_empty());
        Some(Self {
            environment,
            label,
            newest,
            breaks: breaks(&runs),
            figures: figures.collect(),
            all_runs,
            older,
            runs,
        })
    }

    /// The last changes that began with this run.
    pub(super) fn latest_changes_at(&self, run_id: &str) -> Vec<LatestChange> {
        let mut changes = self.latest_changes();
        changes.retain(|change| change.run_id == run_id);
        changes
    }

    /// The last change of each figure, under whatever conditions.
    pub fn latest_changes(&self) -> Vec<LatestChange> {
        let figures = self.figures.iter();
        figures
            .filter_map(|trend| trend.latest_change(&self.runs))
            .collect()
    }
}

/// Where conditions begin that no earlier run had; what is new compared with the run before.
fn breaks<'a>(runs: &[&'a SiteRun]) -> Vec<(usize, Vec<(&'static str, &'a str)>)> {
    let mut known: Vec<&SiteConditions> = Vec::new();
    let mut breaks = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        if known.contains(&&run.conditions) {
            continue;
        }
        known.push(&run.conditions);
        if let Some(before) = index.checked_sub(1) {
            breaks.push((index, run.conditions.differences(&runs[before].conditions)));
        }
    }
    breaks
}

impl<'a> FigureTrend<'a> {
    fn of(figure: &'static SiteFigure, runs: &[&'a SiteRun]) -> Self {
        let readings = runs.iter().map(|run| run.reading(figure.name));
        let readings: Vec<Option<&SiteReading>> = readings.collect();
        let mut lines: Vec<(&SiteConditions, Vec<usize>)> = Vec::new();
        for (index, run) in runs.iter().enumerate() {
            if placed(figure, readings[index]).is_none() {
                continue;
            }
            match lines
                .iter_mut()
                .find(|(known, _)| **known == run.conditions)
            {
                Some((_, line)) => line.push(index),
                None => lines.push((&run.conditions, vec![index])),
            }
        }
        let lines = lines.into_iter().map(|(_, line)| {
            let values = line
                .iter()
                .filter_map(|&index| placed(figure, readings[index]));
            Line::of(line.clone(), &values.collect::<Vec<_>>(), figure)
        });
        Self {
            figure,
            lines: lines.collect(),
            readings,
        }
    }

    /// The line of the newest run with the figure.
    pub(super) fn newest_line(&self) -> Option<&Line> {
        self.lines.iter().max_by_key(|line| line.runs.last())
    }

    fn latest_change(&self, runs: &[&SiteRun]) -> Option<LatestChange> {
        let newest = self.newest_line()?;
        let last = self.lines.iter().filter_map(|line| {
            let point = line.changes.last()?;
            Some((line.runs[point.at], point, line.runs != newest.runs))
        });
        let (run, point, is_elsewhere) = last.max_by_key(|(run, ..)| *run)?;
        let run = runs[run];
        Some(LatestChange {
            figure: self.figure.name,
            change: self.show_change(point),
            is_worse: self.is_worse(point),
            run_id: run.run_id.clone(),
            since: run.second(),
            is_elsewhere,
        })
    }

    /// `+9.8 %`
    pub(super) fn show_change(&self, point: &ChangePoint) -> String {
        let scale = self.figure.scale;
        crate::compare::show_change(scale.told(point.change), scale)
    }

    /// True if a change is one for the worse.
    pub(super) fn is_worse(&self, point: &ChangePoint) -> bool {
        point.change * self.figure.worse.sign() > 0.0
    }
}

/// A reading on the figure's scale.
fn placed(figure: &SiteFigure, reading: Option<&SiteReading>) -> Option<f64> {
    figure.scale.place(reading?.value)
}

impl Line {
    fn of(runs: Vec<usize>, values: &[f64], figure: &SiteFigure) -> Self {
        let changes = change_points(values, figure.least_change(), FIGURES.len());
        let levels = levels(values, &changes);
        let since = changes.last().map_or(0, |change| change.at);
        Self {
            detectable: detectable_change(&values[since..], FEWEST_RUNS, FIGURES.len()),
            levels,
            changes,
            runs,
        }
    }
}
