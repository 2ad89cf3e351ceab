//! Giving back what is held without need: expired entries, idle connections, limiters of clients that left.
//!
//! Rust frees what is dropped at once, so there is no garbage to look for; what can be given back is what caches, pools
//! and maps keep for later. Each of them brings a step when the service is put together.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde::Serialize;

/// A step takes no longer than this; one that does is named as unfinished.
const LONGEST_STEP: Duration = Duration::from_secs(5);

/// Every step, in the order in which they were brought.
#[derive(Default)]
pub(crate) struct Reclaim {
    steps: Vec<Step>,
}

struct Step {
    name: &'static str,
    unit: &'static str,
    run: Box<dyn Fn() -> BoxFuture<'static, u64> + Send + Sync>,
}

/// What one step gave back.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Freed {
    /// What was swept, such as `cache.l1`.
    pub(crate) from: &'static str,
    /// How much, in `unit`; absent when the step did not finish in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    /// What is counted, such as `entries`.
    pub(crate) unit: &'static str,
    pub(crate) took_ms: f64,
}

impl Reclaim {
    /// Adds a step that sweeps `name` and says how many `unit` it freed.
    pub(crate) fn with<F>(
        mut self,
        name: &'static str,
        unit: &'static str,
        run: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = u64> + Send + 'static,
    {
        self.steps.push(Step {
            name,
            unit,
            run: Box::new(move || Box::pin(run())),
        });
        self
    }

    /// Runs every step, one after the other.
    pub(crate) async fn run(&self) -> Vec<Freed> {
        self.run_within(LONGEST_STEP).await
    }

    async fn run_within(&self, longest_step: Duration) -> Vec<Freed> {
        let mut freed = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let began = Instant::now();
            let count = tokio::time::timeout(longest_step, (step.run)()).await;
            freed.push(Freed {
                from: step.name,
                count: count.ok(),
                unit: step.unit,
                took_ms: began.elapsed().as_secs_f64() * 1e3,
            });
        }
        freed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_step_runs_and_says_what_it_freed() {
        let reclaim = Reclaim::default()
            .with("cache.l1", "entries", async || 7)
            .with("pool", "connections", std::future::pending)
            .with("limits", "clients", async || 0);
        let freed = reclaim.run_within(Duration::from_millis(50)).await;
        let told: Vec<_> = freed.iter().map(|one| (one.from, one.count)).collect();
        assert_eq!(
            told,
            [("cache.l1", Some(7)), ("pool", None), ("limits", Some(0))]
        );
        assert_eq!(freed[0].unit, "entries");
    }
}
