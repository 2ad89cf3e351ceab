//! Formats numbers and texts for the outline.

use std::time::Duration;

use crate::scenario::{Bounds, Delay};
use crate::units::{show_count, show_duration};

/// A pause in words.
pub(super) fn show_delay(delay: Delay) -> String {
    match delay {
        Delay::Constant(length) => show_duration(length),
        Delay::Uniform(low, high) => format!("{} to {}", show_duration(low), show_duration(high)),
        Delay::Normal(mean, sd, bounds) => format!(
            "{} (normal, sd {}{})",
            show_duration(mean),
            show_duration(sd),
            show_bounds(bounds)
        ),
        Delay::Exponential(mean, bounds) => format!(
            "{} on average (exponential{})",
            show_duration(mean),
            show_bounds(bounds)
        ),
    }
}

/// Bounds, after a comma; empty if there are none.
fn show_bounds(bounds: Bounds) -> String {
    let least =
        (!bounds.least.is_zero()).then(|| format!(", at least {}", show_duration(bounds.least)));
    let most = bounds
        .most
        .map(|most| format!(", at most {}", show_duration(most)));
    least.into_iter().chain(most).collect()
}

/// A duration in whole seconds, or finer below ten seconds.
pub(super) fn rough(duration: Duration) -> String {
    if duration.as_secs() < 10 {
        return show_duration(duration);
    }
    show_duration(Duration::from_secs(duration.as_secs_f64().round() as u64))
}

/// A number with three significant digits: `38,000`, `16.8`.
pub(super) fn rounded(value: f64) -> String {
    if value < 100.0 {
        let decimals = if value < 10.0 { 2 } else { 1 };
        let text = format!("{value:.decimals$}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let unit = 10_f64.powf(value.log10().floor() - 2.0);
    show_count(((value / unit).round() * unit) as u64)
}

/// The text, shortened to `width` characters, without control characters.
pub(super) fn cut(text: &str, width: usize) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    if clean.chars().count() <= width {
        return clean;
    }
    let kept: String = clean.chars().take(width - 1).collect();
    format!("{kept}…")
}
