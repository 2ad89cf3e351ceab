//! Tiles: a number, its label, and a sparkline.

use serde::Serialize;

use crate::record::Timing;
use crate::report::model::{Point, Report, Stats, per_second};
use crate::report::{chart, text};
use crate::units::{
    ByteSize, Micros, show_count, show_counted, show_number, show_percent, show_rate, show_share,
};

/// A number with its texts.
#[derive(Debug, Serialize)]
pub(super) struct Tile {
    label: &'static str,
    value: String,
    note: String,
    spark: String,
    is_bad: bool,
}

impl Tile {
    fn new(label: &'static str, value: String, note: String) -> Self {
        Self {
            label,
            value,
            note,
            spark: String::new(),
            is_bad: false,
        }
    }

    fn shaped(self, report: &Report, number: impl Fn(&Point) -> Option<f64>) -> Self {
        Self {
            spark: chart::spark(&thinned(report, number)),
            ..self
        }
    }
}

/// The key results of the run.
pub(super) fn outcome(report: &Report) -> Vec<Tile> {
    let requests = &report.requests;
    let rate = show_rate(report.requests_per_second());
    let mut tiles = vec![
        Tile::new(
            "Requests",
            show_count(requests.ended),
            match report.requests.after_load.ended {
                0 => format!("{rate} on average"),
                after => format!(
                    "{rate} on average; {} started after the end of the load",
                    show_count(after)
                ),
            },
        )
        .shaped(report, |point| Some(point.rate(point.requests))),
        achieved(report),
        time_tile("p50", report, |stats| stats.p50)
            .shaped(report, |point| Some(point.response?.p50.0 as f64)),
        time_tile("p95", report, |stats| stats.p95)
            .shaped(report, |point| Some(point.response?.p95.0 as f64)),
        time_tile("p99", report, |stats| stats.p99)
            .shaped(report, |point| Some(point.response?.p99.0 as f64)),
        time_tile("Longest", report, |stats| stats.max)
            .shaped(report, |point| Some(point.response?.max.0 as f64)),
    ];
    tiles.push(Tile {
        is_bad: requests.failed > 0,
        ..Tile::new(
            "Failed",
            show_share(requests.failed, requests.ended),
            show_counted(requests.failed, "request"),
        )
        .shaped(report, |point| Some(point.rate(point.failed)))
    });
    let iterations = &report.iterations;
    let failed = iterations.failed_iterations();
    tiles.push(Tile {
        is_bad: failed > 0,
        ..Tile::new(
            "Failed iterations",
            show_share(failed, iterations.judged_iterations()),
            show_counted(failed, "iteration"),
        )
    });
    if !report.is_closed() || report.load.unstarted > 0 {
        tiles.push(Tile {
            is_bad: report.load.unstarted > 0,
            ..Tile::new(
                "Never started",
                show_count(report.load.unstarted),
                format!("of {} due", show_counted(report.load.offered, "iteration")),
            )
        });
    }
    tiles
}

/// The achieved rate of iterations; in an open model, next to the scheduled one.
fn achieved(report: &Report) -> Tile {
    let load = &report.load;
    let started = per_second(load.started, report.load_time);
    let tile = if report.is_closed() {
        Tile::new(
            "Iterations started",
            show_rate(started),
            format!("by at most {}", show_counted(report.peak_users, "user")),
        )
    } else {
        let offered = per_second(load.offered, report.load_time);
        Tile::new(
            "Achieved rate",
            show_rate(started),
            format!(
                "{} of {} offered",
                show_share(load.started, load.offered),
                show_rate(offered)
            ),
        )
    };
    tile.shaped(report, |point| Some(point.rate(point.started)))
}

/// A response time, with a note about timed-out requests because they took even longer.
fn time_tile(label: &'static str, report: &Report, of: impl Fn(&Stats) -> Micros) -> Tile {
    let response = report.time(Timing::ResponseTime).recorded();
    let value = response.map_or_else(|| "–".to_owned(), |stats| of(stats).to_string());
    let note = match report.time(Timing::TimedOut).recorded() {
        None => "response time".to_owned(),
        Some(times) => text::timed_out(times.count, times.min),
    };
    Tile::new(label, value, note)
}

/// The health of the generator.
pub(super) fn health(report: &Report) -> Vec<Tile> {
    let generator = &report.generator;
    let lag = report.time(Timing::SchedulingLag);
    let mut tiles = vec![
        Tile::new(
            "Generator CPU",
            show_percent(generator.mean_cpu),
            format!("of all cores; at most {}", show_percent(generator.peak.cpu)),
        ),
        Tile::new(
            "CPU per request",
            report.cpu_per_request().map_or_else(
                || "–".to_owned(),
                |cost| Micros(cost.round() as u64).to_string(),
            ),
            format!("{} in total", Micros(generator.cpu_time.0)),
        ),
        Tile::new(
            "Generator memory",
            ByteSize(generator.peak.rss_bytes).to_string(),
            "at most".to_owned(),
        ),
        Tile::new(
            "Scheduling lag p99",
            lag.recorded()
                .map_or_else(|| "–".to_owned(), |lag| lag.p99.to_string()),
            "healthy up to 5 ms".to_owned(),
        ),
        Tile::new(
            "Event loop delay",
            generator.peak.loop_delay_max.to_string(),
            "at most".to_owned(),
        ),
        Tile {
            is_bad: generator.stood_still > Micros::ZERO,
            ..Tile::new(
                "Stalled",
                generator.stood_still.to_string(),
                "in stalls of 100 ms or more".to_owned(),
            )
        },
        Tile::new(
            "Open files",
            show_count(u64::from(generator.peak.open_fds)),
            format!("of {}", show_count(report.header.machine.fd_limit)),
        ),
    ];
    if let Some(target) = &report.target {
        tiles.push(Tile::new(
            "Target CPU",
            show_percent(target.mean_cpu),
            format!("of all cores; at most {}", show_percent(target.peak.cpu)),
        ));
        if let Some(work) = report.requests_per_target_cpu_second() {
            tiles.push(Tile::new(
                "Target work",
                show_number(work),
                "requests per second of its CPU time".to_owned(),
            ));
        }
        tiles.push(Tile::new(
            "Target memory",
            ByteSize(target.peak.rss_bytes).to_string(),
            "at most".to_owned(),
        ));
    }
    tiles
}

/// At most sixty points, each the maximum of its time span, so that no peak is lost.
fn thinned(report: &Report, number: impl Fn(&Point) -> Option<f64>) -> Vec<Option<f64>> {
    const MOST: usize = 60;
    let each = report.timeline.len().div_ceil(MOST).max(1);
    report
        .timeline
        .chunks(each)
        .map(|points| points.iter().filter_map(&number).reduce(f64::max))
        .collect()
}
