//! A connection that is checked out of its pool, and a connection during its health check.

use std::sync::Arc;
use std::time::Instant;

use deadpool::managed::Object;

use super::Pool;
use crate::bulkhead::{ConnectionPermit, OwnedGatePermit};
use crate::db::connection::{Connection, DbConnector};

/// A connection that is checked out, with its permits.
pub(in crate::db) struct Checkout {
    pub(super) connection: Option<Object<DbConnector>>,
    pub(super) pool: Arc<Pool>,
    pub(super) _connection_permit: ConnectionPermit,
    pub(super) _gate_permit: OwnedGatePermit,
}

impl Checkout {
    pub(in crate::db) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The connection; `None` after it was discarded.
    pub(in crate::db) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection
            .as_deref_mut()
            .map(|pooled| &mut pooled.connection)
    }

    /// Closes the connection instead of returning it.
    pub(in crate::db) fn discard(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        // The pool was made smaller in the meantime.
        if self.pool.connections.status().size > self.pool.permits.size() {
            self.discard();
        }
        if let Some(pooled) = &mut self.connection {
            pooled.used = Instant::now();
        }
        self.connection = None;
        self.pool.gauges.in_use.dec();
        self.pool.count_overflow();
    }
}

/// A connection during its health check; closed unless it is taken out again.
pub(super) struct PingGuard(pub(super) Option<Object<DbConnector>>);

impl Drop for PingGuard {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}
