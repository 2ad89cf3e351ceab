//! The checks and metrics around every operation of the store: concurrency limit, circuit breaker, times, errors.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::{Histogram, IntCounter};

use super::error::{KINDS, KvError};
use crate::breaker::{Breaker, CallPermit};
use crate::bulkhead::{Gate, RequestPriority};
use crate::metrics::Metrics;
use crate::settings::Live;

/// The public operations, as labels of a histogram.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Get,
    #[cfg(test)]
    Set,
    GetMany,
    SetMany,
    #[cfg(test)]
    Delete,
    #[cfg(test)]
    DeleteMatching,
    SetIfAbsent,
    DeleteIfEqual,
    Swap,
    Remaining,
    AddMember,
    RemoveMember,
    Members,
    SortedSetAdd,
    SortedSetRemove,
    SortedSetLen,
    Window,
    GetVersioned,
    Fill,
    Replace,
    Invalidate,
    InvalidateMatching,
    Publish,
    Ping,
}

/// In the order of [`Op`].
const OPS: [&str; Op::Ping as usize + 1] = [
    "get",
    #[cfg(test)]
    "set",
    "get_many",
    "set_many",
    #[cfg(test)]
    "delete",
    #[cfg(test)]
    "delete_matching",
    "set_if_absent",
    "delete_if_equal",
    "swap",
    "remaining",
    "add_member",
    "remove_member",
    "members",
    "sorted_set_add",
    "sorted_set_remove",
    "sorted_set_len",
    "window",
    "get_versioned",
    "fill",
    "replace",
    "invalidate",
    "invalidate_matching",
    "publish",
    "ping",
];

/// The metrics and the guards of one instance.
pub(super) struct StoreGuard {
    seconds: [Histogram; OPS.len()],
    errors: [IntCounter; KINDS.len()],
    guards: Option<OverloadGuards>,
}

/// An operation that its caller cancelled after this long counts as timed out: the store normally answers within a
/// millisecond.
const GIVEN_UP: Duration = Duration::from_millis(100);

/// The guards of a store that can fail or be overloaded.
pub(super) struct OverloadGuards {
    gate: Gate,
    breaker: Breaker,
}

/// An operation in progress.
struct OngoingOperation<'a> {
    permit: Option<CallPermit<'a>>,
    began: Instant,
}

impl Drop for OngoingOperation<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take()
            && self.began.elapsed() >= GIVEN_UP
        {
            permit.timed_out();
        }
    }
}

impl OverloadGuards {
    pub(super) fn new(settings: &Arc<Live>, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        Ok(Self {
            gate: Gate::cache(Arc::clone(settings), metrics)?,
            breaker: Breaker::new("redis", Arc::clone(settings), metrics)?,
        })
    }

    async fn pass<T>(&self, work: impl Future<Output = Result<T, KvError>>) -> Result<T, KvError> {
        let _pass = self.gate.enter(RequestPriority::Normal).await?;
        let mut asking = OngoingOperation {
            permit: Some(self.breaker.admit()?),
            began: Instant::now(),
        };
        let outcome = work.await;
        if let Some(permit) = asking.permit.take() {
            match &outcome {
                Err(KvError::TimedOut) => permit.timed_out(),
                Err(error) if error.is_outage() => permit.failed(),
                _ => permit.succeeded(),
            }
        }
        outcome
    }
}

impl StoreGuard {
    pub(super) fn new(
        metrics: &Metrics,
        guards: Option<OverloadGuards>,
    ) -> Result<Self, prometheus::Error> {
        let seconds = metrics.seconds(
            "folio_kv_op_seconds",
            "Time of an operation on the shared store, including the wait for a connection.",
            &["op"],
        )?;
        let errors = metrics.counters(
            "folio_kv_errors_total",
            "Operations on the shared store that failed.",
            &["kind"],
        )?;
        Ok(Self {
            seconds: OPS.map(|op| seconds.with_label_values(&[op])),
            errors: KINDS.map(|kind| errors.with_label_values(&[kind])),
            guards,
        })
    }

    /// The circuit breaker of the store, if it can fail.
    pub(super) fn breaker(&self) -> Option<&Breaker> {
        self.guards.as_ref().map(|guards| &guards.breaker)
    }

    /// Runs `work`, one operation on the store.
    pub(super) async fn guarded<T>(
        &self,
        op: Op,
        work: impl Future<Output = Result<T, KvError>>,
    ) -> Result<T, KvError> {
        let timed = async {
            let started = Instant::now();
            let outcome = work.await;
            self.seconds[op as usize].observe(started.elapsed().as_secs_f64());
            outcome
        };
        let outcome = match &self.guards {
            Some(guards) => guards.pass(timed).await,
            None => timed.await,
        };
        if let Err(error) = &outcome {
            self.errors[error.kind()].inc();
        }
        outcome
    }
}
