//! The target's address, to which the paths of requests are joined.

use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use url::Url;

/// The target's scheme and authority, to which paths are joined.
#[derive(Debug, Clone)]
pub(super) struct BaseUrl(Option<(Scheme, Authority)>);

impl BaseUrl {
    /// The scheme and authority of an http or https URL. No path can be joined to any other URL.
    pub(super) fn of(target: &Url) -> Self {
        let parts = target.as_str().parse().map(Uri::into_parts);
        Self(
            parts
                .ok()
                .and_then(|parts| parts.scheme.zip(parts.authority)),
        )
    }

    pub(super) fn join(&self, path: &str) -> Option<Uri> {
        let path = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(path.as_bytes())).ok()?;
        let (scheme, authority) = self.0.clone()?;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(scheme);
        parts.authority = Some(authority);
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }
}
