//! Who keeps copies near the clients, and how copies are purged: in this process alone, or also by an outside purge API.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::local::LocalEdge;
use crate::glob;
use crate::settings::Live;

/// Which copies are purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purge {
    /// The asset of this name.
    Name(String),
    /// Names that begin so.
    Prefix(String),
    /// Names that match: `*` stands for any text, `?` for any character.
    Pattern(String),
    /// Every copy.
    All,
}

/// Why a purge did not reach everyone. The copies in this process are gone all the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PurgeError {
    /// The purge API answered something else than success.
    #[error("the purge API answered with status {0}")]
    Answered(StatusCode),
    /// The purge API did not answer in time, or not at all.
    #[error("the purge API did not answer in time")]
    Silent(#[from] reqwest::Error),
    /// There is nowhere to send the purge.
    #[error("edge.purge_url is not set; set it or use edge.provider=local")]
    Nowhere,
}

/// A purge as far as it came.
#[derive(Debug)]
pub(crate) struct Purged {
    /// Copies that were in this process and are gone.
    pub(crate) copies: usize,
    /// What the purge API said; nothing when there is none.
    pub(crate) remote: Option<Result<StatusCode, PurgeError>>,
}

/// Who keeps copies.
pub(super) trait Provider: Send + Sync {
    fn name(&self) -> &'static str;

    /// Removes copies wherever this provider has them.
    fn purge<'a>(&'a self, purge: &'a Purge) -> BoxFuture<'a, Purged>;
}

/// The same copies, and another edge outside that is told of every purge by an HTTP POST of its JSON.
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

    /// As `POST /admin/edge/purge` takes it.
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
    /// `client` has the time limit.
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
    fn a_purge_takes_what_it_names() {
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
