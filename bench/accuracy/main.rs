//! How late an open model's iterations start, and what a start costs.

#[allow(dead_code)]
#[path = "../../tests/it/engine/plans.rs"]
mod plans;

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use gander::engine::{self, RunValues};
use gander::record::{Recorder, Timing, Totals};
use gander::scenario::ArrivalLaw;
use gander::transport::{Settings, Shared};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rate: f64 = words[0].parse()?;
    let users: u32 = words[1].parse()?;
    let seconds: u64 = words[2].parse()?;
    let url = words.get(3).map(|u| u.trim_end_matches('/').to_owned());
    let steps = url
        .iter()
        .map(|url| plans::step(plans::get(url, "/")))
        .collect();
    let schedule = if rate > 0.0 {
        plans::arrivals(rate, seconds * 1000, ArrivalLaw::Constant, users)
    } else {
        plans::users(&[(f64::from(users), f64::from(users), seconds * 1000)])
    };
    let plan = Arc::new(plans::plan(
        url.as_deref().unwrap_or("http://127.0.0.1:1"),
        schedule,
        steps,
    ));
    let shared = Shared::new(Settings {
        redirects: 0,
        cookies: plan.http.cookies,
        body_limit: plan.http.body_limit,
        tls: &plan.http.tls,
        allowed_hosts: vec![],
    })?;
    let recorder = Arc::new(Recorder::new(2, 0, 8));
    let mut totals = Totals::new(&plan.series, 0);
    let before = std::time::Instant::now();
    let mut running = engine::launch(
        Arc::clone(&plan),
        Arc::clone(&recorder),
        shared,
        RunValues::initial(&plan),
    )?;
    let launched = before.elapsed();
    let clock = running.clock();
    loop {
        let done = tokio::time::timeout(Duration::from_secs(1), running.finished())
            .await
            .is_ok();
        let now = clock.now();
        let load = running.load(now);
        let interval = recorder.rotate(now, false, load, None);
        totals.absorb(&interval);
        recorder.recycle(interval);
        if done {
            break;
        }
    }
    let ended = running.join(Duration::ZERO).await;
    let load = totals.load();
    let mut out = std::io::stdout();
    writeln!(
        out,
        "launched in {launched:?}; offered {} started {} late {} unstarted {} ended {ended:?}",
        load.offered, load.started, load.late, load.unstarted
    )?;
    for timing in [
        Timing::StartLag,
        Timing::SchedulingLag,
        Timing::ServiceTime,
        Timing::ResponseTime,
    ] {
        let h = totals.timing(timing, &[]);
        writeln!(
            out,
            "{:15} n {} p50 {} p99 {} p99.9 {} max {}",
            timing.name(),
            h.len(),
            h.value_at_quantile(0.5),
            h.value_at_quantile(0.99),
            h.value_at_quantile(0.999),
            h.max()
        )?;
    }
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let f: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = f[11].parse::<f64>()? + f[12].parse::<f64>()?;
    writeln!(
        out,
        "cpu {:.2} s, {:.2} us per start",
        ticks / 100.0,
        ticks / 100.0 * 1e6 / load.started as f64
    )?;
    Ok(())
}
