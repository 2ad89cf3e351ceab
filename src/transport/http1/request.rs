//! A request in the form that HTTP/1.1 sends.

use http::header::HOST;
use http::{HeaderMap, Method, Request, Uri};

use crate::transport::content::{Content, OutgoingBody};
use crate::transport::origin::Origin;

/// The request with its target in origin form (RFC 9112, 3.2.1) and, unless `headers` has one, a `host` header.
pub(in crate::transport) fn request(
    origin: &Origin,
    method: Method,
    uri: &Uri,
    mut headers: HeaderMap,
    content: Content,
) -> Request<OutgoingBody> {
    if !headers.contains_key(HOST) {
        headers.insert(HOST, origin.host_header.clone());
    }
    let mut request: Request<OutgoingBody> = Request::new(content.into());
    *request.method_mut() = method;
    *request.uri_mut() = match uri.path_and_query() {
        Some(path) if path.as_str() != "/" => path.clone().into(),
        Some(_) | None => Uri::default(),
    };
    *request.headers_mut() = headers;
    request
}
