//! Counts authentication events.

use prometheus::IntCounter;

use crate::metrics::Metrics;

/// The children of `folio_auth_total`, stored so that counting needs no label lookup.
pub(crate) struct AuthEvents {
    pub(crate) register: IntCounter,
    pub(crate) login: IntCounter,
    pub(crate) login_failed: IntCounter,
    pub(crate) refresh: IntCounter,
    /// A used refresh token was presented again and its session was closed.
    pub(crate) reuse: IntCounter,
    pub(crate) logout: IntCounter,
    pub(crate) logout_all: IntCounter,
    /// A token was rejected: forged, expired, replaced, or of a closed session.
    pub(crate) denied: IntCounter,
}

impl AuthEvents {
    /// Registers the family with every event at zero.
    pub(super) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let family = metrics.counters(
            "folio_auth_total",
            "Logins, refreshes, logouts and rejected tokens.",
            &["event"],
        )?;
        let event = |name| family.with_label_values(&[name]);
        Ok(Self {
            register: event("register"),
            login: event("login"),
            login_failed: event("login_failed"),
            refresh: event("refresh"),
            reuse: event("reuse"),
            logout: event("logout"),
            logout_all: event("logout_all"),
            denied: event("denied"),
        })
    }
}
