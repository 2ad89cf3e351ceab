//! The metrics report of GitLab: the main figures as `OpenMetrics` text, which merge requests compare with the target
//! branch.
//!
//! The text follows `OpenMetrics` 1.0. GitLab reads less: it cuts a line at `#`, splits the rest as a shell does, and
//! compares values as strings. So no label contains `#`, and measured values have three significant digits; counts are
//! exact. Times are in seconds, and those of successful requests; nothing counts the warm-up.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::model::{Report, Stats};
use super::{RenderError, Renderer};
use crate::record::Timing;
use crate::units::Micros;

/// The maximum number of steps.
const MOST_STEPS: usize = 100;

/// Writes `metrics.txt`.
#[derive(Debug)]
pub struct GitlabMetrics;

impl Renderer for GitlabMetrics {
    fn file_name(&self) -> &'static str {
        "metrics.txt"
    }

    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError> {
        Ok(document(report).into_bytes())
    }
}

/// A percentile, by its quantile.
type Percentile = (&'static str, fn(&Stats) -> Micros);

const QUANTILES: [Percentile; 3] = [
    ("0.5", |times| times.p50),
    ("0.95", |times| times.p95),
    ("0.99", |times| times.p99),
];

fn document(report: &Report) -> String {
    let requests = &report.requests;
    let mut text = Exposition::of(&report.header.scenario);

    text.gauge("gander_exit_code", f64::from(report.verdict.exit.code()));
    text.counter("gander_requests", requests.ended);
    text.counter("gander_requests_failed", requests.failed);
    if requests.ended > 0 {
        let failed = requests.failed as f64 / requests.ended as f64;
        text.gauge("gander_failed_ratio", failed);
    }
    text.gauge("gander_requests_per_second", report.requests_per_second());
    if let Some(cost) = report.cpu_per_request() {
        text.gauge("gander_generator_cpu_per_request_seconds", cost / 1e6);
    }
    let response = report.time(Timing::ResponseTime);
    text.summary("gander_response_time_seconds", [(&[][..], response)]);
    if !report.has_one_time() {
        let service = report.time(Timing::ServiceTime);
        text.summary("gander_service_time_seconds", [(&[][..], service)]);
    }
    let steps = report.steps.iter().take(MOST_STEPS);
    let steps: Vec<_> = steps
        .map(|step| {
            let labels = [("flow", step.flow.as_str()), ("step", step.name.as_str())];
            (labels, step.times.of_metric(Timing::ResponseTime))
        })
        .collect();
    let steps = steps.iter().map(|(labels, times)| (&labels[..], *times));
    text.summary("gander_step_response_time_seconds", steps);
    text.finish()
}

type Labels<'a> = &'a [(&'a str, &'a str)];

/// The text so far, and the samples in it: two names that were masked can be equal, and no sample may be there twice.
struct Exposition<'a> {
    scenario: &'a str,
    text: String,
    written: HashSet<String>,
}

impl<'a> Exposition<'a> {
    fn of(scenario: &'a str) -> Self {
        Self {
            scenario,
            text: String::new(),
            written: HashSet::new(),
        }
    }

    fn gauge(&mut self, name: &str, value: f64) {
        self.family(name, "gauge");
        self.sample(name, &[], &three_digits(value));
    }

    fn counter(&mut self, name: &str, count: u64) {
        self.family(name, "counter");
        self.sample(&format!("{name}_total"), &[], &count.to_string());
    }

    /// The percentiles of times, each with its labels; nothing where nothing was recorded.
    fn summary<'b>(
        &mut self,
        name: &str,
        times: impl IntoIterator<Item = (Labels<'b>, &'b Stats)>,
    ) {
        let times = times
            .into_iter()
            .filter_map(|(labels, times)| Some((labels, times.recorded()?)));
        for (index, (labels, times)) in times.enumerate() {
            if index == 0 {
                self.family(name, "summary");
            }
            for (quantile, of) in QUANTILES {
                let labels = [labels, &[("quantile", quantile)]].concat();
                self.sample(name, &labels, &three_digits(of(times).as_secs_f64()));
            }
        }
    }

    /// The unit is the end of the name.
    fn family(&mut self, name: &str, kind: &str) {
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        let unit = ["seconds", "ratio"];
        if let Some(unit) = unit.into_iter().find(|unit| name.ends_with(unit)) {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: &str) {
        let all = [("scenario", self.scenario)].into_iter();
        let all: Vec<String> = all
            .chain(labels.iter().copied())
            .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
            .collect();
        let sample = format!("{name}{{{}}}", all.join(","));
        if self.written.insert(sample.clone()) {
            let _ = writeln!(self.text, "{sample} {value}");
        }
    }

    fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }
}

/// A value of a label. The full-width form takes the place of `#`, at which GitLab cuts a line.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('#', "\u{ff03}")
}

/// At most three significant digits, without an exponent and without zeros at the end.
fn three_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_significant_digits() {
        for (value, shown) in [
            (0.0, "0"),
            (0.000_012_345, "0.0000123"),
            (0.1, "0.1"),
            (1.0, "1"),
            (12.349, "12.3"),
            (0.999_9, "1"),
            (123_456.0, "123000"),
        ] {
            assert_eq!(three_digits(value), shown);
        }
    }
}
