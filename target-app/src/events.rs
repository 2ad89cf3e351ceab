//! What happens in the domain and is told to who listens outside: counted here, by kind.

use prometheus::IntCounter;
use serde::Serialize;

use crate::metrics::Metrics;
use crate::state::App;

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderEvent {
    Placed,
    Paid,
}

/// How often each has happened.
pub(crate) struct Events {
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

impl Events {
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let events = metrics.counters(
            "folio_order_events_total",
            "What happened to orders, after its transaction was committed.",
            &["kind"],
        )?;
        let of = |event: OrderEvent| events.with_label_values(&[event.name()]);
        Ok(Self {
            placed: of(OrderEvent::Placed),
            paid: of(OrderEvent::Paid),
        })
    }
}

/// Tells that `kind` happened; `payload` is what it happened to. Returns at once and never fails.
pub(crate) fn order_event(app: &App, kind: OrderEvent, payload: &impl Serialize) {
    match kind {
        OrderEvent::Placed => &app.events.placed,
        OrderEvent::Paid => &app.events.paid,
    }
    .inc();
    if let Ok(content) = serde_json::to_value(payload) {
        // What became of it is counted where it is sent.
        let _ = app.webhooks.send(kind.name(), content);
    }
}
