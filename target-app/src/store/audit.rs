//! The audit log: who did what to which object, and when. Written in the same transaction as the action, never changed
//! afterwards.

use serde::Serialize;

use super::{Page, PageOf, Store, StoreError};
use crate::clock::{now, rfc3339};
use crate::db::{Lease, Statement, from_row, values};

/// An action that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    OrderPlaced,
    OrderPaid,
}

/// An entry as its user sees it.
#[derive(Debug, Serialize)]
pub(crate) struct AuditEntry {
    id: i64,
    user_id: i64,
    action: String,
    object: String,
    object_id: i64,
    #[serde(serialize_with = "rfc3339")]
    at: i64,
}

from_row!(AuditEntry {
    id,
    user_id,
    action,
    object,
    object_id,
    at
});

impl Action {
    /// The stored name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OrderPlaced => "order.placed",
            Self::OrderPaid => "order.paid",
        }
    }

    /// The kind of its object.
    pub(crate) fn object(self) -> &'static str {
        match self {
            Self::OrderPlaced | Self::OrderPaid => "order",
        }
    }
}

/// Writes an entry in the transaction of `lease`.
pub(super) async fn write(
    lease: &mut Lease,
    user_id: i64,
    action: Action,
    object_id: i64,
) -> Result<(), StoreError> {
    const STATEMENT: Statement = Statement::same(
        "audit_insert",
        "INSERT INTO audit (user_id, action, object, object_id, at) VALUES ($1, $2, $3, $4, $5)",
    );
    let values = values![user_id, action.name(), action.object(), object_id, now()];
    lease.execute(&STATEMENT, values).await?;
    Ok(())
}

impl Store {
    /// The actions of `user_id`, latest first.
    pub(crate) async fn audit(
        &self,
        user_id: i64,
        part: PageOf,
    ) -> Result<Page<AuditEntry>, StoreError> {
        const PAGE: Statement = Statement::same(
            "audit_page",
            "SELECT id, user_id, action, object, object_id, at FROM audit WHERE user_id = $1 \
             ORDER BY id DESC LIMIT $2 OFFSET $3",
        );
        const TOTAL: Statement = Statement::same(
            "audit_total",
            "SELECT count(*) FROM audit WHERE user_id = $1",
        );
        let mut lease = self.database.read_fresh().await?;
        let values = values![user_id, part.limit, part.offset()];
        let items = lease.fetch_all(&PAGE, values).await?;
        let (total,): (i64,) = lease.fetch_one(&TOTAL, values![user_id]).await?;
        Ok(part.with(items, total))
    }
}
