//! `suite.json`: the runs of a suite, for machines.

use serde_json::{Value, json};

use super::{EntryResult, Suite};
use crate::report::RenderError;

/// The name of the format; a change that breaks readers changes its number.
const SCHEMA: &str = "gander.suite/1";

pub(super) fn render(suite: &Suite) -> Result<Vec<u8>, RenderError> {
    let exit = suite.exit();
    let runs: Vec<Value> = suite
        .entries
        .iter()
        .map(|entry| {
            let exit = entry.result.exit();
            let mut run = json!({
                "scenario": entry.name,
                "file": entry.file,
                "folder": entry.folder,
                "status": match &entry.result {
                    EntryResult::Ran(_) => "ran",
                    EntryResult::Broken(..) => "error",
                    EntryResult::NotRun(_) => "not_run",
                },
                "exit_code": exit.map(crate::exit::Exit::code),
                "reason": entry.result.reason(),
            });
            if let EntryResult::Ran(figures) = &entry.result {
                let ms = |micros: crate::units::Micros| micros.0 as f64 / 1e3;
                run["run_id"] = json!(figures.run_id);
                run["measured_s"] = json!(figures.measured.as_secs_f64());
                run["requests"] = json!(figures.requests);
                run["failed"] = json!(figures.failed);
                run["requests_per_second"] = json!(figures.rate);
                run["response_time_ms"] = match figures.times {
                    Some([p50, p95, p99]) => {
                        json!({ "p50": ms(p50), "p95": ms(p95), "p99": ms(p99) })
                    }
                    None => Value::Null,
                };
            }
            run
        })
        .collect();
    let document = json!({
        "schema": SCHEMA,
        "gander": env!("CARGO_PKG_VERSION"),
        "suite_id": suite.id,
        "started_at": suite.started_at,
        "exit_code": exit.code(),
        "result": exit.to_string(),
        "runs": runs,
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}
