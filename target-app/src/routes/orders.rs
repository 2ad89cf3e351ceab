//! Buying a document and looking at what was bought.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::input::{Id, JsonFields};
use crate::auth::Caller;
use crate::error::{FieldFault, Problem};
use crate::state::App;
use crate::store::{NewOrder, Order, StoreError};

/// `{"document_id", "quantity"}` for an order.
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
    let placed = app
        .store
        .place_order(&order)
        .await
        .map_err(|error| match error {
            StoreError::Missing(_) => Problem::invalid(vec![FieldFault {
                field: "document_id",
                message: format!("expected a document of the catalogue, found {document_id}"),
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

/// An order of the caller.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Order>, Problem> {
    Ok(Json(app.store.order(id, caller.user_id).await?))
}
