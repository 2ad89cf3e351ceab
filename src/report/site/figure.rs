//! The figures whose trends a site shows.

use crate::compare::{DEFAULT_TOLERANCE, SHARE_TOLERANCE, Scale, TARGET_CPU, Worse};
use crate::units::{Micros, show_number, show_percent, show_rate};

/// The name of the generator's CPU time per request, in µs.
pub(super) const GENERATOR_CPU: &str = "generator.cpu_per_request";

/// The figure that stands for a run where there is room for one only.
pub(super) const MAIN: &str = "p95(response_time)";

/// A figure of runs.
#[derive(Debug)]
pub(super) struct SiteFigure {
    /// Its name in `index.json`: that of thresholds and comparisons.
    pub(super) name: &'static str,
    /// Its title.
    pub(super) title: &'static str,
    /// Its title where there is little room.
    pub(super) short: &'static str,
    /// A short name for ids.
    pub(super) id: &'static str,
    pub(super) scale: Scale,
    pub(super) worse: Worse,
    unit: SiteUnit,
}

#[derive(Debug, Clone, Copy)]
enum SiteUnit {
    Time,
    Share,
    Rate,
}

/// The figures in the order of a page.
pub(super) const FIGURES: [SiteFigure; 7] = [
    time("p50(response_time)", "Response time, p50", "p50", "p50"),
    time(MAIN, "Response time, p95", "p95", "p95"),
    time("p99(response_time)", "Response time, p99", "p99", "p99"),
    SiteFigure {
        name: "ratio(failed)",
        title: "Failed requests",
        short: "Failed",
        id: "failed",
        scale: Scale::Share,
        worse: Worse::More,
        unit: SiteUnit::Share,
    },
    SiteFigure {
        name: "rate(requests)",
        title: "Achieved rate of requests",
        short: "Rate",
        id: "rate",
        scale: Scale::Factor,
        worse: Worse::Less,
        unit: SiteUnit::Rate,
    },
    time(
        TARGET_CPU,
        "CPU time of the target per request",
        "Target CPU",
        "target",
    ),
    time(
        GENERATOR_CPU,
        "CPU time of the generator per request",
        "Generator CPU",
        "generator",
    ),
];

const fn time(
    name: &'static str,
    title: &'static str,
    short: &'static str,
    id: &'static str,
) -> SiteFigure {
    SiteFigure {
        name,
        title,
        short,
        id,
        scale: Scale::Factor,
        worse: Worse::More,
        unit: SiteUnit::Time,
    }
}

impl SiteFigure {
    /// A value with its unit.
    pub(super) fn show(&self, value: f64) -> String {
        match self.unit {
            // Whole microseconds are too coarse for the CPU time of a request.
            SiteUnit::Time if value < 1_000.0 => format!("{} µs", show_number(value)),
            SiteUnit::Time => Micros(value.round() as u64).to_string(),
            SiteUnit::Share => show_percent(value),
            SiteUnit::Rate => show_rate(value),
        }
    }

    /// The smallest change of the level that counts, on the figure's scale.
    pub(super) fn least_change(&self) -> f64 {
        match self.scale {
            Scale::Factor => self.scale.difference(DEFAULT_TOLERANCE),
            Scale::Share => SHARE_TOLERANCE,
        }
    }
}
