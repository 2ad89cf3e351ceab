//! Metrics of the tasks. Labels are the registered kinds and the four priorities.

use prometheus::{Histogram, IntCounter, IntGauge};

use super::queue::TaskPriority;
use super::registry::TaskKind;
use crate::metrics::Metrics;

/// The metrics, with every label looked up in advance.
pub(super) struct TaskMetrics {
    /// By index of the kind in the registry.
    pub(super) kinds: Vec<KindMetrics>,
    /// By rank of the priority.
    pub(super) queued: [IntGauge; TaskPriority::ALL.len()],
    pub(super) delayed: IntGauge,
    pub(super) running: IntGauge,
    pub(super) dead: IntGauge,
    pub(super) oldest: IntGauge,
    pub(super) wait: Histogram,
    pub(super) refused_full: IntCounter,
    pub(super) refused_draining: IntCounter,
}

/// The metrics of one kind.
pub(super) struct KindMetrics {
    pub(super) succeeded: IntCounter,
    pub(super) dead: IntCounter,
    pub(super) abandoned: IntCounter,
    pub(super) retries: IntCounter,
    pub(super) seconds: Histogram,
}

impl TaskMetrics {
    pub(super) fn new(metrics: &Metrics, kinds: &[TaskKind]) -> Result<Self, prometheus::Error> {
        let ended = metrics.counters(
            "folio_tasks_total",
            "Tasks that ended, by result.",
            &["kind", "outcome"],
        )?;
        let retries = metrics.counters(
            "folio_task_retries_total",
            "Failed attempts that are retried.",
            &["kind"],
        )?;
        let seconds =
            metrics.seconds("folio_task_seconds", "Duration of one attempt.", &["kind"])?;
        let refused = metrics.counters(
            "folio_tasks_refused_total",
            "Tasks that were not accepted, by reason.",
            &["reason"],
        )?;
        let queued = metrics.gauges(
            "folio_tasks_queued",
            "Tasks that are ready and wait for a worker.",
            &["priority"],
        )?;
        let gauge = |name, help| {
            let family = metrics.gauges(name, help, &[]);
            family.map(|family| family.with_label_values(NONE))
        };
        Ok(Self {
            kinds: kinds
                .iter()
                .map(|kind| KindMetrics {
                    succeeded: ended.with_label_values(&[kind.name, "succeeded"]),
                    dead: ended.with_label_values(&[kind.name, "dead"]),
                    abandoned: ended.with_label_values(&[kind.name, "abandoned"]),
                    retries: retries.with_label_values(&[kind.name]),
                    seconds: seconds.with_label_values(&[kind.name]),
                })
                .collect(),
            queued: TaskPriority::ALL.map(|priority| queued.with_label_values(&[priority.name()])),
            delayed: gauge(
                "folio_tasks_delayed",
                "Tasks that wait for their start time or for a retry.",
            )?,
            running: gauge("folio_tasks_running", "Attempts in progress.")?,
            dead: gauge("folio_tasks_dead", "Dead letters kept for a manual retry.")?,
            oldest: gauge(
                "folio_tasks_oldest_seconds",
                "Age of the oldest ready task that waits for a worker, updated once a second.",
            )?,
            wait: metrics
                .seconds(
                    "folio_task_wait_seconds",
                    "Wait of a ready task for a worker.",
                    &[],
                )?
                .with_label_values(NONE),
            refused_full: refused.with_label_values(&["full"]),
            refused_draining: refused.with_label_values(&["draining"]),
        })
    }
}

/// Values of an empty label set.
const NONE: &[&str] = &[];
