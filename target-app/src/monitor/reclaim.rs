//! Releases resources that are held without need: expired entries, idle connections, limiters of clients that left.
//!
//! Rust frees dropped memory at once, so there is no garbage collection; these resources are what caches, pools and
//! maps keep for later. Each of them adds a step when the service is assembled.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde::Serialize;

/// Time limit of a step; a step that exceeds it is reported as unfinished.
const LONGEST_STEP: Duration = Duration::from_secs(5);

/// All steps, in the order they were added.
#[derive(Default)]
pub(crate) struct Reclaim {
    steps: Vec<Step>,
}

struct Step {
    name: &'static str,
    unit: &'static str,
    run: Box<dyn Fn() -> BoxFuture<'static, u64> + Send + Sync>,
}

/// The result of one step.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Freed {
    /// The swept resource, such as `cache.l1`.
    pub(crate) from: &'static str,
    /// The number of released `unit`s; absent if the step did not finish in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    /// The counted items, such as `entries`.
    pub(crate) unit: &'static str,
    pub(crate) took_ms: f64,
}

impl Reclaim {
    /// Adds a step that sweeps `name` and returns the number of released `unit`s.
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

    /// Runs all steps in sequence.
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
    async fn every_step_runs_and_reports_its_count() {
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
