//! Deliveries to a receiver on loopback.

use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::settings::{Settings, Span};

/// Maximum time of a delivery in these tests, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A received delivery.
#[derive(Clone)]
struct Delivery {
    headers: HeaderMap,
    body: Bytes,
}

/// Answers with `codes` in turn, then always with the last one.
struct Receiver {
    url: String,
    seen: Arc<ReceivedDeliveries>,
    served: AbortHandle,
}

struct ReceivedDeliveries {
    codes: Vec<u16>,
    deliveries: Mutex<Vec<Delivery>>,
}

struct Sender {
    tasks: Arc<Tasks>,
    webhooks: Webhooks,
    metrics: Metrics,
}

async fn receive(
    State(seen): State<Arc<ReceivedDeliveries>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut deliveries = seen
        .deliveries
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let code = seen.codes[deliveries.len().min(seen.codes.len() - 1)];
    deliveries.push(Delivery { headers, body });
    let status = StatusCode::from_u16(code).expect("a status");
    (status, [("location", "/elsewhere")]).into_response()
}

impl Receiver {
    async fn start(codes: &[u16]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let seen = Arc::new(ReceivedDeliveries {
            codes: codes.to_vec(),
            deliveries: Mutex::default(),
        });
        let routes = Router::new()
            .route("/hook", post(receive))
            .route("/elsewhere", post(receive).get(receive))
            .with_state(Arc::clone(&seen));
        let served = tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            url,
            seen,
            served: served.abort_handle(),
        }
    }

    fn deliveries(&self) -> Vec<Delivery> {
        let deliveries = self.seen.deliveries.lock();
        deliveries.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.served.abort();
    }
}

impl Sender {
    fn to(url: Option<&str>) -> Self {
        let mut settings = Settings::default();
        settings.monitor.webhook = url.map(str::to_owned);
        settings.tasks.backoff = Span::milliseconds(1);
        settings.tasks.attempts = 4;
        let settings = Arc::new(Live::new(settings));
        let metrics = Metrics::new().expect("metrics");
        let mut kinds = Registry::default();
        let secret = Secret::new("the secret");
        let client = client().expect("a client");
        register(&mut kinds, client, Some(&secret), &settings, &metrics).expect("a kind");
        let tasks = Arc::new(Tasks::start(kinds, &settings, &metrics).expect("fresh metrics"));
        Self {
            webhooks: Webhooks::new(&tasks, &settings, &metrics).expect("fresh metrics"),
            tasks,
            metrics,
        }
    }

    /// Waits until a metric has this value.
    async fn shows(&self, line: &str) {
        let began = Instant::now();
        loop {
            let text = self.metrics.render().expect("text");
            if text.lines().any(|found| found == line) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no line {line} in:\n{text}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Test case 2 of RFC 4231.
#[test]
fn a_signature_is_the_hmac_of_the_body() {
    let key = Hmac::new_from_slice(b"Jefe").expect("a key");
    assert_eq!(
        signature(&key, b"what do ya want for nothing?"),
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn only_transient_statuses_are_retried() {
    for (code, is_tried) in [
        (301, false),
        (400, false),
        (408, true),
        (410, false),
        (429, true),
        (500, true),
        (503, true),
    ] {
        let status = StatusCode::from_u16(code).expect("a status");
        assert_eq!(may_change(status), is_tried, "{code}");
    }
}

#[tokio::test]
async fn an_event_is_signed_and_retried_until_it_is_accepted() {
    let receiver = Receiver::start(&[500, 503, 200]).await;
    let sender = Sender::to(Some(&receiver.url));
    let Sent::Queued(id) = sender.webhooks.send("order.paid", json!({ "order": 7 })) else {
        panic!("it is sent");
    };
    let done = r#"folio_tasks_total{kind="webhook",outcome="succeeded"} 1"#;
    sender.shows(done).await;
    sender
        .shows(r#"folio_webhook_attempts_total{result="delivered"} 1"#)
        .await;
    sender
        .shows(r#"folio_webhook_attempts_total{result="failed"} 2"#)
        .await;

    let deliveries = receiver.deliveries();
    assert_eq!(deliveries.len(), 3);
    for Delivery { headers, body } in &deliveries {
        assert_eq!(*body, deliveries[0].body, "the same in every attempt");
        let mut mac = Hmac::<Sha256>::new_from_slice(b"the secret").expect("a key");
        mac.update(body);
        let shown = headers["x-folio-signature"].to_str().expect("text");
        let shown = shown.strip_prefix("sha256=").expect("its prefix");
        let shown: Vec<_> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&shown[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        assert!(mac.verify_slice(&shown).is_ok());
        assert_eq!(headers["x-folio-event"], "order.paid");
        assert_eq!(headers["x-folio-delivery"], id.to_string());
        assert_eq!(headers["content-type"], "application/json");
    }
    let message: Value = serde_json::from_slice(&deliveries[0].body).expect("JSON");
    assert_eq!(message["id"], id.to_string());
    assert_eq!(message["event"], "order.paid");
    assert_eq!(message["content"], json!({ "order": 7 }));
    let at = message["at"].as_str().expect("a time");
    assert!(chrono::DateTime::parse_from_rfc3339(at).is_ok(), "{at}");
}

#[tokio::test]
async fn redirects_are_not_followed_and_refusals_not_repeated() {
    for code in [302, 307, 410] {
        let receiver = Receiver::start(&[code]).await;
        let sender = Sender::to(Some(&receiver.url));
        sender.webhooks.send("order.paid", json!({}));
        sender
            .shows(r#"folio_tasks_total{kind="webhook",outcome="dead"} 1"#)
            .await;
        assert_eq!(receiver.deliveries().len(), 1, "{code}");
        let dead = sender.tasks.dead();
        let error = dead[0].error.as_deref().unwrap_or_default();
        assert!(error.contains(&code.to_string()), "{error}");
    }
}

#[tokio::test]
async fn an_unavailable_receiver_causes_dead_letters_that_can_be_retried() {
    let receiver = Receiver::start(&[500, 500, 500, 500, 200]).await;
    let sender = Sender::to(Some(&receiver.url));
    sender.webhooks.send("order.paid", json!({}));
    sender.shows("folio_tasks_dead 1").await;
    let dead = sender.tasks.dead();
    sender.tasks.retry(dead[0].id).expect("it is dead");
    sender
        .shows(r#"folio_tasks_total{kind="webhook",outcome="succeeded"} 1"#)
        .await;
    assert_eq!(receiver.deliveries().len(), 5);
}

#[tokio::test]
async fn without_a_receiver_nothing_is_sent_and_dropped_events_are_counted() {
    let silent = Sender::to(None);
    assert_eq!(silent.webhooks.send("order.paid", json!({})), Sent::Nowhere);

    // Nobody accepts here, so deliveries stay in progress.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let sender = Sender::to(Some(&url));
    let sent = (0..SHARE.unfinished + 5).map(|_| sender.webhooks.send("order.paid", json!({})));
    let dropped = sent.filter(|sent| *sent == Sent::Dropped).count();
    assert_eq!(dropped, 5);
    sender.shows("folio_webhooks_dropped_total 5").await;
    // A hanging receiver uses its share of the workers, and no more.
    sender.shows("folio_tasks_running 2").await;
}
