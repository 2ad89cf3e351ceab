//! The words and numbers that every form of a comparison shares.

use std::fmt::Write as _;

use crate::compare::{
    Answer, CURVE, Change, Comparison, Design, Figure, Part, Row, Scale, TARGET_CPU, show_change,
    show_confidence,
};
use crate::units::{Micros, show_percent, show_rate};

/// A figure as a reader calls it: `p95 response time`.
pub(super) fn label(figure: &Figure) -> String {
    let name = &figure.name;
    match &figure.part {
        Part::Step { flow, step } => {
            let aggregate = name.split('(').next().unwrap_or(name);
            let what = if figure.scale == Scale::Share {
                "failed"
            } else {
                aggregate
            };
            format!("{flow} / {step}: {what}")
        }
        Part::Run | Part::Threshold => name.clone(),
    }
}

/// A value with its unit.
pub(super) fn value(figure: &Figure, number: Option<f64>) -> String {
    let Some(number) = number else {
        return "–".to_owned();
    };
    let name = &figure.name;
    if figure.scale == Scale::Share {
        show_percent(number)
    } else if name.starts_with("rate(") {
        show_rate(number)
    } else if figure.is_kept_time || name == TARGET_CPU || is_time(name) {
        Micros(number.round().max(0.0) as u64).to_string()
    } else {
        crate::units::show_number(number)
    }
}

fn is_time(name: &str) -> bool {
    const TIMES: [&str; 7] = [
        "response_time",
        "service_time",
        "iteration_time",
        "start_lag",
        "ttfb",
        "connect",
        "tls",
    ];
    !name.starts_with("count(") && TIMES.iter().any(|time| name.contains(time))
}

/// `+12.3 %`
pub(super) fn change(row: &Row) -> String {
    row.told_change().map_or_else(
        || "–".to_owned(),
        |told| show_change(told, row.figure.scale),
    )
}

/// `+8.1 to +16.7 %`
pub(super) fn bounds(row: &Row) -> String {
    let Some(bounds) = row.told_bounds() else {
        return "–".to_owned();
    };
    let scale = row.figure.scale;
    let low = show_change(bounds.low, scale);
    let low = low.trim_end_matches([' ', '%', 'p']);
    format!("{low} to {}", show_change(bounds.high, scale))
}

/// The mark of a verdict, so that colour is not needed.
pub(super) const fn mark(change: Change) -> &'static str {
    match change {
        Change::Regressed => "▲",
        Change::Improved => "▼",
        Change::Changed => "≠",
        Change::NoChange => "=",
        Change::Inconclusive => "?",
    }
}

/// The verdict of a row in words, with what is missing.
pub(super) fn verdict(row: &Row) -> String {
    match row.change {
        Change::Inconclusive if row.is_not_worse() => "inconclusive, not worse".to_owned(),
        change => change.name().to_owned(),
    }
}

/// The smallest change found and what would find the tolerance; empty if the row is clear.
pub(super) fn needs(row: &Row) -> String {
    if row.change != Change::Inconclusive {
        return String::new();
    }
    if row.flaw.is_some() {
        return row.why();
    }
    let scale = row.figure.scale;
    let mut words = row.detectable.map_or_else(String::new, |detectable| {
        format!("finds {}", show_change(detectable, scale))
    });
    if let Some(need) = row.need {
        let separator = if words.is_empty() { "" } else { "; " };
        let limit = show_change(row.limit, scale);
        let _ = write!(words, "{separator}{limit} needs {need}");
    }
    words
}

/// The answer: mark, word and tone.
pub(super) const fn answer(answer: Answer) -> (&'static str, &'static str, &'static str) {
    match answer {
        Answer::NothingWorse => ("✓", "Nothing worse", "pass"),
        Answer::Regressed => ("▲", "Regressed", "fail"),
        Answer::Inconclusive => ("≈", "Inconclusive", "care"),
        Answer::NotComparable => ("≠", "Not comparable", "care"),
        Answer::Invalid => ("!", "Invalid", "fail"),
    }
}

/// How the intervals were made, in a sentence.
pub(super) fn method(comparison: &Comparison) -> String {
    let confidence = show_confidence(comparison.confidence);
    let runs = (comparison.a.len(), comparison.b.len());
    let source = match &comparison.design {
        Design::Pairs { a_first } => {
            format!(
                "the differences within {} interleaved pairs (t)",
                a_first.len()
            )
        }
        Design::Groups if runs.0 + runs.1 < 3 => {
            "the error within the runs and the noise floor between runs".to_owned()
        }
        Design::Groups => format!(
            "the spread between runs ({} on side A, {} on side B)",
            runs.0, runs.1
        ),
    };
    format!(
        "Intervals have {confidence} confidence and come from {source}. Figures that decide are corrected by Holm, all others \
         by Benjamini and Hochberg."
    )
}

/// What the place within a pair does, one sentence for each figure where it exceeds the noise.
pub(super) fn slots(comparison: &Comparison) -> Vec<String> {
    let noticeable = comparison.slots.iter().filter(|slot| slot.is_noticeable());
    noticeable
        .map(|slot| {
            let told = slot.figure.scale.told(slot.effect.change);
            format!(
                "The second run of a pair differs from the first by {} in {}, whichever side it is; the order of the pairs \
                 cancels that.",
                show_change(told, slot.figure.scale),
                slot.figure.name
            )
        })
        .collect()
}

/// `p99.5`
pub(super) fn quantile(index: usize) -> String {
    let percent = CURVE.get(index).map_or(0.0, |quantile| quantile * 100.0);
    format!("p{}", (percent * 10.0).round() / 10.0)
}
