//! What the tasks show of themselves. Labels are the registered kinds and the four priorities.

use prometheus::{Histogram, IntCounter, IntGauge};

use super::queue::Priority;
use super::registry::Kind;
use crate::metrics::Metrics;

/// The instruments, with every label looked up beforehand.
pub(super) struct Meters {
    /// By place of the kind in the registry.
    pub(super) kinds: Vec<KindMeters>,
    /// By rank of the priority.
    pub(super) queued: [IntGauge; Priority::ALL.len()],
    pub(super) delayed: IntGauge,
    pub(super) running: IntGauge,
    pub(super) dead: IntGauge,
    pub(super) oldest: IntGauge,
    pub(super) wait: Histogram,
    pub(super) refused_full: IntCounter,
    pub(super) refused_draining: IntCounter,
}

/// The instruments of one kind.
pub(super) struct KindMeters {
    pub(super) succeeded: IntCounter,
    pub(super) dead: IntCounter,
    pub(super) abandoned: IntCounter,
    pub(super) retries: IntCounter,
    pub(super) seconds: Histogram,
}

impl Meters {
    pub(super) fn new(metrics: &Metrics, kinds: &[Kind]) -> Result<Self, prometheus::Error> {
        let ended = metrics.counters(
            "folio_tasks_total",
            "Tasks that ended, by how.",
            &["kind", "outcome"],
        )?;
        let retries = metrics.counters(
            "folio_task_retries_total",
            "Attempts that failed and are followed by another.",
            &["kind"],
        )?;
        let seconds = metrics.seconds("folio_task_seconds", "Time of one attempt.", &["kind"])?;
        let refused = metrics.counters(
            "folio_tasks_refused_total",
            "Tasks that were not taken on.",
            &["reason"],
        )?;
        let queued = metrics.gauges(
            "folio_tasks_queued",
            "Tasks that could run and wait for a worker.",
            &["priority"],
        )?;
        let gauge = |name, help| {
            let family = metrics.gauges(name, help, &[]);
            family.map(|family| family.with_label_values(NONE))
        };
        Ok(Self {
            kinds: kinds
                .iter()
                .map(|kind| KindMeters {
                    succeeded: ended.with_label_values(&[kind.name, "succeeded"]),
                    dead: ended.with_label_values(&[kind.name, "dead"]),
                    abandoned: ended.with_label_values(&[kind.name, "abandoned"]),
                    retries: retries.with_label_values(&[kind.name]),
                    seconds: seconds.with_label_values(&[kind.name]),
                })
                .collect(),
            queued: Priority::ALL.map(|priority| queued.with_label_values(&[priority.name()])),
            delayed: gauge(
                "folio_tasks_delayed",
                "Tasks that wait for their time or for another attempt.",
            )?,
            running: gauge("folio_tasks_running", "Attempts under way.")?,
            dead: gauge("folio_tasks_dead", "Dead letters kept for a retry.")?,
            oldest: gauge(
                "folio_tasks_oldest_seconds",
                "How long the task that waits longest could have run, looked at once a second.",
            )?,
            wait: metrics
                .seconds(
                    "folio_task_wait_seconds",
                    "From when a task could run to when it did.",
                    &[],
                )?
                .with_label_values(NONE),
            refused_full: refused.with_label_values(&["full"]),
            refused_draining: refused.with_label_values(&["draining"]),
        })
    }
}

/// The values of no labels.
const NONE: &[&str] = &[];
