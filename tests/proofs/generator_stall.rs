//! A generator that stands still: the numbers say that they cannot be believed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Bench, Lab, alone, send_signal};

/// Gander itself is stopped for a second in an open run. The response time shows it, the service time does not, and
/// the run is INVALID.
#[test]
fn a_stopped_generator_makes_the_run_invalid() {
    let _turn = alone();
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: generator stall\nkind: custom\ntarget: {}\nload: {{ rate: 200/s, for: 6s, max_users: 300 }}\n\
         flows:\n  - name: read\n    steps:\n      - get: /lab/delay?law=constant&value=5ms\n",
        lab.url()
    ));
    let child = bench.spawn(&["--quiet"]);
    wait_until("the load has begun", || {
        lab.counters()["answered"].as_u64() > Some(200)
    });
    send_signal(&child, "STOP");
    sleep(Duration::from_secs(1));
    send_signal(&child, "CONT");
    let run = bench.wait(child).expect_code(94);

    assert_eq!(run.summary["verdict"], "invalid");
    let (response, service) = (
        run.number("/totals/response_time/p95"),
        run.number("/totals/service_time/p90"),
    );
    assert!(
        response > 300e3,
        "response time p95 of {response} µs hides a stall of 1 s in 6 s"
    );
    assert!(
        service < 50e3,
        "service time p90 of {service} µs blames the target for the generator's stall"
    );
    assert_eq!(
        run.count("/totals/requests"),
        1_200,
        "every arrival of the schedule was sent"
    );
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(20));
    }
}
