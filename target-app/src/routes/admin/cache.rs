//! `/admin/cache`: statistics, warming, invalidation.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::cache::{CacheStats, Entity, Removed, Target};
use crate::catalogue::WarmedDocuments;
use crate::error::{FieldFault, Problem};
use crate::input::{JsonFields, found};
use crate::state::App;

/// Maximum documents that one request warms.
const MOST_WARMED: i64 = 1_000_000;
/// Maximum bytes of a key or pattern.
const LONGEST: usize = 1_000;
/// The fields that select a target; a request must have exactly one.
const TARGETS: &str = "key, pattern, entity and cascade";

pub(super) async fn stats(State(app): State<Arc<App>>) -> Json<Value> {
    let stats: CacheStats = app.cache.stats().await;
    Json(json!({ "cache": stats, "behind": app.catalogue.behind().stats() }))
}

/// `{"items": 500}`: warms the most-read documents.
pub(super) async fn warm(
    State(app): State<Arc<App>>,
    mut fields: JsonFields,
) -> Result<Json<WarmedDocuments>, Problem> {
    let items = fields.integer("items", 1..=MOST_WARMED);
    fields.finish()?;
    Ok(Json(app.catalogue.warm(items as u32).await?))
}

/// One of `{"key": "document:7"}`, `{"pattern": "documents:page:*"}`, `{"entity": "document:7"}` and `{"cascade":
/// "document:7"}`; a cascade also covers everything that may contain the entity. Entities are documents and courses.
pub(super) async fn invalidate(
    State(app): State<Arc<App>>,
    fields: JsonFields,
) -> Result<Json<Removed>, Problem> {
    let (mut targets, mut faults) = (Vec::new(), Vec::new());
    for (name, value) in fields.into_object()? {
        match target(&name, &value) {
            Ok(target) => targets.push(target),
            Err(message) => faults.push(fault(name, message)),
        }
    }
    if faults.is_empty() && targets.len() != 1 {
        faults.push(fault("key", format!("expected exactly one of {TARGETS}")));
    }
    match targets.pop() {
        Some(target) if faults.is_empty() => Ok(Json(app.cache.invalidate(&target).await)),
        _ => Err(Problem::invalid(faults)),
    }
}

/// The target in the field `name`, or the expectation that `value` violates.
fn target(name: &str, value: &Value) -> Result<Target, String> {
    let text = value
        .as_str()
        .filter(|text| (1..=LONGEST).contains(&text.len()))
        .ok_or_else(|| {
            let found = value.as_str().map_or("another type".to_owned(), |text| {
                format!("{} bytes", text.len())
            });
            format!("expected a string of 1 to {LONGEST} bytes, found {found}")
        });
    match name {
        "key" => Ok(Target::Key(text?.to_owned())),
        "pattern" => Ok(Target::Pattern(text?.to_owned())),
        "entity" => Ok(Target::Entity(entity(text?)?)),
        "cascade" => Ok(Target::Cascade(entity(text?)?)),
        _ => Err(format!("expected one of {TARGETS}")),
    }
}

fn entity(text: &str) -> Result<Entity, String> {
    let (kind, id) = text.split_once(':').unwrap_or_default();
    match (kind, id.parse()) {
        ("document", Ok(id)) => Ok(Entity::Document(id)),
        ("course", Ok(id)) => Ok(Entity::Course(id)),
        _ => Err(format!(
            "expected document: or course: and a number, found {}",
            found::text(text)
        )),
    }
}

fn fault(field: impl Into<Cow<'static, str>>, message: String) -> FieldFault {
    FieldFault {
        field: field.into(),
        message,
    }
}
