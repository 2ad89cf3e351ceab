//! Outgoing webhooks: sends signed events to `monitor.webhook` by a background task with retries.
//!
//! Each delivery is one POST of JSON with `X-Folio-Signature: sha256=<HMAC-SHA256 of the body, hexadecimal>`. It
//! follows no redirects and waits at most two seconds. A slow or unavailable receiver uses a bounded share of the
//! workers and of the queue; further events are dropped and counted.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit as _, Mac as _};
use prometheus::IntCounter;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::config::Secret;
use crate::metrics::Metrics;
use crate::observe::current_trace;
use crate::settings::Live;
use crate::tasks::{
    Arguments, Attempt, Audience, Failure, Registry, TaskId, TaskPriority, TaskRequest, TaskShare,
    Tasks,
};

/// The kind of the tasks that deliver webhooks.
const KIND: &str = "webhook";
/// Time limit of a delivery, from connecting to the response head.
const LONGEST: Duration = Duration::from_secs(2);
/// Limits for deliveries, so that a receiver that does not answer holds at most two workers and a thousand messages.
const SHARE: TaskShare = TaskShare {
    unfinished: 1_000,
    running: 2,
};

/// Sends events to the receiver, if one is set.
pub(crate) struct Webhooks {
    tasks: Arc<Tasks>,
    settings: Arc<Live>,
    dropped: IntCounter,
}

/// The result of sending an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Queued as a task.
    Queued(TaskId),
    /// `monitor.webhook` is not set.
    Nowhere,
    /// The queue was full, or the service is stopping; counted.
    Dropped,
}

/// The reason why webhooks could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The HTTP client could not be created.
    #[error("cannot create the HTTP client for webhooks")]
    Client(#[from] reqwest::Error),
    /// The secret is not a valid signing key.
    #[error("invalid webhook secret")]
    Secret(#[from] InvalidLength),
    /// A metric was registered twice or is invalid.
    #[error("cannot register the webhook metrics")]
    Metrics(#[from] prometheus::Error),
}

/// An event in the task queue.
#[derive(Deserialize)]
struct WebhookEvent {
    #[serde(rename = "event")]
    name: String,
    /// Time of the event, RFC 3339.
    at: String,
    content: Value,
    /// Headers that make the delivery join the trace of the request that caused it.
    #[serde(default)]
    trace: BTreeMap<String, String>,
}

/// The body of a delivery, the same in every attempt, like its signature.
#[derive(Serialize)]
struct WebhookBody<'a> {
    id: TaskId,
    event: &'a str,
    at: &'a str,
    content: &'a Value,
}

struct Courier {
    client: Client,
    settings: Arc<Live>,
    key: Hmac<Sha256>,
    delivered: IntCounter,
    failed: IntCounter,
}

impl Arguments for WebhookEvent {}

/// Registers the kind of the tasks that deliver webhooks. `secret` is the signing key; without one a random key is used, so that nobody
/// can verify or forge signatures.
pub(crate) fn register(
    registry: &mut Registry,
    client: Client,
    secret: Option<&Secret>,
    settings: &Arc<Live>,
    metrics: &Metrics,
) -> Result<(), WebhookError> {
    let attempts = metrics.counters(
        "folio_webhook_attempts_total",
        "Delivery attempts by result.",
        &["result"],
    )?;
    let drawn: [u8; 32] = rand::random();
    let secret = secret.map_or(drawn.as_slice(), |secret| secret.reveal().as_bytes());
    let courier = Arc::new(Courier {
        client,
        settings: Arc::clone(settings),
        key: Hmac::new_from_slice(secret)?,
        delivered: attempts.with_label_values(&["delivered"]),
        failed: attempts.with_label_values(&["failed"]),
    });
    registry.register(
        KIND,
        Audience::Service,
        SHARE,
        move |event: Arc<WebhookEvent>, attempt| {
            let courier = Arc::clone(&courier);
            async move { courier.deliver(&event, attempt).await }
        },
    );
    Ok(())
}

/// The HTTP client for outgoing notifications: plain HTTP, no redirects, no proxy, a time limit of two seconds.
pub(crate) fn client() -> Result<Client, WebhookError> {
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(LONGEST)
        .build()?;
    Ok(client)
}

impl Webhooks {
    /// Sends through `tasks`, which must have the kind of [`register`].
    pub(crate) fn new(
        tasks: &Arc<Tasks>,
        settings: &Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, prometheus::Error> {
        let dropped = metrics.counters(
            "folio_webhooks_dropped_total",
            "Events dropped because too many deliveries were pending.",
            &[],
        )?;
        Ok(Self {
            tasks: Arc::clone(tasks),
            settings: Arc::clone(settings),
            dropped: dropped.with_label_values(&[] as &[&str]),
        })
    }

    /// Queues the event, such as `order.paid`, with `content`; never waits, and costs one pointer read if no receiver
    /// is set.
    pub(crate) fn send(&self, event: &'static str, content: Value) -> Sent {
        if self.settings.load().monitor.webhook.is_none() {
            return Sent::Nowhere;
        }
        let at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut args = Map::new();
        args.insert("event".to_owned(), event.into());
        args.insert("at".to_owned(), at.into());
        args.insert("content".to_owned(), content);
        if let Some(trace) = current_trace() {
            let headers = trace.headers().filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.into()))
            });
            args.insert("trace".to_owned(), Value::Object(headers.collect()));
        }
        let order = TaskRequest {
            kind: KIND.to_owned(),
            priority: TaskPriority::Normal,
            args: Value::Object(args),
            delay: Duration::ZERO,
        };
        self.tasks.submit(order).map_or_else(
            |_| {
                self.dropped.inc();
                Sent::Dropped
            },
            Sent::Queued,
        )
    }
}

