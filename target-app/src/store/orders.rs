//! Orders: priced and written in one statement, readable only by who placed them.

use serde::Serialize;

use super::{Store, StoreError};

/// An order as its owner sees it.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(crate) struct Order {
    pub(crate) id: i64,
    document_id: i64,
    quantity: i64,
    total_cents: i64,
    status: String,
    created_at: String,
}

/// What a user wants to buy.
pub(crate) struct NewOrder {
    pub(crate) user_id: i64,
    pub(crate) document_id: i64,
    pub(crate) quantity: i64,
}

impl Store {
    /// Places an order at the document's price of now; [`StoreError::Missing`] when there is no such document.
    pub(crate) async fn place_order(&self, order: &NewOrder) -> Result<Order, StoreError> {
        const STATEMENT: &str = "INSERT INTO orders (user_id, document_id, quantity, total_cents, status, created_at) \
            SELECT ?1, id, ?3, price_cents * ?3, 'placed', strftime('%Y-%m-%dT%H:%M:%SZ', 'now') FROM documents WHERE id = ?2 \
            RETURNING id, document_id, quantity, total_cents, status, created_at";
        let row = sqlx::query_as(STATEMENT)
            .bind(order.user_id)
            .bind(order.document_id)
            .bind(order.quantity)
            .fetch_optional(&self.writer);
        self.timed("order_insert", row)
            .await?
            .ok_or(StoreError::Missing("document"))
    }

    /// An order of `user_id`; that of another user is as missing as one that never was.
    pub(crate) async fn order(&self, id: i64, user_id: i64) -> Result<Order, StoreError> {
        const STATEMENT: &str = "SELECT id, document_id, quantity, total_cents, status, created_at FROM orders \
            WHERE id = ? AND user_id = ?";
        let row = sqlx::query_as(STATEMENT)
            .bind(id)
            .bind(user_id)
            .fetch_optional(&self.readers);
        self.timed("order", row)
            .await?
            .ok_or(StoreError::Missing("order"))
    }
}
