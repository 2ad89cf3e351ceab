//! The catalogue: cached as the bytes that go out.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;

use super::input::{Id, QueryFields};
use crate::cache::Key;
use crate::error::Problem;
use crate::state::App;
use crate::store::{Sort, StoreError};

/// Most characters of a search.
const LONGEST_QUERY: usize = 200;

pub(super) async fn one(State(app): State<Arc<App>>, Id(id): Id) -> Result<Response, Problem> {
    let load = async { encode(&app.store.document(id).await?) };
    app.cache.body(Key::Document(id), load).await.map(json)
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
    let load = async { encode(&app.store.documents(sort, part).await?) };
    app.cache.body(Key::Page(sort, part), load).await.map(json)
}

pub(super) async fn search(
    State(app): State<Arc<App>>,
    mut query: QueryFields,
) -> Result<Response, Problem> {
    let part = query.page();
    let words: Option<String> = query.parsed(
        "q",
        None,
        "1 to 200 characters to search for",
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
    let load = async { encode(&app.store.search(&words, part).await?) };
    app.cache
        .body(Key::Search(words.clone(), part), load)
        .await
        .map(json)
}

fn encode(answer: &impl Serialize) -> Result<Bytes, StoreError> {
    Ok(serde_json::to_vec(answer)?.into())
}

/// An answer that is JSON already.
pub(super) fn json(body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
