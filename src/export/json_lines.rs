//! `--jsonl`: one JSON object a line, first the run, then each interval, then the end. Times are microseconds.
//! `docs/guide/outputs.md` describes every key.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::labels::began_at;
use super::text::{Ended, Formatter};
use crate::outcome::Outcome;
use crate::plan::{MetricId, Series, Subject};
use crate::record::{Bins, Counts, Health, Interval, LoadCounts, RunHeader, TargetHealth};
use crate::units::Micros;

/// The schema of the lines.
pub const SCHEMA: &str = "gander.intervals/1";

/// The lines of a run.
pub(super) struct JsonLines {
    header: RunHeader,
    began: Micros,
}

/// A line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Run(RunLine<'a>),
    Interval(Box<IntervalLine<'a>>),
    End(EndLine),
}

#[derive(Serialize)]
struct RunLine<'a> {
    schema: &'static str,
    gander: &'a str,
    run_id: &'a str,
    scenario: &'a str,
    target: &'a str,
    seed: u64,
    load: &'a str,
    started_at: &'a str,
    warm_up_s: f64,
    planned_s: Option<f64>,
}

#[derive(Serialize)]
struct IntervalLine<'a> {
    number: u64,
    at: String,
    start_s: f64,
    end_s: f64,
    warm_up: bool,
    load: Load,
    requests: Figures<'a>,
    series: Vec<SeriesFigures<'a>>,
    checks: Vec<CheckFigures<'a>>,
    generator: Generator,
    target: Option<TargetFigures>,
}

#[derive(Serialize)]
struct Load {
    active_users: u32,
    offered: u64,
    started: u64,
    late: u64,
    unstarted: u64,
    backlog: u64,
    in_flight: u32,
    in_flight_mean: f64,
}

/// Counts and times of one series, or of all requests.
#[derive(Serialize)]
struct Figures<'a> {
    ended: u64,
    failed: u64,
    interrupted: u64,
    bytes_in: u64,
    bytes_out: u64,
    statuses: BTreeMap<u16, u64>,
    outcomes: BTreeMap<Outcome, u64>,
    times: BTreeMap<&'a str, Times>,
}

#[derive(Serialize)]
struct SeriesFigures<'a> {
    subject: Subject,
    flow: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    figures: Figures<'a>,
}

#[derive(Serialize)]
struct CheckFigures<'a> {
    flow: &'a str,
    step: &'a str,
    name: &'a str,
    passed: u64,
    failed: u64,
}

#[derive(Serialize)]
struct Times {
    count: u64,
    min_us: u64,
    p50_us: u64,
    p90_us: u64,
    p95_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
}

#[derive(Serialize)]
struct Generator {
    cpu: f64,
    rss_bytes: u64,
    open_fds: u32,
    loop_delay_max_us: u64,
    stolen: f64,
}

#[derive(Serialize)]
struct TargetFigures {
    cpu: f64,
    rss_bytes: u64,
}

#[derive(Serialize)]
struct EndLine {
    end_s: f64,
    interrupted: u64,
    panics: u64,
}

impl JsonLines {
    pub(super) fn of(header: &RunHeader) -> Self {
        Self {
            began: began_at(header),
            header: header.clone(),
        }
    }

    fn line<'a>(&'a self, interval: &'a Interval) -> IntervalLine<'a> {
        let mut counts = Counts::default();
        let mut times: BTreeMap<MetricId, Bins> = BTreeMap::new();
        let mut series = Vec::new();
        for (id, part) in &interval.series {
            let Some(of) = self.header.series.get(id.0 as usize) else {
                continue;
            };
            if matches!(of.subject, Subject::Requests | Subject::Silent) {
                counts += &part.counts;
                for (metric, bins) in &part.histograms {
                    times.entry(*metric).or_default().merge(bins);
                }
            }
            let Series {
                name,
                flow,
                subject,
                tags,
            } = of;
            series.push(SeriesFigures {
                subject: *subject,
                flow,
                name,
                tags,
                figures: self.figures(&part.counts, &part.histograms),
            });
        }
        let checks = interval.checks.iter().filter_map(|(id, counts)| {
            let check = self.header.checks.get(id.0 as usize)?;
            Some(CheckFigures {
                flow: &check.flow,
                step: &check.step,
                name: &check.name,
                passed: counts.passed,
                failed: counts.failed,
            })
        });
        IntervalLine {
            number: interval.number,
            at: moment(self.began + interval.end),
            start_s: interval.start.as_secs_f64(),
            end_s: interval.end.as_secs_f64(),
            warm_up: interval.is_warm_up,
            load: (&interval.load).into(),
            requests: self.figures(&counts, &times),
            checks: checks.collect(),
            series,
            generator: (&interval.health).into(),
            target: interval.target.as_ref().map(TargetFigures::from),
        }
    }

