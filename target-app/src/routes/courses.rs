//! Courses and their students.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::documents::answer;
use crate::cache::CacheKey;
use crate::catalogue::encoded;
use crate::error::Problem;
use crate::input::{Id, QueryFields};
use crate::state::App;
use crate::store::{Course, Page};

/// Default page size of students: a whole seeded course.
const A_COURSE: u32 = 100;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut query: QueryFields,
) -> Result<Json<Page<Course>>, Problem> {
    let part = query.page();
    query.finish()?;
    Ok(Json(app.store.courses(part).await?))
}

/// The students of a course; on a cache miss they are read as `db.loading` says.
pub(super) async fn students(
    State(app): State<Arc<App>>,
    Id(id): Id,
    mut query: QueryFields,
) -> Result<Response, Problem> {
    let part = query.page_of(A_COURSE);
    query.finish()?;
    let loading = app.settings.load().db.loading;
    let load = async || encoded(&app.store.students(id, part, loading).await?);
    let key = CacheKey::Students {
        course: id,
        page: part.page,
        limit: part.limit,
    };
    answer(app.cache.queries.get(key, load).await)
}
