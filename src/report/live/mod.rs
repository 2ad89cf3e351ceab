//! The live view of a run: a frame that is redrawn in place on a terminal, and single lines elsewhere.
//!
//! It receives the state of the run once a second and writes only to its own stream.

mod frame;

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::paint::{Colour, Paint};
use super::text;
use crate::plan::schedule::Model;
use crate::plan::threshold::Unit;
use crate::plan::{SeriesId, Subject};
use crate::record::bins::Sum;
use crate::record::journal::RunHeader;
use crate::record::{Interval, LoadCounts, Standing, Timing, Totals, add_kept};
use crate::report::model::{KeptRow, Spread, per_second};
use crate::units::{Micros, show_number, show_rate};
use crate::verdict::Judged;

/// Time between two lines if there is no terminal.
const LINE_EVERY: Micros = Micros(10_000_000);

/// Rates and levels of a shorter interval are meaningless.
const SHORT: Micros = Micros(500_000);

/// The assumed size of a terminal that does not report its size.
const USUAL_SIZE: TerminalSize = TerminalSize {
    rows: 24,
    columns: 80,
};

/// The form of the live view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A frame, redrawn in place: on a terminal.
    Redraw,
    /// A line every ten seconds, at the start and at the start of each stage: in a file or a CI log.
    Lines,
    /// Nothing: `--quiet`.
    Quiet,
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub columns: u16,
}

/// The state of a run at the end of an interval.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveState {
    /// The time on the run's clock.
    pub at: Micros,
    /// True if the interval is part of the warm-up.
    pub is_warm_up: bool,
    /// The offered and the started load of the interval; gauges are read at its end.
    pub load: LoadCounts,
    /// The length of the interval.
    pub length: Micros,
    /// Ended requests of the interval.
    pub requests: u64,
    /// Response times of the interval.
    pub response: Option<Spread>,
    /// Requests of the interval that timed out, and the shortest of their times.
    pub timed_out: Option<(u64, Micros)>,
    /// Ended requests so far, without the warm-up.
    pub total_requests: u64,
    /// The failed requests among them.
    pub total_failed: u64,
    /// Ended iterations so far, without the warm-up.
    pub total_iterations: u64,
    /// The state of each threshold, in the order of the header.
    pub thresholds: Vec<(Standing, Option<f64>)>,
    /// The metrics that are kept of the target, each with its reading of the interval.
    pub kept: Vec<String>,
}

impl LiveState {
    /// The state of the run after this interval; the totals already include it.
    pub fn of(interval: &Interval, totals: &Totals, judged: &[Judged], header: &RunHeader) -> Self {
        let is_requests = |id: SeriesId| {
            header
                .series
                .get(id.0 as usize)
                .is_some_and(|series| series.subject == Subject::Requests)
        };
        let parts = || {
            interval
                .series
                .iter()
                .filter(|(id, _)| is_requests(**id))
                .map(|(_, part)| part)
        };
        let times = |timing| {
            let parts = parts().filter_map(move |part| part.histogram(timing));
            let sum = parts.fold(Sum::default(), |mut sum, part| {
                sum.add(part);
                sum
            });
            sum.bins()
        };
        let timed_out = times(Timing::TimedOut);
        let requests = totals.counts(Subject::Requests);
        Self {
            at: interval.end,
            is_warm_up: interval.is_warm_up,
            load: interval.load,
            length: interval.end.saturating_sub(interval.start),
            requests: parts().map(|part| part.counts.ended).sum(),
            response: Spread::of(&times(Timing::ResponseTime)),
            timed_out: (!timed_out.is_empty()).then(|| (timed_out.len(), Micros(timed_out.min()))),
            total_requests: requests.ended,
            total_failed: requests.failed,
            total_iterations: totals.counts(Subject::Iterations).ended,
            thresholds: judged
                .iter()
                .map(|judged| (judged.standing, judged.observed))
                .collect(),
            kept: kept(interval, header),
        }
    }

    fn rate(&self, count: u64) -> f64 {
        per_second(count, self.length)
    }
}

