//! The content of a frame or a line, within the available space.

use super::{LiveState, RunFacts, TerminalSize};
use crate::plan::schedule::Model;
use crate::record::Standing;
use crate::report::paint::{Paint, Tone};
use crate::report::text;
use crate::units::{show_count, show_counted, show_rate, show_share};

/// The maximum width of a frame.
const WIDEST: usize = 100;

/// Columns of a frame: one less than the terminal has, so that no line wraps.
pub(super) fn width(size: TerminalSize) -> usize {
    usize::from(size.columns).saturating_sub(1).clamp(1, WIDEST)
}

/// The lines of a frame: at most one less than the terminal has, and none wider than it.
pub(super) fn frame(
    run: &RunFacts,
    state: &LiveState,
    size: TerminalSize,
    paint: Paint,
) -> Vec<String> {
    let width = width(size);
    let height = usize::from(size.rows).saturating_sub(1).max(1);
    let mut lines = vec![progress(run, state, width, paint)];
    lines.extend(fitted(&facts(run, state), width));
    lines.extend(fitted(&times(state), width));
    let room = height.saturating_sub(lines.len());
    // Only what is left beside the thresholds.
    if room > run.thresholds.len() {
        lines.extend(fitted(&state.kept, width).into_iter().next());
    }
    let room = height.saturating_sub(lines.len());
    lines.extend(thresholds(run, state, width, room, paint));
    lines.truncate(height);
    lines
}

/// The state as a single line, for logs.
pub(super) fn line(run: &RunFacts, state: &LiveState) -> String {
    let mut parts = vec![clock(run, state)];
    parts.extend(run.stage_words(state.at));
    if state.is_warm_up {
        parts.push("warm-up".to_owned());
    }
    parts.extend(facts(run, state));
    parts.extend(times(state));
    parts.extend(standings(state));
    parts.join("  ")
}

/// The run's totals as a single line: the last line of a log.
pub(super) fn totals(state: &LiveState) -> String {
    let mut parts = vec![
        text::clock(whole(state.at)),
        format!("total {}", show_counted(state.total_requests, "request")),
        format!("{} failed", show_count(state.total_failed)),
        show_counted(state.total_iterations, "iteration"),
    ];
    parts.extend(standings(state));
    parts.join("  ")
}

/// The number of thresholds that hold, and of those that do not.
fn standings(state: &LiveState) -> Option<String> {
    let holding = count(state, Standing::Pass);
    let broken = count(state, Standing::Fail);
    (!state.thresholds.is_empty()).then(|| format!("thresholds {holding} ✓ {broken} ✗"))
}

fn count(state: &LiveState, standing: Standing) -> usize {
    state
        .thresholds
        .iter()
        .filter(|(stands, _)| *stands == standing)
        .count()
}

fn clock(run: &RunFacts, state: &LiveState) -> String {
    let now = text::clock(whole(state.at));
    match run.planned {
        Some(planned) => format!("{now} of {}", text::clock(planned)),
        None => now,
    }
}

/// Without tenths, which would flicker.
fn whole(time: crate::units::Micros) -> crate::units::Micros {
    crate::units::Micros(time.0 / 1_000_000 * 1_000_000)
}

fn facts(run: &RunFacts, state: &LiveState) -> Vec<String> {
    let mut facts = vec![format!("users {}", state.load.active_users)];
    if run.model == Model::Open {
        let offered = show_rate(state.rate(state.load.offered));
        facts.push(format!("offered {offered}"));
    }
    facts.push(format!(
        "achieved {}",
        show_rate(state.rate(state.load.started))
    ));
    facts.push(format!("in flight {}", state.load.in_flight));
    facts.push(format!(
        "requests {} ({})",
        show_count(state.total_requests),
        show_rate(state.rate(state.requests))
    ));
    facts.push(format!(
        "failed {} ({})",
        show_count(state.total_failed),
        show_share(state.total_failed, state.total_requests)
    ));
    facts
}

fn times(state: &LiveState) -> Vec<String> {
    let mut times = match state.response {
        Some(spread) => vec![
            format!("p50 {}", spread.p50),
            format!("p95 {}", spread.p95),
            format!("p99 {}", spread.p99),
            format!("max {}", spread.max),
        ],
        None => vec!["p50 –".to_owned(), "p95 –".to_owned(), "p99 –".to_owned()],
    };
    times.extend(
        state
            .timed_out
            .map(|(count, at_least)| text::timed_out(count, at_least)),
    );
    times
}

