//! Metrics of the scenario's own, and `server-timing` headers: counts and sums as arithmetic says.

use std::sync::Arc;

use gander::outcome::Outcome;
use gander::record::bins::Sum;
use gander::record::{Millionths, Recorded, Standing};

use super::plans::plan;
use super::server::Server;
use super::{Driven, run};

const METRICS: &str =
    "metrics: { basket: { type: trend, unit: EUR }, orders: counter, stock: gauge, paid: rate }";

fn recorded<'o>(over: &'o super::Outcome, name: &str) -> &'o Recorded<Sum> {
    &over.totals.values()[name]
}

#[tokio::test]
async fn every_value_is_counted_exactly() {
    let server = Server::start().await;
    // `/count` answers with 1, 2, 3 …
    let plan = plan(
        &server.url,
        &format!(
            "load: {{ rate: 100/s, for: 400ms, max_users: 10 }}\n{METRICS}\n\
             flows:\n\
             - name: main\n\
             \x20 steps:\n\
             \x20 - get: /count\n\
             \x20   capture: {{ n: {{ json: $.n }} }}\n\
             \x20   record: {{ basket: n * 0.25, paid: response.json.n % 4 == 0 }}\n\
             \x20 - record: {{ orders: '${{n}}', stock: 0 - n }}\n\
             \x20   if: n > 10\n\
             thresholds:\n\
             - max(basket) == 10\n\
             - mean(basket) == 5.125\n\
             - count(basket) == 40\n\
             - p50(basket) == 5\n\
             - count(orders) == 765\n\
             - rate(orders) > 1/s\n\
             - min(stock) > 1\n\
             - ratio(paid) == 25%\n\
             - count(paid) == 40\n\
             - {{ expect: p99(basket) < 11, window: {{ rolling: 100ms }} }}\n"
        ),
    );
    let over = run(plan).await;
    let basket = recorded(&over, "basket");
    assert_eq!((basket.counts.count, basket.bins.len()), (40, 40));
    assert_eq!(
        basket.counts.sum,
        (1..=40).map(|n| n * 250_000).sum::<i128>()
    );
    let range = (basket.counts.min, basket.counts.max);
    assert_eq!(range, (Millionths(250_000), Millionths(10_000_000)));
    let orders = recorded(&over, "orders").counts;
    assert_eq!((orders.count, orders.total()), (30, 765.0));
    let stock = recorded(&over, "stock").counts;
    assert_eq!((stock.min.number(), stock.max.number()), (-40.0, -11.0));
    let paid = recorded(&over, "paid").counts;
    assert_eq!((paid.count, paid.sum), (40, 10_000_000));
    let judged = over.judge.standings();
    let standings: Vec<Standing> = judged
        .iter()
        .map(|judged| judged.standing)
        .take(10)
        .collect();
    let mut expected = [Standing::Pass; 10];
    expected[6] = Standing::Fail;
    assert_eq!(standings, expected, "{judged:?}");
    assert_eq!(judged[6].observed, Some(-40.0));
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_counted_and_told() {
    let server = Server::start().await;
    let plan = plan(
        &server.url,
        &format!(
            "load: {{ iterations: 3, users: 1 }}\non_error: continue\n{METRICS}\n\
             vars: {{ word: tea, big: 2000000000000 }}\n\
             flows:\n\
             - name: main\n\
             \x20 steps:\n\
             \x20 - record: {{ basket: 0 - 1, orders: word, stock: big, paid: 2 }}\n\
             \x20 - record: {{ basket: response.json.none }}\n\
             \x20 - record: {{ basket: \"'0.5'\", orders: 1, stock: -2.5, paid: \"'true'\" }}\n"
        ),
    );
    let driven = Driven::launch(plan).await;
    let recorder = Arc::clone(&driven.recorder);
    let over = driven.until_the_end().await;
    for (name, refused, sum) in [
        ("basket", 6, 1.5),
        ("orders", 3, 3.0),
        ("stock", 3, -7.5),
        ("paid", 3, 3.0),
    ] {
        let counts = recorded(&over, name).counts;
        assert_eq!(
            (counts.count, counts.refused, counts.total()),
            (3, refused, sum),
            "{name}"
        );
    }
    let iterations = &over.iterations().counts;
    assert_eq!((iterations.ended, iterations.failed), (3, 3));
    assert_eq!(iterations.outcomes[&Outcome::Record], 3);
    let failures = recorder.take_failures();
    assert_eq!(
        failures[0].detail,
        "`basket` was not recorded: a trend needs a number from 0 to 1,000,000,000,000, found `-1`"
    );
}

#[tokio::test]
async fn a_value_that_is_missing_ends_the_iteration_as_a_failed_step_does() {
    let server = Server::start().await;
    let plan = plan(
        &server.url,
        &format!(
            "load: {{ iterations: 2, users: 1 }}\n{METRICS}\n\
             flows: [ {{ name: main, steps: [ {{ get: /, record: {{ basket: response.json.none, orders: 1 }} }}, {{ get: /never }} ] }} ]"
        ),
    );
    let over = run(plan).await;
    assert_eq!(server.seen().len(), 2);
    assert_eq!(recorded(&over, "basket").counts.refused, 2);
    assert!(!over.totals.values().contains_key("orders"));
    assert_eq!(over.iterations().counts.failed, 2);
    assert_eq!(over.requests().counts.failed, 0);
}

#[tokio::test]
async fn durations_of_servers_are_recorded_by_name() {
    let server = Server::start().await;
    let plan = plan(
        &server.url,
        "load: { iterations: 5, users: 1 }\n\
         http: { server_timing: true }\n\
         flows:\n\
         - name: main\n\
         \x20 start: [ { get: /timing/start;dur=7, silent: true } ]\n\
         \x20 steps:\n\
         \x20 - get: '/timing/db;dur=1.5,app;desc=\"a,b\";dur=20/db;dur=2,miss'\n\
         \x20 - get: /timing/db;dur=-1,late;dur=5\n\
         thresholds:\n\
         - p95(server_timing{name=\"db\"}) == 2ms\n\
         - mean(server_timing{name=\"db\"}) == 1750us\n\
         - count(server_timing{name=\"none\"}) == 0\n\
         - max(server_timing{name=\"app\"}) < 20ms\n",
    );
    let over = run(plan).await;
    let names: Vec<&str> = over.totals.values().keys().map(String::as_str).collect();
    let timing = |name: &str| format!("server_timing{{name=\"{name}\"}}");
    assert_eq!(names, ["app", "db", "late"].map(timing));
    let db = recorded(&over, &timing("db")).counts;
    assert_eq!((db.count, db.total()), (10, 17.5));
    let judged = over.judge.standings();
    let standings: Vec<Standing> = judged
        .iter()
        .map(|judged| judged.standing)
        .take(4)
        .collect();
    assert_eq!(
        standings,
        [
            Standing::Pass,
            Standing::Pass,
            Standing::Pass,
            Standing::Fail
        ],
        "{judged:?}"
    );
    assert_eq!(judged[3].observed, Some(20_000.0));
}

#[tokio::test]
async fn requests_at_the_same_time_record_their_own_responses() {
    let server = Server::start().await;
    let plan = plan(
        &server.url,
        &format!(
            "load: {{ iterations: 10, users: 2 }}\n{METRICS}\n\
             flows:\n\
             - name: main\n\
             \x20 steps:\n\
             \x20 - parallel: 4\n\
             \x20   steps:\n\
             \x20   - repeat: 4\n\
             \x20     steps:\n\
             \x20     - get: /count\n\
             \x20       capture: {{ n: {{ json: $.n }} }}\n\
             \x20       record: {{ orders: n, basket: response.json.n }}\n"
        ),
    );
    let over = run(plan).await;
    for name in ["orders", "basket"] {
        let counts = recorded(&over, name).counts;
        assert_eq!((counts.count, counts.total()), (40, 820.0), "{name}");
    }
}