impl Courier {
    async fn deliver(&self, event: &WebhookEvent, attempt: Attempt) -> Result<Value, Failure> {
        let sent = self.post(event, attempt).await;
        match &sent {
            Ok(_) => self.delivered.inc(),
            Err(_) => self.failed.inc(),
        }
        sent
    }

    async fn post(&self, event: &WebhookEvent, attempt: Attempt) -> Result<Value, Failure> {
        let url = self.settings.load().monitor.webhook.clone();
        let url = url.ok_or_else(|| Failure::Permanent("monitor.webhook is not set".into()))?;
        let message = WebhookBody {
            id: attempt.task,
            event: &event.name,
            at: &event.at,
            content: &event.content,
        };
        let body = serde_json::to_vec(&message)
            .map_err(|error| Failure::because("the event cannot be written as JSON", error))?;
        let mut post = self.client.post(url);
        for (name, value) in &event.trace {
            post = post.header(name, value);
        }
        let answer = post
            .header(CONTENT_TYPE, "application/json")
            .header("x-folio-event", &event.name)
            .header("x-folio-delivery", attempt.task.to_string())
            .header("x-folio-signature", signature(&self.key, &body))
            .body(body)
            .send()
            .await
            // Removed, because the URL may contain the receiver's secret and the cause is logged.
            .map_err(|error| {
                Failure::because(
                    "the webhook receiver did not answer in time",
                    error.without_url(),
                )
            })?;
        match answer.status() {
            status if status.is_success() => Ok(json!({ "status": status.as_u16() })),
            status if may_change(status) => Err(Failure::transient(format!(
                "the webhook receiver answered with status {status}"
            ))),
            status => Err(Failure::Permanent(
                format!("the webhook receiver answered with status {status}").into(),
            )),
        }
    }
}

/// Whether a retry may succeed after this error status.
fn may_change(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}

/// The value of `X-Folio-Signature` for `body`.
fn signature(key: &Hmac<Sha256>, body: &[u8]) -> String {
    let mut mac = key.clone();
    mac.update(body);
    let mut text = String::with_capacity(7 + 64);
    text.push_str("sha256=");
    for byte in mac.finalize().into_bytes() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
