//! Pushing states to a receiver over HTTP, on a thread of its own, with a time limit for each push and retries.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::endpoint::Endpoint;
use super::otlp::Otlp;
use super::outbox::{Outbox, Tally};
use super::remote_write::RemoteWrite;
use super::state::RunState;
use crate::run::{Closing, Delivered};
use crate::units::show_count;

/// The time limit of a push.
const LIMIT: Duration = Duration::from_secs(5);

/// The longest wait for the last push after the load.
const FLUSH: Duration = Duration::from_secs(10);

/// The waits before the retries of a push.
const WAITS: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// The longest text of an answer that is quoted, in characters.
const QUOTED: usize = 200;

/// A protocol of a receiver.
pub(super) trait Protocol: Send + 'static {
    /// The option that asks for it.
    fn option(&self) -> &'static str;

    /// Headers of each push.
    fn headers(&self) -> HeaderMap;

    /// The body for a state.
    fn body(&mut self, state: &RunState) -> Vec<u8>;

    /// The refusal that an answer of success contains, if there is one.
    fn refused(&self, answer: &[u8]) -> Option<String>;
}

/// A receiver.
pub struct Pushed {
    /// The option and the receiver, for messages.
    name: String,
    outbox: Arc<Outbox>,
    done: Option<oneshot::Receiver<()>>,
}

/// An attempt that failed.
struct Refusal {
    words: String,
    is_worth_a_retry: bool,
}

impl Pushed {
    /// A receiver of remote write of Prometheus.
    ///
    /// # Errors
    /// The system has no thread, or no client of HTTP.
    pub fn remote_write(endpoint: Endpoint) -> anyhow::Result<Self> {
        Self::start(RemoteWrite, endpoint)
    }

    /// A receiver of OTLP; `attributes` describe the resource, besides those of the run.
    ///
    /// # Errors
    /// The system has no thread, or no client of HTTP.
    pub fn otlp(endpoint: Endpoint, attributes: Vec<(String, String)>) -> anyhow::Result<Self> {
        Self::start(Otlp { attributes }, endpoint)
    }

    /// Starts the thread that pushes.
    fn start(protocol: impl Protocol, endpoint: Endpoint) -> anyhow::Result<Self> {
        let option = protocol.option();
        let name = format!("{option} {}", endpoint.mask.urls(endpoint.url.as_str()));
        let mut headers = protocol.headers();
        headers.extend(endpoint.headers.clone());
        let client = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("gander/", env!("CARGO_PKG_VERSION")))
            .timeout(LIMIT)
            // A redirect could take the credentials to another host.
            .redirect(Policy::none())
            .build()
            .with_context(|| format!("cannot prepare {name}"))?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.with_context(|| format!("cannot start the event loop for {name}"))?;
        let outbox = Arc::new(Outbox::default());
        let (tell, done) = oneshot::channel();
        let sender = Sender {
            client,
            endpoint,
            protocol,
            outbox: Arc::clone(&outbox),
        };
        thread::Builder::new()
            .name("push".to_owned())
            .spawn(move || {
                runtime.block_on(sender.send_all());
                // After the time limit, the receiver of this is gone.
                tell.send(()).ok();
            })
            .with_context(|| format!("cannot start a thread for {name}"))?;
        let done = Some(done);
        Ok(Self { name, outbox, done })
    }

    /// Queues a state.
    pub(super) fn publish(&self, state: Arc<RunState>) {
        self.outbox.put(state);
    }

    /// Queues the last state.
    pub(super) fn close(&mut self, last: Arc<RunState>) -> Option<Closing> {
        self.outbox.close(last);
        let done = self.done.take()?;
        Some(Closing {
            done,
            within: FLUSH,
        })
    }

    pub(super) fn delivered(&self) -> Delivered {
        let Tally {
            sent,
            failed,
            dropped,
            has_last,
            error,
        } = self.outbox.tally();
        let name = &self.name;
        let pushes = match sent {
            1 => "1 push".to_owned(),
            many => format!("{} pushes", show_count(many)),
        };
        if has_last && failed == 0 && dropped == 0 {
            return Delivered {
                words: format!("{name}: {pushes} arrived"),
                is_whole: true,
            };
        }
        let totals = if has_last {
            "the totals of the run arrived at the end"
        } else {
            "the totals of the run did not arrive"
        };
        let error = error.map_or_else(
            || "it does not answer in time".to_owned(),
            |error| format!("the first error was: {error}"),
        );
        let left_out = match dropped {
            0 => String::new(),
            dropped => format!(", {} were left out for newer ones", show_count(dropped)),
        };
        Delivered {
            words: format!(
                "{name} has gaps: {pushes} arrived, {} failed{left_out}; {totals}; {error}; check the receiver and its \
                 address",
                show_count(failed)
            ),
            is_whole: false,
        }
    }
}

/// The thread's side.
struct Sender<P> {
    client: reqwest::Client,
    endpoint: Endpoint,
    protocol: P,
    outbox: Arc<Outbox>,
}

impl<P: Protocol> Sender<P> {
    async fn send_all(mut self) {
        while let Some((state, is_last)) = self.outbox.next().await {
            let sent = self.send(&state).await;
            self.outbox.count(|tally| match sent {
                Ok(()) => {
                    tally.sent += 1;
                    tally.has_last |= is_last;
                }
                Err(words) => {
                    tally.failed += 1;
                    tally.error.get_or_insert(words);
                }
            });
        }
    }

    /// Sends a state, with retries while it is the newest.
    async fn send(&mut self, state: &RunState) -> Result<(), String> {
        let body = bytes::Bytes::from(self.protocol.body(state));
        let mut waits = WAITS.iter();
        loop {
            let refusal = match self.attempt(body.clone()).await {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            };
            let words = self.endpoint.mask.text(&refusal.words);
            self.outbox.count(|tally| {
                tally.error.get_or_insert_with(|| words.clone());
            });
            let wait = waits.next();
            let Some(wait) =
                wait.filter(|_| refusal.is_worth_a_retry && !self.outbox.is_outdated())
            else {
                return Err(words);
            };
            sleep(*wait).await;
        }
    }

    async fn attempt(&self, body: bytes::Bytes) -> Result<(), Refusal> {
        let request = self.client.post(self.endpoint.url.clone()).body(body);
        let unanswered = |error: reqwest::Error| Refusal {
            words: format!("{:#}", anyhow!(error.without_url())),
            is_worth_a_retry: true,
        };
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let answer = start_of(response).await.map_err(unanswered)?;
        if !status.is_success() {
            let text: String = String::from_utf8_lossy(&answer)
                .chars()
                .take(QUOTED)
                .collect();
            let is_busy = matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
            );
            return Err(Refusal {
                words: format!("status {status}, {}", text.trim()),
                is_worth_a_retry: status.is_server_error() || is_busy,
            });
        }
        match self.protocol.refused(&answer) {
            None => Ok(()),
            Some(words) => Err(Refusal {
                words,
                is_worth_a_retry: false,
            }),
        }
    }
}

/// The first kilobytes of an answer.
async fn start_of(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    const MOST: usize = 16 << 10;
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        answer.extend_from_slice(&chunk[..chunk.len().min(MOST - answer.len())]);
        if answer.len() == MOST {
            break;
        }
    }
    Ok(answer)
}
