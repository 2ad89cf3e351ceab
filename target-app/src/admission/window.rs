//! Sliding window per client in the shared store, so that all instances count together.
//!
//! When the store does not answer, each process falls back to its own token bucket: a client then gets at most its
//! limit from every instance.

use std::time::Duration;

use prometheus::IntCounter;

use super::client::ClientKey;
use crate::kv::{Kv, KvError, WindowAnswer};
use crate::metrics::Metrics;

/// Requests that a client may send in any period of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) limit: u32,
    pub(super) length: Duration,
}

/// The answer of the shared store for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WindowVerdict {
    Accepted,
    Refused {
        /// Time until the next request is accepted.
        retry_after: Duration,
    },
    /// The store did not answer: the process has to use its own limit.
    Unknown,
}

/// The windows of all clients; see the module documentation.
pub(super) struct SlidingWindows {
    kv: Kv,
    fallbacks: IntCounter,
}

impl SlidingWindows {
    pub(super) fn new(kv: Kv, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let fallbacks = metrics.counters(
            "folio_admission_window_fallback_total",
            "Requests counted by the token bucket of the process because the shared store did not answer.",
            &[],
        )?;
        Ok(Self {
            kv,
            fallbacks: fallbacks.with_label_values::<&str>(&[]),
        })
    }

    /// Counts one request of `client`.
    pub(super) async fn take(&self, client: ClientKey, quota: Quota) -> WindowVerdict {
        let key = format!("rate:{client}");
        let answer = self.kv.window(&key, quota.limit, quota.length).await;
        self.verdict(&answer)
    }

    fn verdict(&self, answer: &Result<WindowAnswer, KvError>) -> WindowVerdict {
        match answer {
            Ok(WindowAnswer { accepted: true, .. }) => WindowVerdict::Accepted,
            Ok(WindowAnswer { retry_after, .. }) => WindowVerdict::Refused {
                retry_after: *retry_after,
            },
            Err(_) => {
                self.fallbacks.inc();
                WindowVerdict::Unknown
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows() -> SlidingWindows {
        let metrics = Metrics::new().expect("metrics");
        SlidingWindows::new(Kv::memory(), &metrics).expect("windows")
    }

    #[tokio::test]
    async fn a_client_gets_the_limit_in_a_window_and_another_client_its_own() {
        let windows = windows();
        let quota = Quota {
            limit: 3,
            length: Duration::from_mins(1),
        };
        for client in [ClientKey::User(1), ClientKey::ApiKey(1)] {
            for _ in 0..3 {
                assert_eq!(windows.take(client, quota).await, WindowVerdict::Accepted);
            }
            let WindowVerdict::Refused { retry_after } = windows.take(client, quota).await else {
                panic!("the fourth is one too many");
            };
            // The first request leaves the window one minute after its arrival, which was a moment ago, or some seconds
            // on a slow machine.
            let bounds = Duration::from_secs(20)..=quota.length;
            assert!(bounds.contains(&retry_after), "{retry_after:?}");
        }
    }

    #[test]
    fn without_an_answer_the_verdict_is_unknown_and_counted() {
        let windows = windows();
        let verdict = windows.verdict(&Err(KvError::TimedOut));
        assert_eq!(
            (verdict, windows.fallbacks.get()),
            (WindowVerdict::Unknown, 1)
        );
    }
}