/// The readings of the interval: `queue 12`; the p99 of a histogram.
fn kept(interval: &Interval, header: &RunHeader) -> Vec<String> {
    let mut sums = BTreeMap::new();
    add_kept(&mut sums, interval);
    let rows = header.kept_metrics.iter().filter_map(|metric| {
        let row = KeptRow {
            metric: metric.clone(),
            sum: sums.remove(&metric.name)?,
        };
        let name = &row.metric.name;
        Some(if row.is_histogram() {
            format!("{name} p99 {}", row.shown_quantile(0.99))
        } else {
            format!("{name} {}", row.shown(row.sum.mean()))
        })
    });
    rows.collect()
}

/// Facts that do not change during a run.
#[derive(Debug, Clone)]
struct RunFacts {
    scenario: String,
    target: String,
    load: String,
    model: Model,
    planned: Option<Micros>,
    planned_iterations: Option<u64>,
    /// The start and the description of each stage.
    stages: Vec<(Micros, String)>,
    /// Expression and unit.
    thresholds: Vec<(String, Unit)>,
}

impl RunFacts {
    fn of(header: &RunHeader) -> Self {
        let level = |level: f64| match header.model {
            Model::Open => show_rate(level),
            Model::Closed => format!("{} users", show_number(level)),
        };
        Self {
            scenario: text::clean(&header.scenario),
            target: text::clean(&header.target),
            load: text::clean(&header.load),
            model: header.model,
            planned: header.planned_duration,
            planned_iterations: header.planned_iterations,
            stages: header
                .stages
                .iter()
                // With several loads there is no one current stage.
                .filter(|stage| stage.model.is_none())
                .map(|stage| {
                    let arrow = if (stage.from - stage.to).abs() < f64::EPSILON {
                        ""
                    } else {
                        "→ "
                    };
                    let name = match &stage.name {
                        Some(name) => format!("{}, ", text::clean(name)),
                        None => String::new(),
                    };
                    (stage.start, format!("{name}{arrow}{}", level(stage.to)))
                })
                .collect(),
            thresholds: header
                .thresholds
                .iter()
                .map(|threshold| (text::clean(&threshold.expression), threshold.unit))
                .collect(),
        }
    }

    /// The stage at a time, as its index.
    fn stage(&self, at: Micros) -> Option<usize> {
        self.stages.iter().rposition(|(start, _)| *start < at)
    }

    /// `stage 2 of 3: 70/s`; empty for a run of one stage.
    fn stage_words(&self, at: Micros) -> Option<String> {
        let index = self.stage(at).filter(|_| self.stages.len() > 1)?;
        let (_, level) = &self.stages[index];
        Some(format!(
            "stage {} of {}: {level}",
            index + 1,
            self.stages.len()
        ))
    }

    /// The progress of the run, from 0 to 1, if its end is known.
    fn progress(&self, state: &LiveState) -> Option<f64> {
        let by_time = self
            .planned
            .filter(|planned| planned.0 > 0)
            .map(|planned| state.at.0 as f64 / planned.0 as f64);
        let by_count = self
            .planned_iterations
            .filter(|planned| *planned > 0 && self.model == Model::Closed)
            .map(|planned| state.total_iterations as f64 / planned as f64);
        let furthest = match (by_time, by_count) {
            (Some(time), Some(count)) => time.max(count),
            (time, count) => time.or(count)?,
        };
        Some(furthest.clamp(0.0, 1.0))
    }
}

/// Shows a run while it is in progress.
#[derive(Debug)]
pub struct Live<W> {
    out: W,
    size: fn() -> Option<TerminalSize>,
    mode: Mode,
    paint: Paint,
    run: RunFacts,
    /// Widths of the lines of the current frame.
    drawn: Vec<usize>,
    last_line: Option<Micros>,
    last_stage: Option<usize>,
    /// The last full second; rates and levels of a shorter rest are meaningless.
    second: LiveState,
}

impl Live<io::Stderr> {
    /// A live view on standard error in a suitable mode; none if `is_quiet`.
    pub fn on_stderr(header: &RunHeader, is_quiet: bool, colour: Colour) -> Self {
        let is_terminal = console::Term::stderr().is_term() && !console::is_dumb();
        let mode = match (is_quiet, is_terminal) {
            (true, _) => Mode::Quiet,
            (false, true) => Mode::Redraw,
            (false, false) => Mode::Lines,
        };
        Self::new(io::stderr(), terminal_size, mode, colour, header)
    }
}

/// The number of lines due so far. Intervals are slightly longer or shorter than a second, so half a second is
/// tolerated.
fn turn(at: Micros) -> u64 {
    (at.0 + 500_000) / LINE_EVERY.0
}

