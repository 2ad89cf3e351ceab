//! Ten independent figures in one answer.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Problem;
use crate::input::QueryFields;
use crate::state::App;
use crate::store::ReadMode;

#[derive(Serialize)]
pub(super) struct Dashboard {
    #[serde(flatten)]
    figures: Map<String, Value>,
    duration_ms: f64,
}

/// `?parallel=0` reads them one after another, `1` all at once.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    mut query: QueryFields,
) -> Result<Json<Dashboard>, Problem> {
    let parallel = query.parsed("parallel", Some(1), "0 or 1", |parallel: &u8| {
        *parallel <= 1
    });
    query.finish()?;
    let pace = match parallel {
        Some(0) => ReadMode::OneByOne,
        _ => ReadMode::Joined,
    };
    let began = Instant::now();
    let figures = app.store.dashboard(pace).await?;
    Ok(Json(Dashboard {
        figures,
        duration_ms: began.elapsed().as_secs_f64() * 1e3,
    }))
}
