//! Writes many documents in one request: `?mode=single` and `?mode=batch` have the same effect with very different
//! numbers of statements.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;

use super::documents::draft;
use crate::auth::Caller;
use crate::error::{FieldFault, Problem};
use crate::input::{JsonFields, QueryFields};
use crate::state::App;
use crate::store::{Bulk, BulkMode, BulkOutcome};

/// Maximum rows of a request, inserted and updated together.
const MOST_ROWS: usize = 1_000;
/// Maximum reported faults of a request.
const MOST_FAULTS: usize = 20;

#[derive(Serialize)]
pub(super) struct BulkAnswer {
    inserted: u64,
    updated: u64,
    /// Including those that begin and end the transaction.
    statements: u32,
    duration_ms: f64,
}

impl FromStr for BulkMode {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "single" => Ok(Self::Single),
            "batch" => Ok(Self::Batch),
            _ => Err(()),
        }
    }
}

/// `{"insert": […], "update": [{"id", …}]}`: writes all rows or none.
pub(super) async fn write(
    State(app): State<Arc<App>>,
    _: Caller,
    mut query: QueryFields,
    fields: JsonFields,
) -> Result<Json<BulkAnswer>, Problem> {
    let mode = query
        .parsed("mode", Some(BulkMode::Batch), "single or batch", |_| true)
        .unwrap_or(BulkMode::Batch);
    query.finish()?;
    let bulk = bulk_of(fields)?;
    let began = Instant::now();
    match app.catalogue.write_many(bulk, mode).await? {
        BulkOutcome::Written {
            inserted,
            updated,
            statements,
        } => {
            let duration_ms = began.elapsed().as_secs_f64() * 1e3;
            Ok(Json(BulkAnswer {
                inserted,
                updated,
                statements,
                duration_ms,
            }))
        }
        BulkOutcome::Unknown(rows) => {
            let unknown = rows
                .into_iter()
                .take(MOST_FAULTS)
                .map(|row| id_fault(row, "expected the id of an existing document"));
            Err(Problem::invalid(unknown.collect()))
        }
    }
}

fn bulk_of(mut fields: JsonFields) -> Result<Bulk, Problem> {
    let insert = fields.objects("insert");
    let update = fields.objects("update");
    fields.finish()?;
    let rows = insert.len() + update.len();
    if !(1..=MOST_ROWS).contains(&rows) {
        return Err(Problem::invalid(
            ["insert", "update"]
                .map(|field| FieldFault {
                    field: field.into(),
                    message: format!(
                        "expected 1 to {MOST_ROWS} rows in insert and update together, found {rows}"
                    ),
                })
                .into(),
        ));
    }
    let mut faults = Vec::new();
    let insert = rows_of("insert", insert, draft, &mut faults);
    let update = rows_of(
        "update",
        update,
        |fields| (fields.integer("id", 1..=i64::MAX), draft(fields)),
        &mut faults,
    );
    let mut seen = HashSet::new();
    for (row, (id, _)) in update.iter().enumerate() {
        // After an invalid row the positions no longer match, but then a fault is already reported.
        if faults.is_empty() && !seen.insert(*id) {
            faults.push(id_fault(row, "expected each document at most once"));
        }
    }
    if faults.is_empty() {
        Ok(Bulk { insert, update })
    } else {
        faults.truncate(MOST_FAULTS);
        Err(Problem::invalid(faults))
    }
}

fn rows_of<T>(
    list: &'static str,
    rows: Vec<Value>,
    read: impl Fn(&mut JsonFields) -> T,
    faults: &mut Vec<FieldFault>,
) -> Vec<T> {
    let mut values = Vec::with_capacity(rows.len());
    for (row, value) in rows.into_iter().enumerate() {
        match JsonFields::row(value, &read) {
            Ok(value) => values.push(value),
            Err(found) => faults.extend(found.into_iter().map(|fault| {
                FieldFault {
                    field: match &*fault.field {
                        "" => format!("{list}[{row}]"),
                        field => format!("{list}[{row}].{field}"),
                    }
                    .into(),
                    message: fault.message,
                }
            })),
        }
    }
    values
}

fn id_fault(row: usize, message: &str) -> FieldFault {
    FieldFault {
        field: format!("update[{row}].id").into(),
        message: message.to_owned(),
    }
}
