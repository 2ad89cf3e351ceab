//! Builds a request for the wire, and builds it again for a redirect or a resend.

use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use super::{Client, Hop, Resend, cookies};
use crate::transport::http1;

impl Client {
    /// Copies the parts that a redirect or a resend needs: the headers into the client, the body as the result. Copies
    /// nothing if neither can happen.
    pub(super) fn copy_for_repeat(&mut self, index: usize, hop: &Hop<'_>) -> Bytes {
        let may_resend = self.shared.resend && self.pool.has_connection(index);
        if self.shared.redirects == 0 && !may_resend {
            return Bytes::new();
        }
        self.own_headers.clear();
        for (name, value) in &hop.headers {
            self.own_headers.push((name.clone(), value.clone()));
        }
        hop.body.clone()
    }

    /// The copied request.
    pub(super) fn repeated_request(
        &mut self,
        index: usize,
        resend: Resend<'_>,
        now: Instant,
    ) -> Request<Full<Bytes>> {
        let headers = self.own_headers.iter().cloned().collect();
        let (method, body) = (resend.method.clone(), resend.body.clone());
        self.request(now, index, method, resend.uri, headers, body)
    }

    pub(super) fn request(
        &mut self,
        now: Instant,
        index: usize,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        // RFC 9110, 8.6: a method that usually has content declares when it has none.
        let declares_no_content =
            body.is_empty() && matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let mut request = http1::request(self.pool.origin(index), method, uri, headers, body);
        let headers = request.headers_mut();
        if let Some(cookies) = self.jar.header(uri, now) {
            let cookies = match headers.get(COOKIE) {
                Some(own) => cookies::beside(&cookies, own),
                None => cookies,
            };
            headers.insert(COOKIE, cookies);
        }
        if declares_no_content {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        request
    }
}
