//! `/admin/breaker`: shows the circuit breakers and lets an operator force their state.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::breaker::{Breaker, BreakerRule};
use crate::error::{FieldFault, Problem};
use crate::input::{JsonFields, found};
use crate::state::App;

pub(super) async fn show(State(app): State<Arc<App>>) -> Json<Value> {
    let breakers: Vec<_> = app.breakers().map(described).collect();
    Json(json!({ "items": breakers }))
}

/// `{"name": "database", "rule": "open"}`; the other rules are `closed` and `auto`.
pub(super) async fn force(
    State(app): State<Arc<App>>,
    mut fields: JsonFields,
) -> Result<Json<Value>, Problem> {
    let name = fields.text("name", 1..=40);
    let rule = fields.text("rule", 1..=40);
    fields.finish()?;
    let names: Vec<_> = app.breakers().map(Breaker::name).collect();
    let breaker = app.breakers().find(|breaker| breaker.name() == name);
    let rules = [
        ("auto", BreakerRule::Auto),
        ("closed", BreakerRule::Closed),
        ("open", BreakerRule::Open),
    ];
    let known = rules.into_iter().find(|(known, _)| *known == rule);
    let fault = |field: &'static str, message| {
        Problem::invalid(vec![FieldFault {
            field: field.into(),
            message,
        }])
    };
    let breaker = breaker.ok_or_else(|| {
        let expected = names.join(", ");
        fault(
            "name",
            format!("expected one of {expected}, found {}", found::text(&name)),
        )
    })?;
    let (_, rule) = known.ok_or_else(|| {
        let found = found::text(&rule);
        fault(
            "rule",
            format!("expected auto, closed or open, found {found}"),
        )
    })?;
    breaker.force(rule);
    Ok(Json(described(breaker)))
}

fn described(breaker: &Breaker) -> Value {
    json!({
        "name": breaker.name(),
        "state": breaker.state(),
        "rule": breaker.rule(),
    })
}
