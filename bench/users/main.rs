//! Measures the cost of users: the time to start many of them, and the memory of each while its connection is open and
//! idle.
//!
//! `users COUNT URL` has each of COUNT users send one request to URL (`hello serve` prints a base: add `/hello/1`), and
//! then do nothing over its open connection. For instance
//! `cargo run --release --example users -- 10000 http://127.0.0.1:4000/hello/1`.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gander::engine::{self, RunValues, Stop};
use gander::plan::{Plan, Segment, Subject};
use gander::probe::Limits;
use gander::record::{Recorder, Totals};
use gander::scenario::{self, Overrides};
use gander::transport::{Settings, Shared};
use url::Url;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [users, url] = &words[..] else {
        return Err("usage: users COUNT URL".into());
    };
    Limits::raise();
    let users: u64 = users.parse()?;
    let plan = Arc::new(plan(users, url)?);
    let shared = Shared::new(Settings::from(&plan.workload.http))?;
    let recorder = Recorder::new(
        &plan.workload.metrics,
        &plan.workload.series,
        plan.workload.checks.len(),
        8,
    );
    let recorder = Arc::new(recorder);
    let mut totals = Totals::new(&plan.workload.series, plan.workload.checks.len());
    let before = resident()?;
    let begun = Instant::now();
    let values = RunValues::initial(&plan);
    let mut running = engine::launch(Arc::clone(&plan), Arc::clone(&recorder), shared, values)?;
    let launched = begun.elapsed();
    let parked = resident()?;
    while totals.counts(Subject::Requests).ended < users {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = running.clock().now();
        let load = running.load(now);
        totals.absorb(&recorder.rotate(now, false, load, None));
    }
    let answered = begun.elapsed();
    let open = resident()?;
    running.stop(Stop::AtOnce);
    running.join(Duration::from_secs(10)).await;

    let counts = totals.counts(Subject::Requests);
    let each = |bytes: u64| bytes.saturating_sub(before) as f64 / users as f64 / 1024.0;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{users} users ready after {launched:.2?}, all answered after {answered:.2?}"
    )?;
    writeln!(out, "{} of their requests failed", counts.failed)?;
    writeln!(
        out,
        "memory of each: {:.1} KiB ready, {:.1} KiB open and idle",
        each(parked),
        each(open)
    )?;
    Ok(())
}

fn plan(users: u64, url: &str) -> Result<Plan, Box<dyn Error>> {
    let target: Url = url.parse()?;
    let text = format!(
        "name: users\nkind: custom\ntarget: {}\nload: {{ users: {users}, for: 1h }}\n\
         flows: [ {{ name: main, steps: [ {{ get: {} }}, {{ think: 1h }} ] }} ]\n",
        target.origin().ascii_serialization(),
        target.path(),
    );
    let path = std::env::temp_dir().join(format!("users-{}.yaml", std::process::id()));
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

/// Bytes of this process that are in memory.
fn resident() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = text.split_whitespace().nth(1).unwrap_or("0").parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}