fn terminal_size() -> Option<TerminalSize> {
    let (rows, columns) = console::Term::stderr().size_checked()?;
    (rows > 0 && columns > 0).then_some(TerminalSize { rows, columns })
}

impl<W: Write> Live<W> {
    /// A live view that writes to `out`; `size` returns the terminal's size for each frame.
    pub fn new(
        out: W,
        size: fn() -> Option<TerminalSize>,
        mode: Mode,
        colour: Colour,
        header: &RunHeader,
    ) -> Self {
        Self {
            out,
            size,
            mode,
            paint: Paint::new(colour),
            run: RunFacts::of(header),
            drawn: Vec::new(),
            last_line: None,
            last_stage: None,
            second: LiveState::default(),
        }
    }

    /// Announces the run.
    pub fn begin(&mut self) -> io::Result<()> {
        let words = format!(
            "{}: {} against {}",
            self.run.scenario, self.run.load, self.run.target
        );
        self.note(&words)
    }

    /// Shows the state of the run.
    pub fn update(&mut self, state: &LiveState) -> io::Result<()> {
        if state.length >= SHORT {
            self.second = state.clone();
        }
        match self.mode {
            Mode::Quiet => Ok(()),
            Mode::Redraw => self.redraw(state),
            Mode::Lines => {
                let now_in = self.run.stage(state.at);
                let is_due = self
                    .last_line
                    .is_none_or(|last| turn(state.at) > turn(last));
                if !is_due && now_in == self.last_stage {
                    return Ok(());
                }
                self.last_line = Some(state.at);
                self.last_stage = now_in;
                writeln!(self.out, "{}", frame::line(&self.run, state))?;
                self.out.flush()
            }
        }
    }

    /// A separate line that stays above the frame.
    pub fn note(&mut self, words: &str) -> io::Result<()> {
        if self.mode == Mode::Quiet {
            return Ok(());
        }
        let size = self.size();
        let words = text::clean(words);
        let up = self.rewind(size);
        let lines = match self.mode {
            Mode::Redraw => text::wrap(&words, frame::width(size)).join("\n"),
            Mode::Lines | Mode::Quiet => words,
        };
        let clear = if up.is_empty() { "" } else { CLEAR_BELOW };
        writeln!(self.out, "{up}{clear}{lines}")?;
        self.drawn.clear();
        self.out.flush()
    }

    /// Ends the view: keeps the last frame, or writes a line with the totals. Later output starts on a new line.
    pub fn finish(&mut self, state: &LiveState) -> io::Result<()> {
        match self.mode {
            Mode::Quiet => Ok(()),
            Mode::Redraw if state.length >= SHORT => self.redraw(state),
            Mode::Redraw => {
                let last = LiveState {
                    at: state.at,
                    total_requests: state.total_requests,
                    total_failed: state.total_failed,
                    total_iterations: state.total_iterations,
                    thresholds: state.thresholds.clone(),
                    ..std::mem::take(&mut self.second)
                };
                self.redraw(&last)
            }
            Mode::Lines => {
                writeln!(self.out, "{}", frame::totals(state))?;
                self.out.flush()
            }
        }
    }

    fn redraw(&mut self, state: &LiveState) -> io::Result<()> {
        let size = self.size();
        let lines = frame::frame(&self.run, state, size, self.paint);
        let mut out = self.rewind(size);
        for line in &lines {
            out.push_str(line);
            out.push_str(CLEAR_LINE);
            out.push('\n');
        }
        out.push_str(CLEAR_BELOW);
        self.drawn = lines
            .iter()
            .map(|line| console::measure_text_width(line))
            .collect();
        // One write per frame, so that a frame is never half drawn.
        self.out.write_all(out.as_bytes())?;
        self.out.flush()
    }

    /// Moves to the first line of the current frame; a terminal that became narrower has wrapped its lines.
    fn rewind(&self, size: TerminalSize) -> String {
        let columns = usize::from(size.columns).max(1);
        let rows: usize = self
            .drawn
            .iter()
            .map(|width| width.div_ceil(columns).max(1))
            .sum();
        if rows == 0 {
            String::new()
        } else {
            format!("\r\u{1b}[{rows}A")
        }
    }

    fn size(&self) -> TerminalSize {
        (self.size)().unwrap_or(USUAL_SIZE)
    }
}

const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";
