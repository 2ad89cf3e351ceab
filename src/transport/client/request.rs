//! Builds a request for the wire, and builds it again for a redirect or a resend.

use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};

use super::{Client, Hop, Resend, cookies};
use crate::plan::HeaderCase;
use crate::scenario::Cookies;
use crate::transport::content::{Content, OutgoingBody};
use crate::transport::http1;

/// The request with the case of its header names.
pub(super) fn cased(
    mut request: Request<OutgoingBody>,
    case: Option<&Arc<HeaderCase>>,
) -> Request<OutgoingBody> {
    if let Some(case) = case {
        request.extensions_mut().insert(Arc::clone(case));
    }
    request
}

impl Client {
    /// Puts cookies into the jar, or into this request alone if the user keeps none.
    pub(super) fn add_cookies(
        &mut self,
        uri: &Uri,
        cookies: &[HeaderValue],
        headers: &mut HeaderMap,
    ) {
        if self.shared.cookies != Cookies::Off {
            self.jar.add(uri, cookies);
            return;
        }
        for cookie in cookies {
            let all = match headers.get(COOKIE) {
                Some(own) => cookies::beside(own, cookie),
                None => cookie.clone(),
            };
            headers.insert(COOKIE, all);
        }
    }

    /// Copies the parts that a redirect or a resend needs: the headers into the client, the body as the result. Copies
    /// nothing if neither can happen.
    pub(super) fn copy_for_repeat(
        &mut self,
        index: usize,
        hop: &Hop<'_>,
        redirects: u8,
    ) -> Content {
        let may_resend = self.shared.resend && self.pool.has_connection(index);
        if redirects == 0 && !may_resend {
            return Content::default();
        }
        self.own_headers.clear();
        for (name, value) in &hop.headers {
            self.own_headers.push((name.clone(), value.clone()));
        }
        hop.content.clone()
    }

    /// The copied request.
    pub(super) fn repeated_request(
        &mut self,
        index: usize,
        resend: Resend<'_>,
        now: Instant,
    ) -> Request<OutgoingBody> {
        let headers = self.own_headers.iter().cloned().collect();
        let (method, content) = (resend.method.clone(), resend.content.clone());
        let request = self.request(now, index, method, resend.uri, headers, content);
        cased(request, resend.header_case)
    }

    pub(super) fn request(
        &mut self,
        now: Instant,
        index: usize,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        content: Content,
    ) -> Request<OutgoingBody> {
        // RFC 9110, 8.6: a method that usually has content declares when it has none.
        let declares_no_content =
            content.is_empty() && matches!(method, Method::POST | Method::PUT | Method::PATCH);
        let mut request = http1::request(self.pool.origin(index), method, uri, headers, content);
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
