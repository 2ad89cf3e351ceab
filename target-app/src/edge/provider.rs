//! Providers of the edge: the process alone, or also an external CDN with a purge API.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::local::LocalEdge;
use crate::glob;
use crate::settings::Live;

/// The copies to purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purge {
    /// The asset of this name.
    Name(String),
    /// Names with this prefix.
    Prefix(String),
    /// Names that match: `*` stands for any text, `?` for any character.
    Pattern(String),
    /// Every copy.
    All,
}

/// The reason why a purge did not reach the external edge. The copies in this process are removed in any case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PurgeError {
    /// The purge API answered with an error status.
    #[error("the purge API answered with status {0}")]
    Answered(StatusCode),
    /// The purge API did not answer in time.
    #[error("the purge API did not answer in time")]
    Silent(#[from] reqwest::Error),
    /// No URL of a purge API is set.
    #[error("edge.purge_url is not set; set it or use edge.provider=local")]
    Nowhere,
}

/// The result of a purge.
#[derive(Debug)]
pub(crate) struct Purged {
    /// Copies removed in this process.
    pub(crate) copies: usize,
    /// The result at the purge API, if there is one.
    pub(crate) remote: Option<Result<StatusCode, PurgeError>>,
}

/// A provider of cached copies.
pub(super) trait Provider: Send + Sync {
    fn name(&self) -> &'static str;

    /// Removes copies wherever this provider has them.
    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, Purged>;
}

/// The local copies, plus an external edge that receives every purge as an HTTP POST of its JSON.
pub(super) struct HttpPurge {
    local: Arc<LocalEdge>,
    client: Client,
    settings: Arc<Live>,
}

impl Purge {
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(exact) => name == exact,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
            Self::Pattern(pattern) => glob::matches(pattern, name),
            Self::All => true,
        }
    }

    /// The purge in the format of `POST /admin/edge/purge`.
    fn json(&self) -> Value {
        match self {
            Self::Name(name) => json!({ "name": name }),
            Self::Prefix(prefix) => json!({ "prefix": prefix }),
            Self::Pattern(pattern) => json!({ "pattern": pattern }),
            Self::All => json!({ "all": true }),
        }
    }
}

impl Provider for LocalEdge {
    fn name(&self) -> &'static str {
        "local"
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, Purged> {
        Box::pin(async move {
            Purged {
                copies: self.remove(purge).await,
                remote: None,
            }
        })
    }
}

impl HttpPurge {
    /// `client` must have a time limit.
    pub(super) fn new(local: &Arc<LocalEdge>, client: Client, settings: &Arc<Live>) -> Self {
        Self {
            local: Arc::clone(local),
            client,
            settings: Arc::clone(settings),
        }
    }

    async fn post_purge(&self, purge: &Purge) -> Result<StatusCode, PurgeError> {
        let url = self.settings.load().edge.purge_url.clone();
        let url = url.ok_or(PurgeError::Nowhere)?;
        let answer = self.client.post(url).json(&purge.json()).send().await?;
        let status = answer.status();
        if status.is_success() {
            Ok(status)
        } else {
            Err(PurgeError::Answered(status))
        }
    }
}

impl Provider for HttpPurge {
    fn name(&self) -> &'static str {
        "http"
    }

    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, Purged> {
        Box::pin(async move {
            let copies = self.local.remove(purge).await;
            let remote = Some(self.post_purge(purge).await);
            Purged { copies, remote }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_matches_exactly_its_names() {
        let pattern = |text: &str| Purge::Pattern(text.to_owned());
        for (purge, taken, left) in [
            (Purge::Name("app.css".into()), "app.css", "app.css.map"),
            (Purge::Prefix("app.".into()), "app.css", "vendor.css"),
            (pattern("*.css"), "app.3f2a9c10.css", "app.js"),
            (pattern("app.*.css"), "app.3f2a9c10.css", "app.css"),
            (pattern("cover-?.png"), "cover-1.png", "cover-12.png"),
            (pattern("*a*b*"), "xxaxxbxx", "xxbxxaxx"),
        ] {
            assert!(purge.matches(taken), "{purge:?} {taken}");
            assert!(!purge.matches(left), "{purge:?} {left}");
        }
        assert!(Purge::All.matches("") && pattern("**").matches("") && !pattern("?").matches(""));
    }
}