/// Facts side by side, in as many lines as they need; a fact is not split if it fits on a line.
fn fitted(facts: &[String], width: usize) -> Vec<String> {
    const GAP: usize = 3;
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        let long = console::measure_text_width(fact);
        match lines.last_mut() {
            Some(line) if console::measure_text_width(line) + GAP + long <= width => {
                line.push_str(&" ".repeat(GAP));
                line.push_str(fact);
            }
            _ => lines.push(text::shorten(fact, width)),
        }
    }
    lines
}

/// Name, progress bar with a gap at the start of each stage, and progress.
fn progress(run: &RunFacts, state: &LiveState, width: usize, paint: Paint) -> String {
    const LEAST_BAR: usize = 10;
    let mut words = clock(run, state);
    if state.is_warm_up {
        words.push_str("  warm-up");
    } else if let Some(stage) = run.stage_words(state.at) {
        words.push_str("  ");
        words.push_str(&stage);
    }
    let words_wide = console::measure_text_width(&words);
    let name = text::shorten(&run.scenario, 24);
    let name_wide = console::measure_text_width(&name);
    let left = width.saturating_sub(words_wide + name_wide + 4);
    let Some(part) = run.progress(state).filter(|_| left >= LEAST_BAR) else {
        return text::shorten(&format!("{name}  {words}"), width);
    };
    let bar_wide = left.min(40);
    let done = (part * bar_wide as f64).round() as usize;
    let begins = |cell: usize| {
        run.planned.is_some_and(|planned| {
            run.stages.iter().skip(1).any(|(start, _)| {
                let at = start.0 as f64 / planned.0.max(1) as f64 * bar_wide as f64;
                at.round() as usize == cell
            })
        })
    };
    let cells = |range: std::ops::Range<usize>, full: char| -> String {
        range
            .map(|cell| if begins(cell) { '┃' } else { full })
            .collect()
    };
    format!(
        "{}  {}{}  {words}",
        paint.bold(Tone::Plain, &name),
        paint.with(Tone::Good, &cells(0..done, '━')),
        paint.with(Tone::Soft, &cells(done..bar_wide, '─')),
    )
}

/// One line per threshold if there is space; otherwise failed ones first.
fn thresholds(
    run: &RunFacts,
    state: &LiveState,
    width: usize,
    room: usize,
    paint: Paint,
) -> Vec<String> {
    let mut rows: Vec<_> = run.thresholds.iter().zip(&state.thresholds).collect();
    let is_tight = rows.len() > room;
    if is_tight {
        rows.sort_by_key(|(_, (standing, _))| match standing {
            Standing::Fail => 0,
            Standing::NoData => 1,
            Standing::Inconclusive => 2,
            Standing::Pass => 3,
        });
    }
    let shown = if is_tight {
        room.saturating_sub(1)
    } else {
        room
    };
    let observed_wide = 12.min(width / 3);
    let mut lines: Vec<String> = rows
        .iter()
        .take(shown)
        .map(|((expression, unit), (standing, observed))| {
            let (mark, tone) = match standing {
                Standing::Pass => ("✓", Tone::Good),
                Standing::Fail => ("✗", Tone::Bad),
                Standing::NoData => ("·", Tone::Soft),
                Standing::Inconclusive => ("~", Tone::Soft),
            };
            let observed = observed
                .filter(|_| *standing != Standing::NoData)
                .map_or_else(|| "–".to_owned(), |value| unit.show(value));
            let expression =
                text::column(expression, width.saturating_sub(observed_wide + 3).min(60));
            let observed = text::column_right(&observed, observed_wide);
            // Shortened before it is coloured, because escape sequences have no width.
            let rest = text::shorten(&format!("{expression} {observed}"), width.saturating_sub(2));
            format!("{} {rest}", paint.with(tone, mark))
        })
        .collect();
    if is_tight && room > 0 {
        let rest = rows.len() - shown.min(rows.len());
        lines.push(text::shorten(&format!("and {rest} more thresholds"), width));
    }
    lines
}
