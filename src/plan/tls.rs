//! Whether a plan may use TLS, as far as that is known before the first redirect.

use super::{Action, Plan, Request, RequestUrl, Step};

impl Plan {
    /// Whether a request of a flow goes to an `https` URL, or to one that only the run decides.
    pub fn may_use_tls(&self) -> bool {
        let is_secure = self.target.scheme() == "https";
        let uses_tls = |request: &Request| match &request.url {
            RequestUrl::Literal(uri) => uri.scheme_str() == Some("https"),
            RequestUrl::Path(_) => is_secure,
            RequestUrl::Whole(_) => true,
        };
        self.http.redirects > 0 && is_secure
            || self.flows.iter().any(|flow| {
                let steps = flow.start.iter().chain(&flow.steps);
                requests(steps).iter().any(|request| uses_tls(request))
            })
    }
}

/// Every request of the steps, as often as it stands there.
fn requests<'p>(steps: impl IntoIterator<Item = &'p Step>) -> Vec<&'p Request> {
    let mut found = Vec::new();
    for step in steps {
        match &step.action {
            Action::Request(request) => found.push(&**request),
            Action::Think(_) => {}
            Action::Repeat { steps, .. } => found.extend(requests(steps)),
        }
    }
    found
}
