//! Metrics of the scenario's own in the outputs of a run, also of one that was killed.

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::outputs::target;
use crate::support::{Bench, Lab, gander, send_signal};

fn bench(url: &str, load: &str) -> Bench {
    Bench::with(&format!(
        "name: metrics\nkind: custom\ntarget: {url}\nload: {load}\n\
         http: {{ server_timing: true }}\n\
         metrics: {{ basket: {{ type: trend, unit: EUR }}, orders: counter, stock: gauge, paid: rate, spare: trend }}\n\
         flows:\n\
         - name: f\n\
         \x20 steps:\n\
         \x20 - get: /api/v1/documents\n\
         \x20   record: {{ basket: user() + 0.25, orders: 2.5, stock: user() - 2, paid: user() == 0 }}\n\
         thresholds:\n\
         - count(orders) > 0\n"
    ))
}

fn rebuild(bench: &Bench) -> (Output, Value) {
    let _ = fs::remove_file(bench.path("out/summary.json"));
    let output = gander()
        .current_dir(bench.folder.path())
        .args(["report", "out", "--overwrite"])
        .output()
        .expect("gander runs");
    let summary = fs::read(bench.path("out/summary.json")).expect("a summary");
    (output, serde_json::from_slice(&summary).expect("JSON"))
}

/// The metric of this name in a summary.
fn metric<'s>(summary: &'s Value, name: &str) -> &'s Value {
    let metrics = summary["metrics"].as_array().expect("metrics");
    let mut metrics = metrics.iter();
    let found = metrics.find(|metric| metric["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {summary:#}"))
}

#[test]
fn every_output_has_the_metrics_and_a_rebuilt_one_the_same() {
    let lab = Lab::start();
    let bench = bench(&lab.url(), "{ iterations: 5, per_user: true, users: 4 }");
    let run = bench.run(&[]).expect_code(0);
    let basket = metric(&run.summary, "basket");
    let expected = serde_json::json!({
        "name": "basket", "type": "trend", "unit": "EUR", "count": 20, "refused": 0, "sum": 35.0, "per_s": null,
        "share": null, "last": null, "min": 0.25, "mean": 1.75, "max": 3.25,
    });
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&basket[key], value, "{key}");
    }
    let p99 = basket["p99"].as_f64().expect("a percentile");
    assert!((3.24..=3.25).contains(&p99), "{p99}");
    assert_eq!(metric(&run.summary, "orders")["sum"], 50.0);
    let stock = metric(&run.summary, "stock");
    assert_eq!(
        (&stock["min"], &stock["max"]),
        (&(-2.0).into(), &1.0.into())
    );
    assert_eq!(metric(&run.summary, "paid")["share"], 0.25);
    assert_eq!(metric(&run.summary, "spare")["count"], 0);
    let db = metric(&run.summary, "server_timing{name=\"db\"}");
    assert_eq!((&db["count"], &db["unit"]), (&20.into(), &"ms".into()));
    for told in [
        "basket (EUR): 20 values, mean 1.75",
        "orders: 50 in all",
        "stock: last ",
        "paid: 25 % true, of 20 values",
        "spare: no value",
    ] {
        assert!(
            run.stderr.contains(told) || run.stdout.contains(told),
            "{told}: {}",
            run.stderr
        );
    }
    let page = fs::read_to_string(bench.path("out/report.html")).expect("a report");
    assert!(page.contains("<h2>Custom metrics</h2>"));
    let (_, rebuilt) = rebuild(&bench);
    assert_eq!(rebuilt, run.summary);
}

#[test]
fn a_killed_run_has_the_values_of_its_intervals() {
    let bench = bench(&target(), "{ rate: 50/s, for: 1m, max_users: 10 }");
    let mut run = bench.spawn(&["--quiet"]);
    let events = || {
        let text = fs::read_to_string(bench.path("out/events.jsonl")).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let events = lines.filter(|event: &Value| event["event"] == "interval");
        events.collect::<Vec<_>>()
    };
    let start = Instant::now();
    while events().len() < 3 {
        assert!(start.elapsed() < Duration::from_mins(1), "no interval came");
        std::thread::sleep(Duration::from_millis(50));
    }
    send_signal(&run, "KILL");
    run.wait().expect("killed");
    let events = events();
    let (output, summary) = rebuild(&bench);
    let of = |event: &Value, key: &str| {
        let value = &event["values"]["orders"][key];
        let text = value.as_str().map(str::to_owned);
        text.unwrap_or_else(|| value.to_string())
            .parse()
            .unwrap_or(0)
    };
    let sum: u64 = events.iter().map(|event| of(event, "sum")).sum();
    let count: u64 = events.iter().map(|event| of(event, "count")).sum();
    assert!(count > 0, "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sum, count * 2_500_000);
    let orders = metric(&summary, "orders");
    assert_eq!(orders["count"], count);
    assert_eq!(orders["sum"], sum as f64 / 1e6);
    assert_eq!(metric(&summary, "basket")["count"], count);
    let page = fs::read_to_string(bench.path("out/report.html")).expect("a report");
    let (_, table) = page
        .split_once("<h2>Custom metrics</h2>")
        .expect("the table");
    let (table, _) = table.split_once("</section>").expect("its end");
    assert_eq!(table.matches("<svg class=\"spark\"").count(), 4);
}
