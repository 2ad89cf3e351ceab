//! Static assets through the edge, and the administration of the edge.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::edge::{EdgeStats, Purge, ServedAsset};
use crate::error::{FieldFault, Problem};
use crate::input::{JsonFields, Segment};
use crate::state::App;

/// The result at the edge: hit, miss, revalidated or off.
const EDGE: HeaderName = HeaderName::from_static("x-edge");

/// An asset, or 304 if the client's copy is current.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let served = app.edge.asset(&name).await;
    let served = served.map_err(|error| Problem::internal(&error))?;
    let served = served.ok_or_else(|| Problem::not_found("asset"))?;
    let is_known = shows(&headers, &served.tag);
    Ok(answer(served, is_known))
}

/// `{"name" | "prefix" | "pattern": "…"}` or `{"all": true}`: removes copies from the edge.
pub(super) async fn purge(
    State(app): State<Arc<App>>,
    body: JsonFields,
) -> Result<Json<Value>, Problem> {
    let purged = app.edge.purge(&asked(body)?).await;
    let copies = purged.copies;
    match purged.remote {
        None => Ok(Json(json!({ "purged": copies, "provider": "local" }))),
        Some(Ok(status)) => {
            let remote = status.as_u16();
            let answer = json!({ "purged": copies, "provider": "http", "remote_status": remote });
            Ok(Json(answer))
        }
        Some(Err(error)) => Err(Problem::new(
            StatusCode::BAD_GATEWAY,
            format!("removed {copies} copies in this process, but {error}"),
        )),
    }
}

/// The contents and the hit ratio of the edge.
pub(super) async fn stats(State(app): State<Arc<App>>) -> Json<EdgeStats> {
    Json(app.edge.stats().await)
}

/// The purge that a body requests; it must request exactly one.
fn asked(mut body: JsonFields) -> Result<Purge, Problem> {
    let mut purges = Vec::new();
    for field in ["name", "prefix", "pattern"] {
        match body.optional(field) {
            None => {}
            Some(Value::String(text)) if (1..=128).contains(&text.len()) => {
                purges.push(match field {
                    "name" => Purge::Name(text),
                    "prefix" => Purge::Prefix(text),
                    _ => Purge::Pattern(text),
                });
            }
            Some(found) => body.refuse(field, "a string of 1 to 128 bytes", &found),
        }
    }
    match body.optional("all") {
        None => {}
        Some(Value::Bool(true)) => purges.push(Purge::All),
        Some(found) => body.refuse("all", "true", &found),
    }
    body.finish()?;
    match (purges.pop(), purges.pop()) {
        (Some(purge), None) => Ok(purge),
        _ => Err(Problem::invalid(vec![FieldFault {
            field: "name".into(),
            message: "expected exactly one of name, prefix, pattern and all".to_owned(),
        }])),
    }
}

/// Whether `If-None-Match` contains this tag; weak comparison, as RFC 9110 requires.
pub(super) fn shows(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let mut shown = headers.get_all(header::IF_NONE_MATCH).iter();
    shown.any(|shown| is_shown(shown, tag))
}

fn is_shown(shown: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(shown), Ok(tag)) = (shown.to_str(), tag.to_str()) else {
        return false;
    };
    let mut tags = shown.split(',').map(str::trim);
    tags.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

fn answer(served: ServedAsset, is_known: bool) -> Response {
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(served.body));
        let kind = HeaderValue::from_static(served.content_type);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, served.tag);
    headers.insert(header::CACHE_CONTROL, served.cache_control);
    headers.insert(header::AGE, HeaderValue::from(served.age));
    headers.insert(EDGE, HeaderValue::from_static(served.edge));
    response
}

#[cfg(test)]
mod tests;
