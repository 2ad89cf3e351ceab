//! The part of the transport that all users of a run share, and the test connection before the load.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use url::Url;

use super::body::MemoryBudget;
use super::error::TransportError;
use super::http1;
use super::net::Network;
use super::offload::Offload;
use super::origin::Origin;
use crate::outcome::Outcome;
use crate::plan::HttpPlan;
use crate::scenario::{Cookies, Timeouts, TlsOptions};
use crate::units::{ByteSize, show_duration};

/// The settings of a run's transport.
#[derive(Debug, Clone)]
pub struct Settings<'a> {
    /// The maximum number of redirects to follow; 0 returns the redirect itself.
    pub redirects: u8,
    /// The cookies that a user keeps.
    pub cookies: Cookies,
    /// The maximum size of a body, as received and when decompressed.
    pub body_limit: ByteSize,
    /// Whether an idempotent request is sent once more if the target closed the reused connection before it answered.
    pub resend: bool,
    /// The accepted certificates.
    pub tls: &'a TlsOptions,
    /// Hosts, by name or address, that may be accessed in addition to loopback and private ones.
    pub allowed_hosts: Vec<String>,
}

impl<'a> From<&'a HttpPlan> for Settings<'a> {
    /// The settings of a plan, without further hosts.
    fn from(http: &'a HttpPlan) -> Self {
        Self {
            redirects: http.redirects,
            cookies: http.cookies,
            body_limit: http.body_limit,
            resend: http.resend,
            tls: &http.tls,
            allowed_hosts: Vec::new(),
        }
    }
}

/// The part of the transport that all users of a run share.
#[derive(Debug)]
pub struct Shared {
    pub(super) redirects: u8,
    pub(super) cookies: Cookies,
    pub(super) body_limit: u64,
    pub(super) resend: bool,
    pub(super) network: Network,
    pub(super) offload: Offload,
    pub(super) body_memory: Arc<MemoryBudget>,
}

impl Shared {
    /// Applies the settings.
    ///
    /// # Errors
    /// A certificate authority is not PEM, or not a certificate.
    pub fn new(settings: Settings<'_>) -> Result<Arc<Self>, TransportError> {
        let protocols = [http1::ALPN];
        Ok(Arc::new(Self {
            redirects: settings.redirects,
            cookies: settings.cookies,
            body_limit: settings.body_limit.0,
            resend: settings.resend,
            network: Network::new(settings.tls, settings.allowed_hosts, &protocols)?,
            offload: Offload::default(),
            body_memory: Arc::default(),
        }))
    }

    /// Runs work on a large body that would delay the other users of this thread. A few bodies are processed at once;
    /// the others wait.
    pub async fn offload<T>(&self, work: impl FnOnce() -> T) -> T {
        self.offload.run(work).await
    }

    /// Reads the certificates that the system trusts, so that no request waits for that. Otherwise the first connection
    /// with TLS reads them.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub async fn prepare_tls(&self) -> Result<(), TransportError> {
        let prepared = self.network.prepare_tls().await;
        prepared.map_err(|failure| TransportError::Tls(failure.detail))
    }

    /// Opens one connection to a target and closes it: resolves its name, applies the address policy, connects and
    /// does the TLS handshake, within the default connect limit.
    ///
    /// # Errors
    /// The target cannot be reached, or may not be.
    pub async fn preflight(&self, url: &Url) -> Result<(), TransportError> {
        let unreachable = |outcome, detail| TransportError::Unreachable {
            target: url.origin().ascii_serialization(),
            outcome,
            detail,
        };
        let uri: Uri = url
            .as_str()
            .parse()
            .map_err(|_| unreachable(Outcome::ConnectFailed, "not a usable URL".to_owned()))?;
        let attempt = async { self.network.open(&Origin::of(&uri)?).await };
        match tokio::time::timeout(connect_limit(), attempt).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(unreachable(failure.outcome, failure.detail)),
            Err(_) => Err(unreachable(
                Outcome::ConnectTimeout,
                format!("no connection within {}", show_duration(connect_limit())),
            )),
        }
    }
}

fn connect_limit() -> Duration {
    Timeouts::default().connect
}
