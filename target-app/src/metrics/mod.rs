//! Folio's metrics in Prometheus format. Every label value comes from a fixed set.

mod connections;
mod families;
mod process;
mod requests;
mod times;

use prometheus::{Registry, TextEncoder};

use connections::Connections;
use families::Families;
pub(crate) use families::GaugeGuard;
use process::ProcessMetrics;
use requests::RequestMetrics;
use times::TimesFamilies;

pub(crate) use prometheus::proto::{MetricFamily, MetricType};
pub(crate) use requests::method_label;
pub(crate) use times::{RecordedTimes, Times, TimesFamily};

/// Bucket bounds in seconds: a cached read takes tens of microseconds, a cold search some milliseconds, a stall
/// seconds.
const BUCKETS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 10.0,
];

/// The registry of one [`State`](crate::State), and the metrics that every request writes.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) connections: Connections,
    pub(crate) requests: RequestMetrics,
    process: ProcessMetrics,
    families: Families,
    times: TimesFamilies,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let times = TimesFamilies::default();
        Ok(Self {
            connections: Connections::new(&registry)?,
            requests: RequestMetrics::new(&registry, &times)?,
            process: ProcessMetrics::new(&registry)?,
            families: Families::default(),
            registry,
            times,
        })
    }

    /// The current values ordered by name, for readers inside the process.
    pub(crate) fn gather(&self) -> Vec<MetricFamily> {
        self.process.read();
        self.registry.gather()
    }

    /// All metrics in the Prometheus text format 0.0.4.
    pub(crate) fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.gather())
    }
}

#[cfg(test)]
impl Metrics {
    /// Asserts that the text has this line.
    #[track_caller]
    pub(crate) fn assert_line(&self, line: &str) {
        let text = self.render().expect("text");
        assert!(
            text.lines().any(|found| found == line),
            "no line {line} in:\n{text}"
        );
    }
}
