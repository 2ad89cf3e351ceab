//! What all users of a run share, and the one connection that is tried before it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use thiserror::Error;
use url::Url;

use super::address::Policy;
use super::apart::Apart;
use super::body::Allowance;
use super::connection::{self, Parsing};
use super::origin::Origin;
use super::resolver::Resolver;
use super::tls::Tls;
use crate::outcome::Outcome;
use crate::scenario::{Cookies, Timeouts, TlsOptions};
use crate::units::{ByteSize, show_duration};

/// The settings of a run's transport.
#[derive(Debug, Clone)]
pub struct Settings<'a> {
    /// How many redirects are followed; 0 hands back the redirect itself.
    pub redirects: u8,
    /// Whether each user keeps cookies.
    pub cookies: Cookies,
    /// The most bytes of one body that are read off the wire, and the most it may be when inflated.
    pub body_limit: ByteSize,
    /// Whether a request that may be repeated is sent once more when the kept connection was closed under it.
    pub resend: bool,
    /// Which certificates are accepted.
    pub tls: &'a TlsOptions,
    /// Hosts, by name or address, that may be loaded besides loopback and private ones.
    pub allowed_hosts: Vec<String>,
}

/// What all users of a run share.
pub struct Shared {
    pub(super) redirects: u8,
    pub(super) cookies: Cookies,
    pub(super) body_limit: u64,
    pub(super) resend: bool,
    pub(super) tls: Tls,
    pub(super) policy: Policy,
    pub(super) resolver: Resolver,
    pub(super) apart: Apart,
    pub(super) allowance: Arc<Allowance>,
}

impl Shared {
    /// Reads the trusted certificates and fixes the rules.
    ///
    /// # Errors
    /// A certificate authority that is not PEM, or that is no certificate.
    pub fn new(settings: Settings<'_>) -> Result<Arc<Self>, TransportError> {
        Ok(Arc::new(Self {
            redirects: settings.redirects,
            cookies: settings.cookies,
            body_limit: settings.body_limit.0,
            resend: settings.resend,
            tls: Tls::new(settings.tls)?,
            policy: Policy::new(settings.allowed_hosts),
            resolver: Resolver::default(),
            apart: Apart::default(),
            allowance: Arc::default(),
        }))
    }

    /// Does work on a large body that takes longer than the other users of this thread should wait. There is room for
    /// a few at once.
    pub async fn apart<T>(&self, work: impl FnOnce() -> T) -> T {
        self.apart.run(work).await
    }

    /// Opens one connection to a target and closes it: resolves its name, applies the address policy, connects and
    /// shakes hands, within the default connect limit.
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
        let attempt = async {
            let origin = Origin::of(&uri)?;
            connection::open(self, &origin, Parsing::Strict).await
        };
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

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("redirects", &self.redirects)
            .field("cookies", &self.cookies)
            .field("body_limit", &self.body_limit)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Why a run cannot begin, as far as the network is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The authority to trust besides the system's is not one.
    #[error(
        "the certificate authority cannot be used: {0}; expected one or more certificates in PEM form (http.tls.ca)"
    )]
    Authority(String),
    /// TLS cannot be set up at all.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The target cannot be reached, or may not be.
    #[error("{target} cannot be loaded: {detail} ({outcome}){}", remedy(*.outcome))]
    Unreachable {
        /// Scheme, host and port.
        target: String,
        /// The class of failure that every request would have met.
        outcome: Outcome,
        /// The failure in words.
        detail: String,
    },
}

/// What to do about a failure to connect, ready to be appended.
const fn remedy(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Dns => "; check the host's name and this machine's name servers",
        Outcome::ConnectRefused => "; is the service running, and is this its port?",
        Outcome::ConnectTimeout => "; is there a firewall in between, and is the address right?",
        Outcome::FdLimit => "; raise the limit on open files (ulimit -n)",
        Outcome::PortLimit => "; widen net.ipv4.ip_local_port_range",
        _ => "",
    }
}
