//! The page's tables, with formatted cells.

use serde::Serialize;

use crate::plan::MetricId;
use crate::plan::threshold::Metric;
use crate::record::{Standing, Timing};
use crate::report::model::distribution::Stats;
use crate::report::model::{Report, ThresholdRow};
use crate::report::text;
use crate::scenario::{Severity, Window};
use crate::units::{
    ByteSize, Micros, show_count, show_duration, show_number, show_percent, show_share,
};
use crate::verdict::Conclusion;

const DASH: &str = "–";

/// A row for a threshold.
#[derive(Debug, Serialize)]
pub(super) struct ThresholdLine<'a> {
    word: &'static str,
    mark: &'static str,
    tone: &'static str,
    expression: &'a str,
    note: String,
    observed: String,
    limit: String,
    margin: String,
    samples: String,
    first: String,
}

pub(super) fn thresholds(report: &Report) -> Vec<ThresholdLine<'_>> {
    report
        .thresholds
        .iter()
        .map(|row| {
            let (word, mark, tone) = standing(row, report);
            ThresholdLine {
                word,
                mark,
                tone,
                expression: &row.expression,
                note: threshold_note(row, report),
                observed: row.shown_observed().unwrap_or_else(|| DASH.to_owned()),
                limit: row.shown_limit(),
                margin: row.margin().map_or_else(|| DASH.to_owned(), signed_percent),
                samples: show_count(row.samples),
                first: row
                    .first_violation
                    .map_or_else(|| DASH.to_owned(), text::clock),
            }
        })
        .collect()
}

/// A threshold's state as a word, with its mark and its style. A measurement that is not valid proves no threshold.
pub(in crate::report) fn standing(
    row: &ThresholdRow,
    report: &Report,
) -> (&'static str, &'static str, &'static str) {
    match (row.standing, row.severity) {
        (Standing::Pass, _) if report.verdict.conclusion == Conclusion::Invalid => {
            ("Not proven", "–", "care")
        }
        (Standing::Pass, _) => ("Holds", "✓", "pass"),
        (Standing::Fail, Severity::Fail) => ("Failed", "✗", "fail"),
        (Standing::Fail, Severity::Warn) => ("Failed (warns)", "!", "care"),
        (Standing::NoData, _) => ("No data", "?", "fail"),
        (Standing::Inconclusive, _) => ("Inconclusive", "~", "care"),
    }
}

fn threshold_note(row: &ThresholdRow, report: &Report) -> String {
    let window = match row.window {
        Window::Total => "over the whole run".to_owned(),
        Window::Rolling(length) => format!("in every {}", show_duration(length)),
        Window::Sustained(length) => {
            format!("fails after {} beyond the limit", show_duration(length))
        }
    };
    let origin = match row.line {
        Some(line) => format!("line {line}"),
        None => "built in".to_owned(),
    };
    if let Some(detail) = &row.detail {
        return format!("{origin}; {detail}");
    }
    if row.unit.is_of_slope() {
        return format!(
            "slope over the whole run by least squares, with a 95 % interval that allows for autocorrelation (series variance \
             estimator, Sun 2011); {origin}"
        );
    }
    if row.is_of_seconds {
        let seconds = show_count(row.samples);
        return format!(
            "of {seconds} measured seconds; one without a sample counts as one in which the rule did not hold if requests were \
             in flight; {origin}"
        );
    }
    let is_time = matches!(row.metric, Metric::ResponseTime | Metric::ServiceTime);
    let timed_out = report.time(Timing::TimedOut).count;
    if is_time && timed_out > 0 {
        format!("{window}; {origin}; requests that timed out count at their limit")
    } else {
        format!("{window}; {origin}")
    }
}

/// The distance from a limit as a percentage of the limit, with a sign: `+12 %` inside, `−3.1 %` outside.
pub(in crate::report) fn signed_percent(margin: f64) -> String {
    let sign = if margin > 0.0 { "+" } else { "" };
    let percent = margin * 100.0;
    if percent.abs() >= 10.0 {
        format!("{sign}{} %", show_number(percent.round()))
    } else {
        format!("{sign}{}", show_percent(margin))
    }
}

