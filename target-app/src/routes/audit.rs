//! The caller's audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::auth::Caller;
use crate::error::Problem;
use crate::input::QueryFields;
use crate::state::App;
use crate::store::{AuditEntry, Page};

/// The caller's entries, latest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: QueryFields,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let part = query.page();
    query.finish()?;
    Ok(Json(app.store.audit(caller.user_id, part).await?))
}
