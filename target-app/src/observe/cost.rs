//! The cost of one request, recorded where it arises and read once for `Server-Timing`.

use std::cell::Cell;
use std::time::Duration;

use axum::http::HeaderValue;

use super::repeats::Repeats;
use super::{Trace, text};

tokio::task_local! {
    /// The cost so far of the request that this task works on.
    static COST: Cost;
}

/// The cost of one request: written by the cache and the store, read once for `Server-Timing`.
#[derive(Default)]
pub(crate) struct Cost {
    lookup: Cell<Lookup>,
    queries: Cell<u32>,
    pool: Cell<Duration>,
    database: Cell<Duration>,
    repeats: Repeats,
    trace: Option<Trace>,
}

/// The result of a request's cache lookup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// The request did not use a cache, or there is none.
    #[default]
    Off,
    /// The first level had it, possibly with an early renewal.
    L1,
    /// The second level had it, possibly with an early renewal.
    L2,
    /// No level had it: this request, or one that it waited for, read the database.
    Miss,
}

/// Adds a statement to the cost of the current request, if there is one.
pub(crate) fn note_query(name: &'static str, took: Duration) {
    let _ = COST.try_with(|cost| {
        cost.queries.set(cost.queries.get() + 1);
        cost.repeats.count(name);
        cost.database.set(cost.database.get() + took);
    });
}

/// Adds a wait for a connection to the cost of the current request, if there is one.
pub(crate) fn note_pool_wait(took: Duration) {
    let _ = COST.try_with(|cost| cost.pool.set(cost.pool.get() + took));
}

/// The trace of the current request, for requests made on its behalf.
pub(crate) fn current_trace() -> Option<Trace> {
    COST.try_with(|cost| cost.trace.clone()).ok().flatten()
}

/// Sets the cache result of the current request, if there is one; the last call wins.
pub(crate) fn note_lookup(lookup: Lookup) {
    let _ = COST.try_with(|cost| cost.lookup.set(lookup));
}

/// Runs `work`, whose lookups are only part of the current request's.
pub(crate) async fn aside<T>(work: impl Future<Output = T>) -> T {
    let noted = COST.try_with(|cost| cost.lookup.get());
    let done = work.await;
    if let Ok(lookup) = noted {
        note_lookup(lookup);
    }
    done
}

/// Runs `work` with `cost` as its account; returns the final cost.
pub(crate) async fn accounted<T>(cost: Cost, work: impl Future<Output = T>) -> (T, Cost) {
    COST.scope(cost, async {
        let done = work.await;
        let spent = Cost::on(current_trace());
        COST.with(|cost| cost.swap(&spent));
        (done, spent)
    })
    .await
}

/// Runs `work` to its end even if the request is dropped, and adds its cost to the request.
///
/// For writes: a disconnecting client must not interrupt between the commit and the invalidation. A request runs one
/// such work at a time.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    let cost = Cost::on(current_trace());
    let _ = COST.try_with(|before| before.swap(&cost));
    match tokio::spawn(accounted(cost, work)).await {
        Ok((answer, cost)) => {
            let _ = COST.try_with(|before| before.swap(&cost));
            answer
        }
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

impl Cost {
    /// A new cost of a request in `trace`.
    pub(crate) fn on(trace: Option<Trace>) -> Self {
        Self {
            trace,
            ..Self::default()
        }
    }

    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    pub(crate) fn repeats(&self) -> &Repeats {
        &self.repeats
    }

    /// For a part of the request that runs in a separate task.
    fn swap(&self, other: &Self) {
        self.lookup.swap(&other.lookup);
        self.queries.swap(&other.queries);
        self.database.swap(&other.database);
        self.pool.swap(&other.pool);
        self.repeats.swap(&other.repeats);
    }

    /// The value of `Server-Timing`.
    pub(crate) fn header(&self) -> HeaderValue {
        let lookup = match self.lookup.get() {
            Lookup::Off => "off",
            Lookup::L1 => "l1",
            Lookup::L2 => "l2",
            Lookup::Miss => "miss",
        };
        let is_idle = self.queries.get() == 0 && self.pool.get().is_zero();
        match self.lookup.get() {
            Lookup::L1 if is_idle => {
                HeaderValue::from_static("cache;desc=l1, pool;dur=0, db;dur=0, queries;desc=0")
            }
            Lookup::L2 if is_idle => {
                HeaderValue::from_static("cache;desc=l2, pool;dur=0, db;dur=0, queries;desc=0")
            }
            Lookup::Off if is_idle => {
                HeaderValue::from_static("cache;desc=off, pool;dur=0, db;dur=0, queries;desc=0")
            }
            _ => text(&format!(
                "cache;desc={lookup}, pool;dur={:.3}, db;dur={:.3}, queries;desc={}",
                self.pool.get().as_secs_f64() * 1e3,
                self.database.get().as_secs_f64() * 1e3,
                self.queries.get(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::super::TRACEPARENT;
    use super::*;

    #[tokio::test]
    async fn work_that_outlives_its_request_stays_in_its_trace() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = HeaderValue::from_static(parent);
        let headers = HeaderMap::from_iter([(TRACEPARENT, parent)]);
        let cost = Cost::on(Trace::join(&headers, || 7));
        let work = async {
            let before = current_trace();
            (before, run_to_completion(async { current_trace() }).await)
        };
        let ((before, within), _) = accounted(cost, work).await;
        assert!(before.is_some());
        assert_eq!(before, within);
        assert_eq!(current_trace(), None);
    }
}