/// A row of the response time table: range, requests, share, cumulative share.
pub(super) type HeatLine = (String, String, String, String);

pub(super) fn heat(report: &Report) -> Vec<HeatLine> {
    let map = &report.heatmap;
    let all: u64 = map.measured.iter().sum();
    let mut so_far = 0;
    let rows = map.rows.iter().zip(&map.measured);
    // The warm-up may have had longer times, which are no part of the result.
    rows.filter(|(_, count)| **count > 0)
        .map(|((low, high), &count)| {
            so_far += count;
            (
                format!(
                    "{} – {}",
                    Micros(low.round() as u64),
                    Micros(high.round() as u64)
                ),
                show_count(count),
                show_share(count, all),
                show_share(so_far, all),
            )
        })
        .collect()
}

/// A row for a metric.
#[derive(Debug, Serialize)]
pub(super) struct TimesLine<'a> {
    pub(super) name: &'a str,
    pub(super) cells: Vec<String>,
}

pub(super) fn times(report: &Report) -> Vec<TimesLine<'_>> {
    let response = if report.has_one_time() {
        "Response = service time"
    } else {
        "Response time"
    };
    let declared = report.header.metrics.declared();
    let declared = declared.map(|(id, metric)| (metric.name.as_str(), id));
    [
        (response, Timing::ResponseTime),
        ("Service time", Timing::ServiceTime),
        ("Time to first byte", Timing::Ttfb),
        ("Connect", Timing::Connect),
        ("TLS handshake", Timing::Tls),
        ("Failed requests", Timing::FailedTime),
        ("Timed out: at least", Timing::TimedOut),
        ("Iteration time", Timing::IterationTime),
        ("Group time", Timing::GroupTime),
        ("Start lag of iterations", Timing::StartLag),
    ]
    .into_iter()
    .filter(|(_, timing)| !(report.has_one_time() && *timing == Timing::ServiceTime))
    .map(|(name, timing)| (name, timing.into()))
    .chain(declared)
    .filter_map(|(name, metric): (&str, MetricId)| {
        let stats = report.time(metric).recorded()?;
        let cells = [
            stats.min,
            Micros(stats.mean.round() as u64),
            stats.p50,
            stats.p75,
            stats.p90,
            stats.p95,
            stats.p99,
            stats.p99_9,
            stats.max,
        ];
        Some(TimesLine {
            name,
            cells: std::iter::once(show_count(stats.count))
                .chain(cells.iter().map(Micros::to_string))
                .collect(),
        })
    })
    .collect()
}

pub(super) fn timeline(report: &Report) -> Vec<Vec<String>> {
    report
        .timeline
        .iter()
        .map(|point| {
            let time = |of: fn(&crate::report::model::Spread) -> Micros| {
                point
                    .response
                    .as_ref()
                    .map_or_else(|| DASH.to_owned(), |spread| of(spread).to_string())
            };
            let from = text::clock(point.start);
            let mut row = vec![
                if point.is_warm_up {
                    format!("{from} (warm-up)")
                } else {
                    from
                },
                point.active_users.to_string(),
                show_number(point.rate(point.offered)),
                show_number(point.rate(point.started)),
                show_number(point.in_flight),
                show_number(point.rate(point.requests)),
                show_count(point.failed),
                time(|spread| spread.p50),
                time(|spread| spread.p95),
                time(|spread| spread.p99),
                time(|spread| spread.max),
                show_percent(point.generator_cpu),
                ByteSize(point.generator_rss).to_string(),
            ];
            if report.target.is_some() {
                let (cpu, memory) = point.target.map_or_else(
                    || (DASH.to_owned(), DASH.to_owned()),
                    |(cpu, rss)| (show_percent(cpu), ByteSize(rss).to_string()),
                );
                row.extend([cpu, memory]);
            }
            row
        })
        .collect()
}

/// A number of a distribution, or a dash if nothing was recorded.
pub(super) fn shown(stats: &Stats, of: impl Fn(&Stats) -> Micros) -> String {
    stats
        .recorded()
        .map_or_else(|| DASH.to_owned(), |stats| of(stats).to_string())
}
