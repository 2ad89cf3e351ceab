//! `/admin/cache`: what the caches hold and did, warming, invalidation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::cache::{CacheStats, Entity, Removed, Target, Warmed};
use crate::error::{FieldFault, Problem};
use crate::routes::input::JsonFields;
use crate::state::App;

/// Most documents that one request warms.
const MOST_WARMED: i64 = 1_000_000;
/// Longest key or pattern.
const LONGEST: usize = 1_000;

pub(super) async fn stats(State(app): State<Arc<App>>) -> Json<Value> {
    let stats: CacheStats = app.cache.stats().await;
    Json(json!({ "cache": stats, "behind": app.catalogue.behind().stats() }))
}

/// `{"items": 500}`: the documents that changed last.
pub(super) async fn warm(
    State(app): State<Arc<App>>,
    mut fields: JsonFields,
) -> Result<Json<Warmed>, Problem> {
    let items = fields.integer("items", 1..=MOST_WARMED);
    fields.finish()?;
    Ok(Json(app.catalogue.warm(items as u32).await?))
}

/// One of `{"key": "document:7"}`, `{"pattern": "documents:page:*"}`, `{"entity": "document:7"}` and
/// `{"cascade": "document:7"}`, which also covers everything that may show it; entities are documents and courses.
pub(super) async fn invalidate(
    State(app): State<Arc<App>>,
    fields: JsonFields,
) -> Result<Json<Removed>, Problem> {
    let mut object = fields.into_object().into_iter();
    let (name, value) = match (object.next(), object.next()) {
        (Some((name, Value::String(value))), None) if (1..=LONGEST).contains(&value.len()) => {
            (name, value)
        }
        _ => {
            return Err(fault(
                "key",
                "expected one of key, pattern, entity and cascade with a text",
            ));
        }
    };
    let entity = || {
        let (kind, id) = value.split_once(':').unwrap_or_default();
        match (kind, id.parse()) {
            ("document", Ok(id)) => Ok(Entity::Document(id)),
            ("course", Ok(id)) => Ok(Entity::Course(id)),
            _ => Err(fault(
                "entity",
                "expected document: or course: and a number",
            )),
        }
    };
    let target = match name.as_str() {
        "key" => Target::Key(value),
        "pattern" => Target::Pattern(value),
        "entity" => Target::Entity(entity()?),
        "cascade" => Target::Cascade(entity()?),
        _ => {
            return Err(fault(
                "key",
                "expected one of key, pattern, entity and cascade",
            ));
        }
    };
    Ok(Json(app.cache.invalidate(&target).await))
}

fn fault(field: &'static str, message: &str) -> Problem {
    Problem::invalid(vec![FieldFault {
        field: field.into(),
        message: message.to_owned(),
    }])
}
