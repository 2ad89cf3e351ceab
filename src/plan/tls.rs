//! Whether a plan may use TLS, as far as that is known before the first redirect.

use super::{Plan, Request, RequestUrl};

impl Plan {
    /// Whether a request of a flow goes to an `https` URL, or to one that only the run decides.
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
