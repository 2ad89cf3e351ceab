//! What receivers got in the end is what the report says, and no counter ever fell.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::exposition::{Format, read};
use super::receiver::{Manner, Receiver};
use super::wire::{self, Points};
use crate::outputs::target;
use crate::support::{Bench, Run};

const NAME: &str = "quotes \" and \\ signs";

fn scenario() -> String {
    let steps = format!(
        "  - {{ get: /, name: '{NAME}' }}\n  - group: basket\n    steps:\n    \
         - {{ get: /x, name: broken, check: [ {{ status: 418 }} ] }}\n"
    );
    format!(
        "name: agreement\ntarget: {}\nload: {{ rate: 40/s, for: 11s, max_users: 300 }}\nwarm_up: 2s\n\
         tags: {{ team: shop, scenario: other }}\nflows:\n- name: browse\n  steps:\n{steps}",
        target()
    )
}

/// Scrapes once: head and body. `None` if nothing listens any more.
fn scrape(address: &str, accept: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: gander\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

/// Scrapes both formats at intervals, from the begin of the load on.
fn scrape_until_gone(address: &str) -> Vec<Points> {
    let mut scrapes = Vec::new();
    loop {
        for (accept, format) in [
            ("text/plain; version=0.0.4", Format::Prometheus),
            (
                "application/openmetrics-text; version=1.0.0",
                Format::OpenMetrics,
            ),
        ] {
            let Some((head, text)) = scrape(address, accept) else {
                return scrapes;
            };
            if head.starts_with("HTTP/1.1 503") {
                assert!(scrapes.is_empty(), "the load has begun: {head}");
                continue;
            }
            assert!(head.contains(accept), "{head}");
            scrapes.push(read(&text, format));
        }
        // As scrapers do.
        thread::sleep(Duration::from_millis(700));
    }
}

/// The counters and counts of times of each state never fall.
fn never_falls(states: &[Points]) {
    for pair in states.windows(2) {
        let [before, after] = pair else { continue };
        assert!(before.millis < after.millis || after.millis == 0);
        for (key, value) in &before.numbers {
            if key.0.ends_with("_total") {
                assert!(after.numbers[key] >= *value, "{key:?} fell");
            }
        }
        for (key, times) in &before.times {
            assert!(after.times[key].count >= times.count, "{key:?} fell");
        }
    }
}

/// The last state has the totals of the report.
fn agrees(last: &Points, run: &Run) {
    let measured = ("phase", "measured");
    for (name, labels, totals) in [
        ("gander_requests_total", &[measured][..], "/totals/requests"),
        (
            "gander_failed_requests_total",
            &[measured],
            "/totals/failed",
        ),
        (
            "gander_failed_requests_total",
            &[measured, ("outcome", "check")],
            "/totals/errors/check",
        ),
        (
            "gander_responses_total",
            &[measured, ("status_class", "2xx")],
            "/totals/status/200",
        ),
        (
            "gander_received_bytes_total",
            &[measured],
            "/totals/bytes_in",
        ),
        ("gander_sent_bytes_total", &[measured], "/totals/bytes_out"),
        (
            "gander_requests_total",
            &[("phase", "warm_up")],
            "/totals/warm_up_requests",
        ),
    ] {
        assert_eq!(
            last.sum(name, labels),
            run.count(totals),
            "{name} {labels:?}"
        );
    }
    let passed = run.count("/totals/requests") - run.count("/totals/failed");
    for name in ["response_time", "service_time", "ttfb"] {
        let times = last.merged(&format!("gander_{name}_seconds"), "measured");
        assert_eq!(times.count, passed, "{name}");
    }
    let iterations = last.sum("gander_iterations_total", &[("phase", "measured")]);
    assert!(iterations > 0);
    let started = last.sum("gander_started_iterations_total", &[]);
    assert_eq!(started, last.sum("gander_offered_iterations_total", &[]));
    assert_eq!(started, 440, "40/s for 11 s");
    let steps: Vec<_> = last
        .numbers
        .keys()
        .filter(|(name, labels)| name == "gander_requests_total" && labels["phase"] == "measured")
        .map(|(_, labels)| labels)
        .collect();
    assert_eq!(steps.len(), 2);
    for labels in steps {
        let of = |name: &str| labels.get(name).map(String::as_str);
        assert_eq!(
            (of("scenario"), of("flow")),
            (Some("agreement"), Some("browse"))
        );
        assert_eq!(
            (of("team"), of("tag_scenario")),
            (Some("shop"), Some("other"))
        );
        assert!(["broken", NAME].contains(&of("step").expect("a step")));
    }
    assert_eq!(last.sum("gander_active_users", &[]), 0, "the load is over");
}

/// A quantile of the exponential buckets is that of the report, within the width of a bucket.
fn has_quantiles(last: &Points, run: &Run) {
    let times = last.merged("gander_response_time_seconds", "measured");
    for (quantile, key) in [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")] {
        let reported = run.number(&format!("/totals/response_time/{key}")) / 1e6;
        let error = times.quantile(quantile) / reported;
        assert!((0.999..1.024).contains(&error), "{key}: {error}");
    }
}

#[test]
fn receivers_get_the_counts_and_times_of_the_report() {
    let ok = Manner::Answers(200, Duration::ZERO);
    let (write, otlp) = (Receiver::start(ok), Receiver::start(ok));
    let bench = Bench::with(&scenario());
    let write_url = format!("{}/api/v1/write", write.url);
    let mut child = bench
        .command(&[
            "--prometheus",
            "127.0.0.1:0",
            "--prometheus-remote-write",
            &write_url,
        ])
        .args([
            "--remote-write-header",
            "Authorization: Bearer canary-of-the-option",
        ])
        .args(["--otlp", "env"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &otlp.url)
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "x-key=canary%20of%20the%20environment",
        )
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=ci")
        .spawn()
        .expect("gander runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("a line");
    let address = line.split_once("http://").expect("an address").1;
    let address = address.trim_end().trim_end_matches("/metrics").to_owned();
    let scraping = thread::spawn(move || scrape_until_gone(&address));
    let mut words = String::new();
    stderr.read_to_string(&mut words).expect("UTF-8");
    let run = bench.wait(child);
    let scrapes = scraping.join().expect("every scrape can be read");
    assert!(run.code == Some(0) || run.code == Some(94), "{words}");

    assert!(scrapes.len() > 8, "{}", scrapes.len());
    never_falls(&scrapes);
    agrees(scrapes.last().expect("a scrape"), &run);

    let pushes = write.pushes();
    let first = &pushes[0];
    assert_eq!(first.path, "/api/v1/write");
    assert_eq!(first.headers["content-encoding"], "snappy");
    assert_eq!(first.headers["content-type"], "application/x-protobuf");
    assert_eq!(first.headers["x-prometheus-remote-write-version"], "0.1.0");
    assert_eq!(
        first.headers["authorization"],
        "Bearer canary-of-the-option"
    );
    let states: Vec<_> = pushes
        .iter()
        .map(|push| wire::remote_write(&push.body))
        .collect();
    assert!(
        states.len() >= 4,
        "at the begin, after 5 s, after 10 s, at the end: {}",
        states.len()
    );
    assert_eq!(
        states[0].sum("gander_requests_total", &[]),
        0,
        "counters begin at zero"
    );
    never_falls(&states);
    agrees(states.last().expect("a push"), &run);
    has_quantiles(states.last().expect("a push"), &run);

    let pushes = otlp.pushes();
    assert_eq!(pushes[0].path, "/v1/metrics");
    assert_eq!(pushes[0].headers["content-type"], "application/json");
    assert_eq!(pushes[0].headers["x-key"], "canary of the environment");
    let states: Vec<_> = pushes.iter().map(|push| wire::otlp(&push.body)).collect();
    let resource: &BTreeMap<_, _> = &states[0].1;
    assert_eq!(resource["service.name"], "gander");
    assert_eq!(resource["deployment.environment"], "ci");
    assert_eq!(resource["gander.scenario"], "agreement");
    assert_eq!(
        resource["gander.run_id"],
        run.summary["run_id"].as_str().expect("an id")
    );
    let states: Vec<_> = states.into_iter().map(|(points, _)| points).collect();
    never_falls(&states);
    agrees(states.last().expect("a push"), &run);
    has_quantiles(states.last().expect("a push"), &run);

    for told in ["also after the load", "--prometheus-remote-write", "--otlp"] {
        assert!(words.contains(told), "{told}: {words}");
    }
    let all = words + &run.stdout + &run.summary.to_string();
    assert!(!all.contains("canary"), "a secret is shown: {all}");
}
