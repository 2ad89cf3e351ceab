//! The document catalogue; bodies are cached in the form in which they are sent.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::auth::Caller;
use crate::cache::CacheKey;
use crate::catalogue::encoded;
use crate::error::Problem;
use crate::input::{Id, JsonFields, QueryFields};
use crate::state::App;
use crate::store::{Draft, Sort, StoreError};

/// Maximum characters of a search.
const LONGEST_QUERY: usize = 200;
/// Maximum bytes of a document's body.
const LONGEST_BODY: usize = 100 * 1024;
/// Maximum tags of a document.
const MOST_TAGS: usize = 16;
/// Maximum price in cents.
const DEAREST: i64 = 1_000_000_000;

pub(super) async fn one(State(app): State<Arc<App>>, Id(id): Id) -> Result<Response, Problem> {
    answer(app.catalogue.document(id).await)
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut query: QueryFields,
) -> Result<Response, Problem> {
    let part = query.page();
    let expected = "id, title, price_cents or updated_at, with - before it for descending";
    let sort: Sort = query
        .parsed("sort", Some(Sort::Id), expected, |_| true)
        .unwrap_or_default();
    query.finish()?;
    answer(app.catalogue.page(sort, part).await)
}

pub(super) async fn search(
    State(app): State<Arc<App>>,
    mut query: QueryFields,
) -> Result<Response, Problem> {
    let part = query.page();
    let words: Option<String> = query.parsed(
        "q",
        None,
        "a query of 1 to 200 characters with at least one letter or digit and no NUL",
        |words: &String| {
            // A word without a letter or digit has no token to match, and a NUL would end the expression.
            words.chars().count() <= LONGEST_QUERY
                && !words.contains('\0')
                && words
                    .split_whitespace()
                    .any(|word| word.chars().any(char::is_alphanumeric))
        },
    );
    query.finish()?;
    let words = words.unwrap_or_default();
    let indexes = app.settings.load().db.indexes;
    let load = async || encoded(&app.store.search(&words, part, indexes).await?);
    let key = CacheKey::Search {
        words: words.clone(),
        page: part.page,
        limit: part.limit,
    };
    answer(app.cache.responses.get(key, load).await)
}

/// The response of a body that is already JSON, or of its failed load.
pub(super) fn answer(body: Result<Bytes, Arc<StoreError>>) -> Result<Response, Problem> {
    body.map(json).map_err(|error| Problem::from(&*error))
}

/// `{"title", "body", "author", "tags", "price_cents"}` creates a document.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    _: Caller,
    mut fields: JsonFields,
) -> Result<impl IntoResponse, Problem> {
    let draft = draft(&mut fields);
    fields.finish()?;
    let document = app.catalogue.create(draft).await?;
    let location = format!("/api/v1/documents/{}", document.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(document),
    ))
}

/// Replaces an existing document; the body has the fields of a new one.
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    _: Caller,
    Id(id): Id,
    mut fields: JsonFields,
) -> Result<impl IntoResponse, Problem> {
    let draft = draft(&mut fields);
    fields.finish()?;
    Ok(Json(app.catalogue.replace(id, draft).await?))
}

/// Removes a document from the catalogue; its orders stay.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    _: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    app.catalogue.delete(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The document in `fields`; faults are reported there.
pub(super) fn draft(fields: &mut JsonFields) -> Draft {
    Draft {
        title: fields.text("title", 1..=200),
        body: fields.text_of_bytes("body", LONGEST_BODY),
        author: fields.text("author", 1..=100),
        tags: fields.words("tags", MOST_TAGS),
        price_cents: fields.integer("price_cents", 0..=DEAREST),
    }
}

/// The response of a body that is already JSON.
pub(super) fn json(body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
