//! Orders: priced by the statement that creates them, readable only by their user.

use serde::Serialize;

use super::audit::{self, Action};
use super::{Page, PageOf, Store, StoreError};
use crate::clock::{now, rfc3339};
use crate::db::{Statement, from_row, values};

/// An order as its owner sees it.
#[derive(Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) id: i64,
    document_id: i64,
    quantity: i64,
    total_cents: i64,
    status: String,
    #[serde(serialize_with = "rfc3339")]
    created_at: i64,
}

from_row!(Order {
    id,
    document_id,
    quantity,
    total_cents,
    status,
    created_at
});

/// An order to place.
pub(crate) struct NewOrder {
    pub(crate) user_id: i64,
    pub(crate) document_id: i64,
    pub(crate) quantity: i64,
}

impl Store {
    /// Places an order at the document's current price; [`StoreError::Missing`] if the document does not exist.
    pub(crate) async fn place_order(&self, order: &NewOrder) -> Result<Order, StoreError> {
        const STATEMENT: Statement = Statement::same(
            "order_insert",
            "INSERT INTO orders (user_id, document_id, quantity, total_cents, status, created_at) \
             SELECT $1, id, $3, price_cents * $3, 'placed', $4 FROM documents WHERE id = $2 \
             RETURNING id, document_id, quantity, total_cents, status, created_at",
        );
        self.in_transaction(async |lease| {
            let values = values![order.user_id, order.document_id, order.quantity, now()];
            let placed: Order = lease
                .fetch_optional(&STATEMENT, values)
                .await?
                .ok_or(StoreError::Missing("document"))?;
            audit::write(lease, order.user_id, Action::OrderPlaced, placed.id).await?;
            Ok(placed)
        })
        .await
    }

    /// An order of `user_id`; another user's order is missing, like one that does not exist.
    pub(crate) async fn order(&self, id: i64, user_id: i64) -> Result<Order, StoreError> {
        const STATEMENT: Statement = Statement::same(
            "order",
            "SELECT id, document_id, quantity, total_cents, status, created_at FROM orders \
             WHERE id = $1 AND user_id = $2",
        );
        let mut lease = self.database.read_fresh().await?;
        lease
            .fetch_optional(&STATEMENT, values![id, user_id])
            .await?
            .ok_or(StoreError::Missing("order"))
    }

    /// The orders of `user_id`, latest first.
    pub(crate) async fn orders(
        &self,
        user_id: i64,
        part: PageOf,
    ) -> Result<Page<Order>, StoreError> {
        const PAGE: Statement = Statement::same(
            "orders_page",
            "SELECT id, document_id, quantity, total_cents, status, created_at FROM orders \
             WHERE user_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3",
        );
        const TOTAL: Statement = Statement::same(
            "orders_total",
            "SELECT count(*) FROM orders WHERE user_id = $1",
        );
        let mut lease = self.database.read_fresh().await?;
        let values = values![user_id, part.limit, part.offset()];
        let items = lease.fetch_all(&PAGE, values).await?;
        let (total,): (i64,) = lease.fetch_one(&TOTAL, values![user_id]).await?;
        Ok(part.with(items, total))
    }
}
