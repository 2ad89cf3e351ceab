//! Domain events: counted by kind and sent to webhooks.

use std::sync::Arc;

use prometheus::IntCounter;
use serde::Serialize;

use crate::metrics::Metrics;
use crate::webhook::Webhooks;

/// An event of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderEvent {
    Placed,
    Paid,
}

/// Event counters and the webhook sender.
pub(crate) struct OrderEvents {
    webhooks: Arc<Webhooks>,
    placed: IntCounter,
    paid: IntCounter,
}

impl OrderEvent {
    /// The event name for webhook receivers.
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

    /// Emits an event; `payload` is the object that it concerns. Returns at once and never fails.
    pub(crate) fn emit(&self, kind: OrderEvent, payload: &impl Serialize) {
        match kind {
            OrderEvent::Placed => &self.placed,
            OrderEvent::Paid => &self.paid,
        }
        .inc();
        if let Ok(content) = serde_json::to_value(payload) {
            // The webhook module counts failures.
            let _ = self.webhooks.send(kind.name(), content);
        }
    }
}
