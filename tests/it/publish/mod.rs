//! `gander publish`: the statistics of change points, the pages of a site, and the command.

mod changes;
mod commands;
mod pages;
mod refused;
mod repeated;

use serde_json::{Value, json};

/// Independent, equally likely values of a standard normal distribution.
pub(crate) struct Normal(rand_pcg::Pcg64Mcg);

impl Normal {
    pub(crate) fn seeded(seed: u64) -> Self {
        use rand::SeedableRng as _;
        Self(rand_pcg::Pcg64Mcg::seed_from_u64(seed))
    }

    pub(crate) fn next(&mut self) -> f64 {
        use rand::RngExt as _;
        let p: f64 = self.0.random_range(1e-9..1.0 - 1e-9);
        gander::stats::normal_quantile(p)
    }
}

/// Run number `number` of a scenario in `index.json`, with this p95 in µs.
pub(crate) fn run(scenario: &str, number: usize, p95: f64) -> Value {
    let (day, hour) = (1 + number / 24 % 28, number % 24);
    let month = 1 + number / 24 / 28;
    let time = |value: f64| {
        json!({
            "value": value, "low": (value * 0.98).round(), "high": (value * 1.02).round(), "samples": 60_000
        })
    };
    json!({
        "run_id": format!("2026{month:02}{day:02}T{hour:02}0000Z-{scenario}-{number:04}"),
        "scenario": scenario,
        "started_at": format!("2026-{month:02}-{day:02}T{hour:02}:00:00.000Z"),
        "label": "main",
        "commit": format!("{:040x}", number * 7_919),
        "verdict": "pass",
        "reason": "all 3 thresholds hold",
        "is_whole": true,
        "load_s": 300.0,
        "requests": 60_000,
        "failed": 6,
        "conditions": {
            "gander": "0.1.0",
            "target": "https://shop.test/",
            "workload": "5eed".repeat(16),
            "changes": "",
            "machine": "AMD EPYC 7763, 4 cores, linux x86_64"
        },
        "figures": {
            "p50(response_time)": time(p95 / 2.0),
            "p95(response_time)": time(p95),
            "ratio(failed)": { "value": 0.0001, "low": 0.0, "high": 0.0002, "samples": 60_000 },
            "generator.cpu_per_request": { "value": 8.4 }
        },
        "journal_sha256": format!("{number:064x}")
    })
}

/// The text of an index with these runs.
pub(crate) fn index(runs: &[Value]) -> String {
    json!({
        "schema": "gander.site/1",
        "id": "urn:uuid:00000000-0000-8000-8000-000000000000",
        "runs": runs
    })
    .to_string()
}

/// Values around a level of 10 ms, with this spread between runs.
pub(crate) fn p95s(noise: &mut Normal, runs: usize, level: f64, spread: f64) -> Vec<f64> {
    (0..runs)
        // Whole numbers, which every reader of JSON reads as they are.
        .map(|_| (level * (spread * noise.next()).exp() / 2.0).round() * 2.0)
        .collect()
}
