//! The costs of a run besides its requests.

use std::fs::{self, File, OpenOptions};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Bench, Lab, undisturbed};

#[test]
fn users_that_pace_themselves_share_one_timer() {
    const USERS: u64 = 60;
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: paced\ntarget: {}\nload: {{ users: {USERS}, for: 1500ms }}\npacing: 200ms\n\
         flows: [ {{ name: read, steps: [ {{ get: /health }} ] }} ]\n",
        lab.url()
    ));
    let run = bench.run(&["--quiet"]);
    assert!(run.count("/totals/connections") >= USERS, "{}", run.stderr);
    let events = fs::read_to_string(bench.path("out/events.jsonl")).expect("a journal");
    let open = events.lines().filter_map(|line| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        event.pointer("/health/open_fds")?.as_u64()
    });
    let most = open.max().expect("an interval");
    assert!(
        (USERS..USERS + 40).contains(&most),
        "{most} descriptors for {USERS} connections"
    );
}

/// The kernel counts how often a thread has waited, so that a busy machine makes the count smaller and never larger.
#[test]
#[cfg(target_os = "linux")]
fn users_that_wait_leave_their_thread_asleep() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: waiting\ntarget: {}\nload: {{ users: 20, for: 4s }}\nthink_time: 1m\n\
         flows: [ {{ name: read, steps: [ {{ get: /health }} ] }} ]\n",
        lab.url()
    ));
    let child = bench.spawn(&["--quiet"]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while lab.counters()["answered"].as_u64() < Some(20) {
        assert!(Instant::now() < deadline, "the users never came");
        sleep(Duration::from_millis(10));
    }
    let (before, begun) = (waits(&child), Instant::now());
    sleep(Duration::from_secs(2));
    let (waited, seconds) = (waits(&child) - before, begun.elapsed().as_secs_f64());
    bench.wait(child);
    let rate = waited as f64 / seconds;
    assert!(
        (10.0..32.0).contains(&rate),
        "a thread with nothing to do but to look at its own timers woke {rate:.0} times a second"
    );
}

/// The number of waits of the first thread that runs users.
#[cfg(target_os = "linux")]
fn waits(child: &Child) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).expect("it runs");
    let users = tasks
        .map(|task| task.expect("a thread").path())
        .find(|task| {
            fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("gander-users"))
        });
    let status = fs::read_to_string(users.expect("a thread of users").join("status"));
    let status = status.expect("it runs");
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count
        .and_then(|count| count.trim().parse().ok())
        .expect("a count")
}

/// A pipe replaces the file of the system's certificates: its writer waits until it is read.
#[test]
#[cfg(unix)]
fn a_run_without_tls_does_not_read_the_trusted_certificates() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: plain\ntarget: {}\nload: {{ iterations: 1, users: 1 }}\n\
         flows: [ {{ name: read, steps: [ {{ get: /health }} ] }} ]\n",
        lab.url()
    ));
    let pipe = bench.path("certificates.pem");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    let (tell, told) = mpsc::channel();
    let writer = spawn({
        let pipe = pipe.clone();
        move || {
            drop(File::create(pipe).expect("it is read"));
            tell.send(()).ok();
        }
    });
    let mut command = bench.command(&["--quiet"]);
    command
        .env("SSL_CERT_FILE", &pipe)
        .env_remove("SSL_CERT_DIR");
    let child = command.spawn().expect("gander runs");
    bench.wait(child).expect_code(0);
    assert!(told.try_recv().is_err(), "the certificates were read");
    // Opened for reading and writing, it does not block, and releases the writer.
    let _reader = OpenOptions::new().read(true).write(true).open(&pipe);
    writer.join().expect("it ends");
}

/// Sampling the requests in flight in step with their arrivals would always find one, however short they are.
#[test]
fn requests_in_flight_are_not_counted_in_step_with_their_arrivals() {
    let lab = Lab::start();
    undisturbed(|| {
        let bench = Bench::with(&format!(
            "name: in step\ntarget: {}\nload: {{ rate: 50/s, max_users: 20, for: 4s }}\n\
             flows: [ {{ name: wait, steps: [ {{ get: \"/lab/delay?law=constant&value=8ms\" }} ] }} ]\n",
            lab.url()
        ));
        let run = bench.run(&["--quiet"]);
        let counted = run.number("/load/mean_in_flight");
        let expected = 50.0 * run.number("/totals/service_time/mean") / 1e6;
        if (counted - expected).abs() < 0.25 * expected {
            return Ok(());
        }
        Err(format!("{counted:.2} in flight, {expected:.2} expected"))
    });
}
