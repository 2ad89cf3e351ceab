//! Receivers that are silent, broken, gone or slow: the run stays what it is without them, and what they miss is told.

use std::time::{Duration, Instant};

use super::receiver::{Manner, Receiver};
use super::wire;
use crate::outputs::target;
use crate::support::{Bench, Run};

const SECONDS: f64 = 4.0;

fn bench() -> Bench {
    Bench::with(&format!(
        "name: unreliable\ntarget: {}\nload: {{ rate: 50/s, for: {SECONDS}s, max_users: 300 }}\n\
         flows: [ {{ name: f, steps: [ {{ get: / }} ] }} ]\n",
        target()
    ))
}

/// Runs with two receivers; the run has the counts and the length of one without.
fn run(bench: &Bench, write: &str, otlp: &str) -> Run {
    let begun = Instant::now();
    let run = bench.run(&[
        "--prometheus-remote-write",
        write,
        "--otlp",
        otlp,
        "--overwrite",
    ]);
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(run.count("/totals/requests"), 200, "{}", run.stderr);
    assert_eq!(run.count("/totals/failed"), 0);
    let length = run.number("/duration_s");
    assert!(
        (SECONDS - 0.01..SECONDS + 1.0).contains(&length),
        "{length}"
    );
    // The wait for outputs is bounded. A run that a busy machine made invalid was repeated.
    let most = (SECONDS + 16.0) * 3.0;
    assert!(took < most, "{took}");
    run
}

fn warning<'a>(run: &'a Run, option: &str) -> &'a str {
    let warnings = run.summary["warnings"].as_array();
    let found = warnings
        .into_iter()
        .flatten()
        .find_map(|warning| warning.as_str().filter(|text| text.starts_with(option)));
    found.unwrap_or_else(|| panic!("no warning about {option}: {:#}", run.summary["warnings"]))
}

#[test]
fn a_silent_and_a_broken_receiver_cost_the_run_nothing_and_are_told() {
    let bench = bench();
    let silent = Receiver::start(Manner::IsSilent);
    let broken = Receiver::start(Manner::Answers(500, Duration::ZERO));
    let run = run(&bench, &silent.url, &broken.url);
    let told = warning(&run, "--prometheus-remote-write");
    assert!(
        told.contains("the totals of the run did not arrive"),
        "{told}"
    );
    let told = warning(&run, "--otlp");
    assert!(
        told.contains("status 500") && told.contains("an answer"),
        "{told}"
    );
    assert!(told.contains("0 pushes arrived"), "{told}");
    assert!(
        run.stderr.contains("outputs get what is left"),
        "{}",
        run.stderr
    );
    assert!(
        broken.pushes().len() > 3,
        "it was tried again: {}",
        broken.pushes().len()
    );
}

#[test]
fn a_receiver_that_is_gone_and_one_that_refuses_are_told() {
    let bench = bench();
    let refusing = Receiver::start(Manner::Answers(401, Duration::ZERO));
    let run = run(&bench, &refusing.url, &Receiver::gone());
    let told = warning(&run, "--prometheus-remote-write");
    assert!(told.contains("status 401"), "{told}");
    // The begin and the end of each run; one that a busy machine made invalid was repeated.
    let pushes = refusing.pushes().len();
    assert!(
        [2, 4, 6].contains(&pushes),
        "a refusal is not sent again: {pushes}"
    );
    let told = warning(&run, "--otlp");
    assert!(told.to_lowercase().contains("connection refused"), "{told}");
}

#[test]
fn a_slow_receiver_gets_the_totals_at_the_end() {
    let bench = bench();
    let slow = Receiver::start(Manner::Answers(200, Duration::from_millis(2_500)));
    let fast = Receiver::start(Manner::Answers(200, Duration::ZERO));
    let run = run(&bench, &slow.url, &fast.url);
    let last = slow.pushes().pop().expect("a push");
    let last = wire::remote_write(&last.body);
    assert_eq!(
        last.sum("gander_requests_total", &[("phase", "measured")]),
        200
    );
    assert!(
        run.stderr.contains("--prometheus-remote-write"),
        "{}",
        run.stderr
    );
}
