//! A stalled generator: the report says that the numbers are not reliable.

use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Bench, Lab, Run, alone, send_signal, undisturbed};

/// Gander itself is stopped for a second in an open run. The response time shows it, the service time does not, and
/// the run is INVALID.
#[test]
fn a_stopped_generator_makes_the_run_invalid() {
    let _turn = alone();
    undisturbed(|| {
        let lab = Lab::start();
        let bench = Bench::with(&scenario(&lab, "{ rate: 200/s, for: 6s, max_users: 300 }"));
        let child = bench.spawn(&["--quiet"]);
        wait_until("the load has begun", || has_answered(&lab, 200));
        stop_for(&child, 1_000);
        let run = bench.wait(child).expect_code(94);

        assert_eq!(run.summary["verdict"], "invalid");
        assert_eq!(
            run.count("/totals/requests"),
            1_200,
            "every arrival of the schedule was sent"
        );
        let (response, service) = (
            run.number("/totals/response_time/p95"),
            run.number("/totals/service_time/p90"),
        );
        if response <= 300e3 {
            return Err(format!(
                "response time p95 of {response} µs hides a stall of 1 s in 6 s"
            ));
        }
        if service >= 50e3 {
            return Err(format!(
                "service time p90 of {service} µs blames the target for the generator's stall"
            ));
        }
        Ok(())
    });
}

/// A closed run measures nothing from a schedule: only the generator's own timers show that it was starved.
#[test]
fn a_starved_generator_makes_a_closed_run_invalid() {
    let _turn = alone();
    let lab = Lab::start();
    let bench = Bench::with(&scenario(&lab, "{ users: 5, for: 4s }"));
    let mut child = bench.spawn(&["--quiet"]);
    wait_until("the load has begun", || has_answered(&lab, 20));
    while child.try_wait().expect("it can be asked").is_none() {
        stop_for(&child, 80);
        sleep(Duration::from_millis(20));
    }
    let run = bench.wait(child).expect_code(94);
    assert_eq!(run.summary["verdict"], "invalid");
    let late = run.count("/generator/wake_up_p99_us");
    assert!(late > 50_000, "99 of 100 timers at most {late} µs late");
    blames_the_generator(&run);
}

/// The number of requests that see it, and what they wait for, do not matter.
#[test]
fn a_standstill_makes_any_run_invalid() {
    let _turn = alone();
    let lab = Lab::start();
    for load in [
        "{ users: 1, for: 6s }",
        "{ rate: 8/s, for: 6s, max_users: 20 }",
        "{ iterations: 700, users: 1 }",
    ] {
        let before = lab.counters()["answered"].as_u64().unwrap_or(0);
        let bench = Bench::with(&scenario(&lab, load));
        let child = bench.spawn(&["--quiet"]);
        wait_until("the load has begun", || has_answered(&lab, before + 5));
        stop_for(&child, 2_500);
        let run = bench.wait(child).expect_code(94);
        assert_eq!(run.summary["verdict"], "invalid", "{load}");
        let still = run.number("/generator/stood_still_s");
        assert!((2.3..5.0).contains(&still), "{load}: {still} s");
        blames_the_generator(&run);
    }
}

/// Events of the warm-up are not part of the measurement.
#[test]
fn a_standstill_in_the_warm_up_is_left_out() {
    let _turn = alone();
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "{}warm_up: 3s\n",
        scenario(&lab, "{ users: 1, for: 6s }")
    ));
    undisturbed(|| {
        let before = lab.counters()["answered"].as_u64().unwrap_or(0);
        std::fs::remove_dir_all(bench.path("out")).ok();
        let child = bench.spawn(&["--quiet"]);
        wait_until("the load has begun", || has_answered(&lab, before + 5));
        stop_for(&child, 1_500);
        let run = bench.wait(child).valid()?;
        match run.number("/generator/stood_still_s") {
            still if still < 0.5 => Ok(()),
            still => Err(format!("stood still for {still} s of the measured time")),
        }
    });
}

fn scenario(lab: &Lab, load: &str) -> String {
    format!(
        "name: generator stall\nkind: custom\ntarget: {}\nload: {load}\n\
         flows:\n  - name: read\n    steps:\n      - get: /lab/delay?law=constant&value=5ms\n",
        lab.url()
    )
}

fn has_answered(lab: &Lab, requests: u64) -> bool {
    lab.counters()["answered"].as_u64() > Some(requests)
}

fn stop_for(child: &Child, millis: u64) {
    send_signal(child, "STOP");
    sleep(Duration::from_millis(millis));
    send_signal(child, "CONT");
}

fn blames_the_generator(run: &Run) {
    let reason = run.summary["reason"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with("the measurement is invalid: ") && reason.contains("generator"),
        "{reason}"
    );
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(20));
    }
}
