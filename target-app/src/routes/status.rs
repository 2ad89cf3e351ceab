//! `GET /`: the status page, one document that fetches only the service's own live metrics.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use crate::error::Problem;

/// The page; [`NONCE`] is the placeholder for the nonce of its style and script.
const PAGE: &str = include_str!("../status.html");
const NONCE: &str = "{{nonce}}";

pub(super) async fn page() -> Result<Response, Problem> {
    let nonce = getrandom::u64()
        .and_then(|high| getrandom::u64().map(|low| format!("{high:016x}{low:016x}")))
        .map_err(|error| Problem::internal(&error))?;
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy).map_err(|error| Problem::internal(&error))?;
    let mut response = Response::new(Body::from(PAGE.replace(NONCE, &nonce)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
