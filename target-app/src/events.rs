//! What happens in the domain and is told to who listens outside: counted here, by kind.

use std::sync::Arc;

use prometheus::IntCounter;
use serde::Serialize;

use crate::metrics::Metrics;
use crate::webhook::Webhooks;

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderEvent {
    Placed,
    Paid,
}

/// How often each has happened, and who is told.
pub(crate) struct OrderEvents {
    webhooks: Arc<Webhooks>,
    placed: IntCounter,
    paid: IntCounter,
}

impl OrderEvent {
    /// The name under which listeners know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Placed => "order.placed",
            Self::Paid => "order.paid",
        }
    }
}

impl OrderEvents {
    pub(crate) fn new(
        webhooks: &Arc<Webhooks>,
        metrics: &Metrics,
    ) -> Result<Self, prometheus::Error> {
        let events = metrics.counters(
            "folio_order_events_total",
            "Order events, counted after commit.",
            &["kind"],
        )?;
        let of = |event: OrderEvent| events.with_label_values(&[event.name()]);
        Ok(Self {
            webhooks: Arc::clone(webhooks),
            placed: of(OrderEvent::Placed),
            paid: of(OrderEvent::Paid),
        })
    }

    /// Tells that `kind` happened; `payload` is what it happened to. Returns at once and never fails.
    pub(crate) fn emit(&self, kind: OrderEvent, payload: &impl Serialize) {
        match kind {
            OrderEvent::Placed => &self.placed,
            OrderEvent::Paid => &self.paid,
        }
        .inc();
        if let Ok(content) = serde_json::to_value(payload) {
            // What became of it is counted where it is sent.
            let _ = self.webhooks.send(kind.name(), content);
        }
    }
}
