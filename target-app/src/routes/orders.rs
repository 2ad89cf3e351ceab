//! Orders and payments.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::auth::Caller;
use crate::error::{FieldFault, Problem};
use crate::events::OrderEvent;
use crate::input::{Id, JsonFields, QueryFields};
use crate::observe::run_to_completion;
use crate::state::App;
use crate::store::{NewOrder, NewPayment, Order, Page, Payment, PaymentOutcome, StoreError};

/// Identifies a payment across retries.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
/// Marks the answer of a repeated payment.
const IDEMPOTENT_REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");
/// Maximum characters of an idempotency key.
const LONGEST_KEY: usize = 64;

/// `{"document_id", "quantity"}` places an order.
pub(super) async fn place(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut body: JsonFields,
) -> Result<impl IntoResponse, Problem> {
    let document_id = body.integer("document_id", 1..=i64::MAX);
    let quantity = body.integer("quantity", 1..=100);
    body.finish()?;
    let order = NewOrder {
        user_id: caller.user_id,
        document_id,
        quantity,
    };
    // A client that disconnects has still placed the order, and webhooks are still sent.
    let placed = run_to_completion(async move {
        let placed = app.store.place_order(&order).await?;
        app.events.emit(OrderEvent::Placed, &placed);
        Ok(placed)
    });
    let placed = placed.await.map_err(|error: StoreError| match error {
        StoreError::Missing(_) => Problem::invalid(vec![FieldFault {
            field: "document_id".into(),
            message: format!("expected the id of an existing document, found {document_id}"),
        }]),
        other => other.into(),
    })?;
    let location = format!("/api/v1/orders/{}", placed.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(placed),
    ))
}

/// The caller's orders, latest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: QueryFields,
) -> Result<Json<Page<Order>>, Problem> {
    let part = query.page();
    query.finish()?;
    Ok(Json(app.store.orders(caller.user_id, part).await?))
}

/// One of the caller's orders.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Order>, Problem> {
    Ok(Json(app.store.order(id, caller.user_id).await?))
}

/// `{"amount_cents"}` with an `Idempotency-Key` pays one of the caller's orders, once.
pub(super) async fn pay(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(order_id): Id,
    headers: HeaderMap,
    mut body: JsonFields,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?.to_owned();
    let amount_cents = body.integer("amount_cents", 0..=i64::MAX);
    body.finish()?;
    let payment = NewPayment {
        user_id: caller.user_id,
        order_id,
        amount_cents,
        key,
    };
    let paying = run_to_completion(async move {
        let paying = app.store.pay(&payment).await?;
        if let PaymentOutcome::Paid(payment) = &paying {
            app.events.emit(OrderEvent::Paid, payment);
        }
        Ok::<_, StoreError>(paying)
    });
    match paying.await? {
        PaymentOutcome::Paid(payment) => Ok(paid(payment)),
        PaymentOutcome::Replayed(payment) => {
            let mut response = paid(payment);
            let yes = HeaderValue::from_static("true");
            response.headers_mut().insert(IDEMPOTENT_REPLAY, yes);
            Ok(response)
        }
        PaymentOutcome::KeyTaken => Err(fault(
            IDEMPOTENCY_KEY,
            "expected a new key; this one was used for another payment".to_owned(),
        )),
        PaymentOutcome::AlreadyPaid => Err(Problem::new(
            StatusCode::CONFLICT,
            "the order is already paid",
        )),
        PaymentOutcome::Expected { total_cents } => Err(fault(
            "amount_cents",
            format!("expected the order's total, {total_cents}, found {amount_cents}"),
        )),
    }
}

fn paid(payment: Payment) -> Response {
    (StatusCode::CREATED, Json(payment)).into_response()
}

fn idempotency_key(headers: &HeaderMap) -> Result<&str, Problem> {
    let key = headers
        .get(IDEMPOTENCY_KEY)
        .and_then(|key| key.to_str().ok());
    key.filter(|key| {
        (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    })
    .ok_or_else(|| {
        let expected = format!("expected a header of 1 to {LONGEST_KEY} visible ASCII characters");
        fault(IDEMPOTENCY_KEY, expected)
    })
}

fn fault(field: &'static str, message: String) -> Problem {
    Problem::invalid(vec![FieldFault {
        field: field.into(),
        message,
    }])
}
