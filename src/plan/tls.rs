//! Decides whether a plan may use TLS, as far as known before the first redirect.

use super::{Plan, Request, RequestUrl};

impl Plan {
    /// True if a request of a flow has an `https` URL, or one that is known only during the run.
    pub fn may_use_tls(&self) -> bool {
        let is_secure = self.target.scheme() == "https";
        let uses_tls = |request: &Request| match &request.url {
            RequestUrl::Literal(uri) => uri.scheme_str() == Some("https"),
            RequestUrl::Path(_) => is_secure,
            RequestUrl::Whole(_) => true,
        };
        self.http.redirects > 0 && is_secure || self.measured_requests().any(uses_tls)
    }
}