    fn figures(&self, counts: &Counts, times: &BTreeMap<MetricId, Bins>) -> Figures<'_> {
        let times = times.iter().filter(|(_, bins)| !bins.is_empty());
        Figures {
            ended: counts.ended,
            failed: counts.failed,
            interrupted: counts.interrupted,
            bytes_in: counts.bytes_in,
            bytes_out: counts.bytes_out,
            statuses: counts.statuses.clone(),
            outcomes: counts.outcomes.clone(),
            times: times
                .filter_map(|(id, bins)| {
                    let metric = self.header.metrics.get(*id)?;
                    Some((metric.name.as_str(), Times::from(bins)))
                })
                .collect(),
        }
    }
}

impl Formatter for JsonLines {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let header = &self.header;
        let run = RunLine {
            schema: SCHEMA,
            gander: &header.gander,
            run_id: &header.run_id,
            scenario: &header.scenario,
            target: &header.target,
            seed: header.seed,
            load: &header.load,
            started_at: &header.started_at,
            warm_up_s: header.warm_up.as_secs_f64(),
            planned_s: header.planned_duration.map(Micros::as_secs_f64),
        };
        write(&Line::Run(run), out)
    }

    fn interval(&mut self, interval: &Interval, out: &mut dyn Write) -> io::Result<()> {
        write(&Line::Interval(Box::new(self.line(interval))), out)
    }

    fn end(&mut self, end: &Ended, out: &mut dyn Write) -> io::Result<()> {
        let end = EndLine {
            end_s: end.at.as_secs_f64(),
            interrupted: end.interrupted,
            panics: end.panics,
        };
        write(&Line::End(end), out)
    }
}

fn write(line: &Line<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// A wall time in RFC 3339, UTC, to the millisecond.
fn moment(at: Micros) -> String {
    let moment = DateTime::<Utc>::from_timestamp_micros(at.0 as i64).unwrap_or_default();
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl From<&LoadCounts> for Load {
    fn from(load: &LoadCounts) -> Self {
        Self {
            active_users: load.active_users,
            offered: load.offered,
            started: load.started,
            late: load.late,
            unstarted: load.unstarted,
            backlog: load.backlog,
            in_flight: load.in_flight,
            in_flight_mean: load.in_flight_milli as f64 / 1e3,
        }
    }
}

impl From<&Bins> for Times {
    fn from(bins: &Bins) -> Self {
        let at = bins.values_at_quantiles([0.5, 0.9, 0.95, 0.99, 0.999]);
        Self {
            count: bins.len(),
            min_us: bins.min(),
            p50_us: at[0],
            p90_us: at[1],
            p95_us: at[2],
            p99_us: at[3],
            p999_us: at[4],
            max_us: bins.max(),
        }
    }
}

impl From<&Health> for Generator {
    fn from(health: &Health) -> Self {
        Self {
            cpu: health.cpu,
            rss_bytes: health.rss_bytes,
            open_fds: health.open_fds,
            loop_delay_max_us: health.loop_delay_max.0,
            stolen: health.stolen,
        }
    }
}

impl From<&TargetHealth> for TargetFigures {
    fn from(health: &TargetHealth) -> Self {
        Self {
            cpu: health.cpu,
            rss_bytes: health.rss_bytes,
        }
    }
}
