//! A figure over runs: one point a run with its interval, lines through comparable runs, and marks of changes.

use super::plot::{Readout, Sheet, Symbol, draw};
use super::{Axis, Ink};
use crate::report::RenderError;
use crate::report::chart::axis::Tick;

/// A figure over runs.
#[derive(Debug)]
pub(in crate::report) struct TrendChart<'a> {
    /// An id that is unique on the page.
    pub(in crate::report) id: &'a str,
    /// The title, for screen readers.
    pub(in crate::report) title: &'a str,
    /// For each run; `None` without the figure.
    pub(in crate::report) points: Vec<Option<TrendPoint>>,
    /// The runs of each line.
    pub(in crate::report) lines: Vec<&'a [usize]>,
    /// The first run, the last run and the value of each level.
    pub(in crate::report) levels: Vec<(usize, usize, f64)>,
    /// The first run after a change, with a label.
    pub(in crate::report) changes: Vec<(usize, String)>,
    /// The first run under new conditions, with a label.
    pub(in crate::report) breaks: Vec<(usize, String)>,
    /// The label of each run on the axis.
    pub(in crate::report) dates: Vec<String>,
}

/// A run in a chart.
#[derive(Debug)]
pub(in crate::report) struct TrendPoint {
    pub(in crate::report) value: f64,
    /// The run's own interval.
    pub(in crate::report) interval: Option<(f64, f64)>,
    pub(in crate::report) mark: TrendMark,
    /// What is shown when the pointer is on it.
    pub(in crate::report) text: String,
    /// The page of the run.
    pub(in crate::report) link: String,
}

/// The verdict of a run, as a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum TrendMark {
    /// A dot: it passed.
    Good,
    /// A cross: it did not.
    Bad,
    /// A triangle: no verdict, or none that is sure.
    Unsure,
}

/// The fewest places on the axis, so that a few runs are not drawn far apart.
const FEWEST_PLACES: usize = 8;

/// The most labels on the axis.
const MOST_DATES: usize = 8;

/// The chart, with values labelled by `label`; `None` without a point.
pub(in crate::report) fn trend(
    chart: &TrendChart<'_>,
    label: impl Fn(f64) -> String,
) -> Result<Option<String>, RenderError> {
    let known = || {
        let points = chart.points.iter().enumerate();
        points.filter_map(|(run, point)| Some((run, point.as_ref()?)))
    };
    let values = || known().map(|(_, point)| point.value);
    if values().next().is_none() {
        return Ok(None);
    }
    let y = axis_of(chart, label);
    let (bottom, top) = (y.from, y.to);
    let places = chart.points.len().max(FEWEST_PLACES) as f64;
    let x = Axis {
        from: -0.6,
        to: places - 0.4,
        ticks: dates(&chart.dates),
    };
    let readouts: Vec<Readout> = known()
        .map(|(run, point)| Readout {
            from: run as f64 - 0.5,
            to: run as f64 + 0.5,
            text: point.text.clone(),
            link: Some(point.link.clone()),
        })
        .collect();
    let sheet = Sheet {
        right: 20,
        ..Sheet::wide(
            chart.id,
            chart.title,
            "One mark a run: a dot if it passed, a cross if it did not, a triangle without a sure verdict. Bars are the runs' own \
             95 % intervals. Lines join runs under the same conditions; a vertical line above the chart says which conditions are \
             new. Dashed vertical lines are change points, horizontal lines the levels between them. The table contains the \
             numbers.",
            220,
        )
    };
    draw(&sheet, x, y, &readouts, |plot| {
        let within = |value: f64| value.clamp(bottom, top);
        for (run, point) in known() {
            if let Some((low, high)) = point.interval {
                let at = run as f64;
                plot.fill(
                    (at - 0.2, within(low)),
                    (at + 0.2, within(high)),
                    Ink::Interval,
                )?;
            }
        }
        plot.axes()?;
        let mut free_from = f64::NEG_INFINITY;
        for (run, label) in &chart.breaks {
            let at = *run as f64 - 0.5;
            let fits = at >= free_from;
            plot.mark(at, if fits { label } else { "" })?;
            if fits {
                free_from = at + label.chars().count() as f64 * 8.0 / 990.0 * places;
            }
        }
        for (from, to, level) in &chart.levels {
            let ends = [(*from as f64 - 0.4, *level), (*to as f64 + 0.4, *level)];
            plot.path(&ends, Ink::Strong, 8)?;
        }
        for line in &chart.lines {
            let points = line.iter().filter_map(|&run| {
                let point = chart.points.get(run)?.as_ref()?;
                Some((run as f64, point.value))
            });
            plot.path(&points.collect::<Vec<_>>(), Ink::First, 12)?;
        }
        for (run, label) in &chart.changes {
            let at = *run as f64 - 0.5;
            plot.path(&[(at, bottom), (at, top)], Ink::Limit, 14)?;
            plot.note(
                (at + places * 0.004, top - (top - bottom) * 0.04),
                label,
                Ink::Limit,
            )?;
        }
        for (run, point) in known() {
            let (symbol, ink) = match point.mark {
                TrendMark::Good => (Symbol::Dot, Ink::First),
                TrendMark::Bad => (Symbol::Cross, Ink::Failed),
                TrendMark::Unsure => (Symbol::Triangle, Ink::Second),
            };
            plot.symbol((run as f64, point.value), symbol, ink)?;
        }
        Ok(())
    })
    .map(Some)
}

/// The axis of the values: all of them, and their intervals as far as these do not press the values together.
fn axis_of(chart: &TrendChart<'_>, label: impl Fn(f64) -> String) -> Axis {
    let known = || chart.points.iter().flatten();
    let least = known()
        .map(|point| point.value)
        .fold(f64::INFINITY, f64::min);
    let most = known().map(|point| point.value).fold(0.0, f64::max);
    let span = (most - least).max(0.2 * most);
    let middle = f64::midpoint(least, most);
    let ends = || known().filter_map(|point| point.interval);
    let low = ends()
        .map(|(low, _)| low)
        .fold(middle - span / 2.0, f64::min);
    let high = ends()
        .map(|(_, high)| high)
        .fold(middle + span / 2.0, f64::max);
    // Room for the labels of changes.
    Axis::around(
        low.max(least - span),
        high.min(most + span) + 0.1 * span,
        label,
    )
}

/// Some of the dates, evenly spread.
fn dates(dates: &[String]) -> Vec<Tick> {
    let step = dates.len().div_ceil(MOST_DATES).max(1);
    let some = dates.iter().enumerate().step_by(step);
    some.map(|(run, date)| Tick {
        at: run as f64,
        label: date.clone(),
    })
    .collect()
}
