//! Metrics of client connections.

use prometheus::{IntCounter, IntGauge, Registry};

use super::GaugeGuard;

pub(crate) struct Connections {
    accepted: IntCounter,
    open: IntGauge,
}

impl Connections {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let accepted = IntCounter::new("folio_http_connections_total", "Connections accepted.")?;
        let open = IntGauge::new(
            "folio_http_connections",
            "Open connections, without those upgraded to WebSockets.",
        )?;
        registry.register(Box::new(accepted.clone()))?;
        registry.register(Box::new(open.clone()))?;
        Ok(Self { accepted, open })
    }

    /// Counts a connection as open until the guard is dropped.
    pub(crate) fn enter(&self) -> GaugeGuard<'_> {
        self.accepted.inc();
        GaugeGuard::enter(&self.open)
    }
}
