//! Payments: each order and each idempotency key at most once, however often and concurrently a client retries.
//!
//! The order's row is the lock: `PostgreSQL` takes it `FOR UPDATE`, `SQLite` allows one writer at a time. Only
//! successful payments are stored under their key; a rejected attempt may get another answer when it is repeated.

use serde::Serialize;

use super::audit::{self, Action};
use super::{Store, StoreError};
use crate::clock::{now, rfc3339};
use crate::db::{DbError, Lease, Statement, from_row, values};

/// A payment as its user sees it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Payment {
    id: i64,
    order_id: i64,
    amount_cents: i64,
    #[serde(serialize_with = "rfc3339")]
    created_at: i64,
}

from_row!(Payment {
    id,
    order_id,
    amount_cents,
    created_at
});

/// A payment to make.
pub(crate) struct NewPayment {
    pub(crate) user_id: i64,
    pub(crate) order_id: i64,
    pub(crate) amount_cents: i64,
    /// The idempotency key, the same for every attempt at the same payment.
    pub(crate) key: String,
}

/// The result of an attempt to pay.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PaymentOutcome {
    /// The order was paid by this attempt.
    Paid(Payment),
    /// The order was already paid with the same key.
    Replayed(Payment),
    /// The key belongs to a payment of another order or amount.
    KeyTaken,
    /// The order was already paid with another key.
    AlreadyPaid,
    /// The amount differs from the order's total.
    Expected {
        /// Total of the order.
        total_cents: i64,
    },
}

impl Store {
    /// Pays an order in one transaction with its audit entry; [`StoreError::Missing`] if the user has no such order.
    pub(crate) async fn pay(&self, payment: &NewPayment) -> Result<PaymentOutcome, StoreError> {
        let paying = self
            .in_transaction(async |lease| pay_within(lease, payment).await)
            .await;
        match paying {
            // The same key was used for two orders at once, and each transaction locked only its own order.
            Err(StoreError::Database(DbError::Duplicate(_))) => Ok(PaymentOutcome::KeyTaken),
            other => other,
        }
    }
}

async fn pay_within(lease: &mut Lease, payment: &NewPayment) -> Result<PaymentOutcome, StoreError> {
    const LOCK: Statement = Statement::each(
        "order_lock",
        "SELECT total_cents, status FROM orders WHERE id = $1 AND user_id = $2",
        "SELECT total_cents, status FROM orders WHERE id = $1 AND user_id = $2 FOR UPDATE",
    );
    const BY_KEY: Statement = Statement::same(
        "payment_by_key",
        "SELECT id, order_id, amount_cents, created_at FROM payments \
         WHERE user_id = $1 AND idempotency_key = $2",
    );
    const INSERT: Statement = Statement::same(
        "payment_insert",
        "INSERT INTO payments (user_id, order_id, amount_cents, idempotency_key, created_at) \
         VALUES ($1, $2, $3, $4, $5) RETURNING id, order_id, amount_cents, created_at",
    );
    const PAID: Statement = Statement::same(
        "order_paid",
        "UPDATE orders SET status = 'paid' WHERE id = $1 AND status = 'placed'",
    );
    let NewPayment {
        user_id,
        order_id,
        amount_cents,
        ref key,
    } = *payment;
    let key = key.as_str();
    let (total_cents, status): (i64, String) = lease
        .fetch_optional(&LOCK, values![order_id, user_id])
        .await?
        .ok_or(StoreError::Missing("order"))?;
    let before: Option<Payment> = lease.fetch_optional(&BY_KEY, values![user_id, key]).await?;
    if let Some(before) = before {
        let is_same = before.order_id == order_id && before.amount_cents == amount_cents;
        return Ok(if is_same {
            PaymentOutcome::Replayed(before)
        } else {
            PaymentOutcome::KeyTaken
        });
    }
    if status != "placed" {
        return Ok(PaymentOutcome::AlreadyPaid);
    }
    if amount_cents != total_cents {
        return Ok(PaymentOutcome::Expected { total_cents });
    }
    let values = values![user_id, order_id, amount_cents, key, now()];
    let paid = lease.fetch_one(&INSERT, values).await?;
    lease.execute(&PAID, values![order_id]).await?;
    audit::write(lease, user_id, Action::OrderPaid, order_id).await?;
    Ok(PaymentOutcome::Paid(paid))
}
