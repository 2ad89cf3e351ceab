//! The answer to a request, for steps that react to how it ended.

use std::fmt;
use std::time::Duration;

use http::header::RETRY_AFTER;

use crate::outcome::Outcome;
use crate::transport::Exchange;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    /// The status, if the head of a response arrived.
    pub(super) status: Option<u16>,
    /// The wait that the target asks for with status 429 or 503.
    pub(super) retry_after: Option<Duration>,
}

impl Answer {
    /// The answer to a request that was not sent.
    pub(super) const fn unsent(outcome: Outcome) -> Self {
        Self {
            outcome,
            status: None,
            retry_after: None,
        }
    }

    /// The answer of an exchange that was judged to end with this outcome.
    pub(super) fn of(outcome: Outcome, exchange: &Exchange) -> Self {
        let status = exchange.status();
        Self {
            outcome,
            status,
            retry_after: match status {
                Some(429 | 503) => retry_after(exchange),
                Some(_) | None => None,
            },
        }
    }
}

/// The value of `retry-after` in seconds; a date counts as none.
fn retry_after(exchange: &Exchange) -> Option<Duration> {
    let value = exchange.response.as_ref()?.headers.get(RETRY_AFTER)?;
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.outcome, self.status) {
            (Outcome::Ok | Outcome::Status, Some(status)) => write!(f, "status {status}"),
            (outcome, _) => write!(f, "outcome `{outcome}`"),
        }
    }
}
