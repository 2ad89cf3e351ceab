//! The checks and metrics of every lease and statement: concurrency limit, circuit breaker, times.

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntCounterVec;

use super::{DbError, Dialect, Recorder, SqlValue, Statement};
use crate::breaker::{Breaker, BreakerOpen, CallPermit};
use crate::bulkhead::{Gate, GateFull, OwnedGatePermit, RequestPriority};
use crate::metrics::{Metrics, TimesFamily};
use crate::observe::note_query;
use crate::settings::Live;

/// The guard that all pools of a database share.
pub(crate) struct DatabaseGuard {
    gate: Arc<Gate>,
    breaker: Breaker,
    query_seconds: TimesFamily,
    slow_queries: IntCounterVec,
    recorder: Recorder,
    settings: Arc<Live>,
}

impl DatabaseGuard {
    pub(super) fn new(settings: &Arc<Live>, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let gate = Gate::new(
            "db",
            |settings| (settings.admission.db_limit, settings.admission.db_waiting),
            Arc::clone(settings),
            metrics,
        )?;
        Ok(Self {
            gate: Arc::new(gate),
            breaker: Breaker::new("database", Arc::clone(settings), metrics)?,
            query_seconds: metrics.times(
                "folio_query_seconds",
                "Execution time of a statement.",
                "name",
            )?,
            slow_queries: metrics.counters(
                "folio_slow_queries_total",
                "Statements that took db.slow_ms or longer.",
                &["name"],
            )?,
            recorder: Recorder::default(),
            settings: Arc::clone(settings),
        })
    }

    /// A permit to use the database, for the duration of a lease.
    pub(super) async fn enter(&self) -> Result<OwnedGatePermit, DbError> {
        Ok(self.gate.enter_owned(RequestPriority::Normal).await?)
    }

    /// A permit of the circuit breaker for one call; report the outcome to it.
    pub(super) fn admit(&self) -> Result<CallPermit<'_>, DbError> {
        Ok(self.breaker.admit()?)
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Records a statement for its request and under its name.
    pub(super) fn ran(
        &self,
        statement: &Statement,
        values: &[SqlValue],
        dialect: Dialect,
        took: Duration,
        rows: u64,
    ) {
        note_query(statement.name, took);
        self.query_seconds.series(statement.name).observe(took);
        self.recorder.ran(statement, values, took, rows);
        if took >= Duration::from_millis(self.settings.load().db.slow_ms.into()) {
            self.slow_queries.with_label_values(&[statement.name]).inc();
            self.recorder.was_slow(statement, dialect, took, rows);
        }
    }
}

impl From<GateFull> for DbError {
    fn from(full: GateFull) -> Self {
        Self::Refused {
            retry_after: full.retry_after,
        }
    }
}

impl From<BreakerOpen> for DbError {
    fn from(refused: BreakerOpen) -> Self {
        Self::Refused {
            retry_after: refused.retry_after,
        }
    }
}
