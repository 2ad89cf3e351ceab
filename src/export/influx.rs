//! `--influx`: the line protocol of `InfluxDB`. One point an interval for the load, and one for each series.
//!
//! Source: <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>

use std::fmt::Write as _;
use std::io::{self, Write};

use super::labels::{self, Labels};
use super::text::{Ended, Formatter};
use crate::plan::{Metrics, Subject};
use crate::record::{Counts, Interval, RunHeader, SeriesInterval};
use crate::units::Micros;

/// The points of a run.
pub(super) struct InfluxLines {
    began: Micros,
    metrics: Metrics,
    /// Measurement and tags of the load.
    load: String,
    /// By series.
    series: Vec<String>,
}

impl InfluxLines {
    pub(super) fn of(header: &RunHeader) -> Self {
        let head = |measurement: &str, mut tags: Labels| {
            tags.push(("run_id".to_owned(), header.run_id.clone()));
            head(measurement, &tags)
        };
        let series = header.series.iter().map(|series| {
            let measurement = match series.subject {
                Subject::Requests | Subject::Silent => "gander_requests",
                Subject::Iterations => "gander_iterations",
                Subject::Groups => "gander_groups",
            };
            head(measurement, labels::of_series(header, series))
        });
        Self {
            began: labels::began_at(header),
            metrics: header.metrics.clone(),
            load: head("gander_load", labels::of_run(header)),
            series: series.collect(),
        }
    }

    fn load_fields(interval: &Interval) -> Fields {
        let (load, health) = (&interval.load, &interval.health);
        let mut fields = Fields::default();
        for (name, count) in [
            ("active_users", u64::from(load.active_users)),
            ("offered", load.offered),
            ("started", load.started),
            ("late", load.late),
            ("unstarted", load.unstarted),
            ("backlog", load.backlog),
            ("in_flight", u64::from(load.in_flight)),
            ("generator_rss_bytes", health.rss_bytes),
            ("generator_open_fds", u64::from(health.open_fds)),
            ("generator_loop_delay_max_us", health.loop_delay_max.0),
        ] {
            fields.count(name, count);
        }
        fields.number("in_flight_mean", load.in_flight_milli as f64 / 1e3);
        fields.number("generator_cpu", health.cpu);
        if let Some(target) = interval.target {
            fields.number("target_cpu", target.cpu);
            fields.count("target_rss_bytes", target.rss_bytes);
        }
        fields
    }

    fn series_fields(&self, part: &SeriesInterval) -> Fields {
        let Counts {
            ended,
            failed,
            interrupted,
            bytes_in,
            bytes_out,
            ..
        } = part.counts;
        let mut fields = Fields::default();
        for (name, count) in [
            ("ended", ended),
            ("failed", failed),
            ("interrupted", interrupted),
            ("bytes_in", bytes_in),
            ("bytes_out", bytes_out),
        ] {
            fields.count(name, count);
        }
        for (outcome, count) in &part.counts.outcomes {
            fields.count(&format!("failed_{}", outcome.name()), *count);
        }
        for (status, count) in &part.counts.statuses {
            fields.count(&format!("status_{status}"), *count);
        }
        for (id, bins) in &part.histograms {
            let Some(metric) = self.metrics.get(*id).filter(|_| !bins.is_empty()) else {
                continue;
            };
            let [p50, p90, p95, p99] = bins.values_at_quantiles([0.5, 0.9, 0.95, 0.99]);
            for (figure, value) in [
                ("count", bins.len()),
                ("p50_us", p50),
                ("p90_us", p90),
                ("p95_us", p95),
                ("p99_us", p99),
                ("max_us", bins.max()),
            ] {
                fields.count(&format!("{}_{figure}", metric.name), value);
            }
        }
        fields
    }
}

impl Formatter for InfluxLines {
    fn begin(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn interval(&mut self, interval: &Interval, out: &mut dyn Write) -> io::Result<()> {
        let phase = if interval.is_warm_up {
            "warm_up"
        } else {
            "measured"
        };
        let nanos = (self.began + interval.end).0 * 1_000;
        let fields = Self::load_fields(interval).0;
        writeln!(out, "{},phase={phase} {fields} {nanos}", self.load)?;
        for (id, part) in &interval.series {
            let Some(head) = self.series.get(id.0 as usize) else {
                continue;
            };
            let fields = self.series_fields(part).0;
            writeln!(out, "{head},phase={phase} {fields} {nanos}")?;
        }
        Ok(())
    }

    fn end(&mut self, _: &Ended, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Measurement and tags, `gander_requests,flow=browse,step=list`.
fn head(measurement: &str, tags: &Labels) -> String {
    let mut head = measurement.to_owned();
    // A tag without a value is not allowed.
    for (name, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(head, ",{}={}", escaped(name), escaped(value));
    }
    head
}

/// Fields of a point, `ended=12i,response_time_p99_us=1234i`.
#[derive(Default)]
struct Fields(String);

impl Fields {
    fn count(&mut self, name: &str, count: u64) {
        self.begin(name);
        // Whole numbers are signed there.
        let _ = write!(self.0, "{}i", count.min(i64::MAX as u64));
    }

    fn number(&mut self, name: &str, number: f64) {
        self.begin(name);
        let _ = write!(self.0, "{number}");
    }

    fn begin(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&escaped(name));
        self.0.push('=');
    }
}

/// A name or a value of a tag, or the name of a field. Line breaks have no escape and become spaces; a backslash at the
/// end would escape the character that follows and becomes a slash.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (place, c) in text.chars().enumerate() {
        match c {
            ',' | '=' | ' ' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\\' if place == last => escaped.push('/'),
            c if c.is_control() => escaped.push_str("\\ "),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_signs_of_the_syntax_is_escaped() {
        assert_eq!(escaped("GET /a, b=c"), r"GET\ /a\,\ b\=c");
        assert_eq!(escaped("two\nlines"), r"two\ lines");
        assert_eq!(escaped(r"C:\x\"), r"C:\x/");
        let tags = vec![
            ("flow".into(), "a b".into()),
            ("empty".into(), String::new()),
        ];
        assert_eq!(head("gander_requests", &tags), r"gander_requests,flow=a\ b");
    }
}
