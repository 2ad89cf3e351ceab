//! A checkup as JSON, for programs.

use serde::Serialize;

use super::{Build, Checkup, Judgement, Row};
use crate::probe::Machine;

/// The name of the schema.
pub const SCHEMA: &str = "gander.doctor/1";

/// The schema itself, as JSON Schema.
pub const JSON_SCHEMA: &str = include_str!("doctor.schema.json");

/// The document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    gander: &'static str,
    build: Build,
    machine: &'a Machine,
    measured: MeasuredDocument,
    judgement: Judgement,
    rows: &'a [Row],
}

#[derive(Debug, Serialize)]
struct MeasuredDocument {
    users: u32,
    time_s: f64,
    requests: u64,
    failed: u64,
    requests_per_s: f64,
    cpu_per_request_us: f64,
    valid_rate_per_s: f64,
    server_cpu: Option<f64>,
    timers: TimersDocument,
    stolen_cpu: f64,
    throttled: f64,
}

#[derive(Debug, Serialize)]
struct TimersDocument {
    rate_per_s: f64,
    late_p50_us: u64,
    late_p99_us: u64,
    late_max_us: u64,
}

impl Checkup {
    /// The checkup as JSON, as [`JSON_SCHEMA`] describes it.
    ///
    /// # Errors
    /// A figure is not finite.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let (measured, timers) = (&self.measured, self.measured.timers);
        let document = Document {
            schema: SCHEMA,
            gander: env!("CARGO_PKG_VERSION"),
            build: self.build,
            machine: &self.machine,
            measured: MeasuredDocument {
                users: measured.users,
                time_s: measured.time.as_secs_f64(),
                requests: measured.requests,
                failed: measured.failed,
                requests_per_s: rounded(measured.requests_per_second),
                cpu_per_request_us: rounded(measured.cpu_per_request),
                valid_rate_per_s: rounded(self.valid_rate),
                server_cpu: measured.server_cpu.map(rounded),
                timers: TimersDocument {
                    rate_per_s: timers.rate,
                    late_p50_us: timers.p50.0,
                    late_p99_us: timers.p99.0,
                    late_max_us: timers.max.0,
                },
                stolen_cpu: rounded(measured.stolen),
                throttled: rounded(measured.throttled),
            },
            judgement: self.judgement(),
            rows: &self.rows,
        };
        let mut text = serde_json::to_string_pretty(&document)?;
        text.push('\n');
        Ok(text)
    }
}

/// Rounds to six decimals, without floating-point noise.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
