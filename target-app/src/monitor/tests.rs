//! The monitor's task: it samples, notifies, follows its settings and ends.

use std::time::Instant;

use tokio::sync::mpsc;

use super::*;
use crate::settings::{Settings, Span};

const PATIENCE: Duration = Duration::from_secs(30);

fn live(every: Duration) -> (Settings, Arc<Live>) {
    let mut settings = Settings::default();
    settings.monitor.every = Span(every);
    settings.monitor.looks = 2;
    (settings.clone(), Arc::new(Live::new(settings)))
}

async fn until(what: &str, is_there: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_there() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_shorter_interval_applies_at_once() {
    let (mut settings, live) = live(Duration::from_hours(1));
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let monitor = Monitor::start(metrics, Arc::clone(&live), Box::new(|_, _| {}));
    let monitor = monitor.expect("a monitor");
    tokio::task::yield_now().await;
    assert!(monitor.performance(0).is_none());
    settings.monitor.every = Span(Duration::from_millis(10));
    live.replace(settings);
    until("a look", || monitor.performance(0).is_some()).await;
}

#[tokio::test]
async fn an_alert_is_sent_at_its_start_and_its_end() {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let states = metrics.gauges("folio_breaker_state", "Test.", &["name"]);
    let state = states.expect("a family").with_label_values(&["db"]);
    state.set(2);
    let (tell, mut told) = mpsc::channel(8);
    let send: AlertSink = Box::new(move |event, json| tell.try_send((event, json)).expect("room"));
    let (_, live) = live(Duration::from_millis(10));
    let monitor = Monitor::start(metrics, live, send).expect("a monitor");

    let mut next = async || tokio::time::timeout(PATIENCE, told.recv()).await;
    let (event, json) = next().await.expect("in time").expect("an event");
    assert_eq!(event, "alert.firing");
    let alert = &json["alert"];
    assert_eq!(
        (&alert["rule"], &alert["message"]),
        (&json!("breaker"), &json!("open circuit breakers: db"))
    );
    assert_eq!(json["service"], "folio");
    state.set(0);
    let (event, json) = next().await.expect("in time").expect("an event");
    assert_eq!(event, "alert.resolved");
    assert_eq!(json["alert"]["phase"], "resolved");
    assert!(json["alert"]["since_ms"].as_u64() <= json["alert"]["at_ms"].as_u64());
    drop(monitor);
}

#[tokio::test]
async fn the_task_ends_with_its_monitor() {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let (_, live) = live(Duration::from_millis(10));
    let monitor = Monitor::start(Arc::clone(&metrics), live, Box::new(|_, _| {}));
    let monitor = monitor.expect("a monitor");
    until("a look", || monitor.performance(0).is_some()).await;
    drop(monitor);
    until("the end of the task", || Arc::strong_count(&metrics) == 1).await;
}
