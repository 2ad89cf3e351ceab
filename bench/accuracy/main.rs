//! Measures the start lag of an open model's iterations, and the CPU time of a start.
//!
//! `accuracy RATE USERS SECONDS` plays iterations that do nothing; with a URL after that, each sends one request there
//! (`hello serve` prints a base: add `/hello/1`). RATE 0 is the closed model: users that come back at once. For instance
//! `cargo run --release --example accuracy -- 10000 200 10`.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use gander::engine::{self, RunValues};
use gander::plan::{Plan, Segment};
use gander::record::{Recorder, Timing, Totals};
use gander::scenario::{self, Overrides};
use gander::transport::{Settings, Shared};
use gander::units::Micros;
use url::Url;

const SHOWN: [Timing; 4] = [
    Timing::StartLag,
    Timing::SchedulingLag,
    Timing::ServiceTime,
    Timing::ResponseTime,
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (load, url) = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [rate, users, seconds] => (load(rate, users, seconds), None),
        [rate, users, seconds, url] => (load(rate, users, seconds), Some(url)),
        _ => return Err("usage: accuracy RATE USERS SECONDS [URL]".into()),
    };
    let plan = Arc::new(plan(&load, url)?);
    let shared = Shared::new(Settings::from(&plan.workload.http))?;
    let recorder = Recorder::new(
        &plan.workload.metrics,
        &plan.workload.series,
        plan.workload.checks.len(),
        8,
    );
    let recorder = Arc::new(recorder);
    let mut totals = Totals::new(&plan.workload.series, plan.workload.checks.len());
    let values = RunValues::initial(&plan);
    let mut running = engine::launch(Arc::clone(&plan), Arc::clone(&recorder), shared, values)?;
    let before = cpu_time()?;
    let mut is_over = false;
    while !is_over {
        let finished = tokio::time::timeout(Duration::from_secs(1), running.finished()).await;
        is_over = finished.is_ok();
        let now = running.clock().now();
        let load = running.load(now);
        let interval = recorder.rotate(now, false, load, None);
        totals.absorb(&interval);
    }
    let spent = cpu_time()?.saturating_sub(before);
    running.join(Duration::ZERO).await;
    show(&totals, spent)?;
    Ok(())
}

fn load(rate: &str, users: &str, seconds: &str) -> String {
    if rate == "0" {
        return format!("{{ users: {users}, for: {seconds}s }}");
    }
    format!("{{ rate: {rate}/s, for: {seconds}s, max_users: {users} }}")
}

fn plan(load: &str, url: Option<&str>) -> Result<Plan, Box<dyn Error>> {
    let condition = if url.is_some() { "" } else { "if: '${off}'" };
    let target: Url = url.unwrap_or("http://127.0.0.1:1").parse()?;
    let text = format!(
        "name: accuracy\nkind: custom\ntarget: {}\nload: {load}\nvars: {{ off: 0 }}\n\
         flows: [ {{ name: main, steps: [ {{ get: {}, {condition} }} ] }} ]\n",
        target.origin().ascii_serialization(),
        target.path(),
    );
    let path = std::env::temp_dir().join(format!("accuracy-{}.yaml", std::process::id()));
    std::fs::write(&path, text)?;
    let scenario = scenario::load(&path, &Overrides::default());
    std::fs::remove_file(&path)?;
    Ok(Plan::compile(
        &scenario?,
        &target.join("/")?,
        1,
        Segment::WHOLE,
    )?)
}

/// Time that the threads of this process have been on a CPU.
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    let mut total = Duration::ZERO;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let on_cpu = text.split_whitespace().next().unwrap_or("0").parse()?;
        total += Duration::from_nanos(on_cpu);
    }
    Ok(total)
}

fn show(totals: &Totals, spent: Duration) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    let load = totals.load();
    writeln!(
        out,
        "offered {}, started {}, unstarted {}, late {}",
        load.offered, load.started, load.unstarted, load.late
    )?;
    for timing in SHOWN {
        let times = totals.timing(timing, &[]);
        if times.is_empty() {
            continue;
        }
        let at = |q| Micros(times.value_at_quantile(q)).0;
        writeln!(
            out,
            "{:15} p50 {} µs, p99 {} µs, p99.9 {} µs, max {} µs",
            timing.name(),
            at(0.5),
            at(0.99),
            at(0.999),
            times.max()
        )?;
    }
    let each = spent.as_secs_f64() * 1e6 / load.started.max(1) as f64;
    writeln!(out, "CPU time {spent:.2?}, {each:.1} µs a start")?;
    Ok(())
}
