//! The text that Prometheus scrapes: its own format 0.0.4, or `OpenMetrics` 1.0 if the scraper asks for that.
//!
//! Sources: <https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>

use std::fmt::Write as _;

use super::catalogue::{Kind, Unit};
use super::families::{Family, Point, Value, families};
use super::state::RunState;
use super::times::Times;

/// A format of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposition {
    /// Prometheus, version 0.0.4.
    Prometheus,
    /// `OpenMetrics`, version 1.0.
    OpenMetrics,
}

impl Exposition {
    /// The format for an `Accept` header.
    pub(super) fn accepted(accept: &str) -> Self {
        let is_open = accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_named = parts.next() == Some("application/openmetrics-text");
            is_named && !parts.any(|part| part == "q=0")
        });
        if is_open {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The content type.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The text of a state.
    pub(super) fn text(self, state: &RunState) -> String {
        let mut text = String::new();
        for family in families(state) {
            self.family(&family, &mut text);
        }
        if self == Self::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }

    fn family(self, family: &Family<'_>, text: &mut String) {
        let metric = &family.metric;
        let name = match self {
            Self::Prometheus => metric.prometheus(),
            Self::OpenMetrics => metric.family(),
        };
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(text, "# HELP {name} {}", metric.help);
        let _ = writeln!(text, "# TYPE {name} {kind}");
        if self == Self::OpenMetrics {
            let unit = match metric.unit {
                Unit::Seconds => "seconds",
                Unit::Bytes => "bytes",
                Unit::Ratio => "ratio",
                Unit::Number(_) => "",
            };
            if !unit.is_empty() {
                let _ = writeln!(text, "# UNIT {name} {unit}");
            }
        }
        let name = metric.prometheus();
        for point in &family.points {
            match point.value {
                Value::Count(count) => {
                    let _ = writeln!(text, "{name}{} {count}", labelled(point, None));
                }
                Value::Level(level) => {
                    let _ = writeln!(text, "{name}{} {level}", labelled(point, None));
                }
                Value::Times(times) => write_times(&name, point, times, text),
            }
        }
    }
}

fn write_times(name: &str, point: &Point<'_>, times: &Times, text: &mut String) {
    for (bound, count) in times.cumulative() {
        // OpenMetrics wants bounds to be written as floating-point numbers.
        let le = format!("{bound:?}");
        let _ = writeln!(text, "{name}_bucket{} {count}", labelled(point, Some(&le)));
    }
    let count = times.count();
    let _ = writeln!(
        text,
        "{name}_bucket{} {count}",
        labelled(point, Some("+Inf"))
    );
    let labels = labelled(point, None);
    let _ = writeln!(text, "{name}_sum{labels} {}", times.sum());
    let _ = writeln!(text, "{name}_count{labels} {count}");
}

/// `{step="list",le="0.5"}`. An empty value is the same as none, and is left out.
fn labelled(point: &Point<'_>, le: Option<&str>) -> String {
    let mut text = String::from("{");
    let pairs = point.pairs().chain(le.map(|le| ("le", le)));
    for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
        if text.len() > 1 {
            text.push(',');
        }
        let _ = write!(text, "{name}=\"");
        for c in value.chars() {
            match c {
                '\\' => text.push_str(r"\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str(r"\n"),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_the_format_that_it_accepts() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4";
        assert_eq!(Exposition::accepted(prometheus), Exposition::OpenMetrics);
        for other in ["", "*/*", "text/plain", "application/openmetrics-text;q=0"] {
            assert_eq!(
                Exposition::accepted(other),
                Exposition::Prometheus,
                "{other}"
            );
        }
    }

    #[test]
    fn signs_of_the_syntax_in_a_value_are_escaped() {
        let labels = vec![("step".to_owned(), "a \"b\" \\ c\nd".to_owned())];
        let more = vec![("status_class", "")];
        let value = Value::Count(1);
        let point = Point {
            labels: &labels,
            more,
            value,
        };
        assert_eq!(
            labelled(&point, Some("+Inf")),
            "{step=\"a \\\"b\\\" \\\\ c\\nd\",le=\"+Inf\"}"
        );
    }
}
