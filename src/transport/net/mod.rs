//! The network below every protocol: from an [`Origin`] to an open byte stream.
//!
//! [`Network::open`] resolves the name, applies the address policy to each address, connects over TCP and, for `https`,
//! does the TLS handshake. It knows no protocol above that; the caller names the protocols that TLS offers (ALPN).

mod address;
mod connect;
mod resolver;
mod stream;
mod tls;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub(super) use stream::Stream;

use self::address::AddressPolicy;
use self::connect::connect;
use self::resolver::CachingResolver;
use self::tls::Tls;
use super::error::TransportError;
use super::failure::ExchangeFailure;
use super::origin::{Origin, Security};
use crate::outcome::Outcome;
use crate::scenario::TlsOptions;

/// The phases of opening a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectPhases {
    /// The time to resolve the name; zero for an address.
    pub dns: Duration,
    /// The time to connect (TCP).
    pub connect: Duration,
    /// The time of the TLS handshake, if any.
    pub tls: Option<Duration>,
}

/// Bytes through a connection since it was opened; over TLS those of the protocol above it, before encryption.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) read: u64,
    pub(super) written: u64,
}

/// Opens the connections of a run; shared by all users.
pub(super) struct Network {
    resolver: CachingResolver,
    policy: AddressPolicy,
    tls: Tls,
}

impl Network {
    /// `allowed_hosts` may be accessed in addition to loopback and private addresses; `protocols` are offered in TLS
    /// handshakes (ALPN), the preferred one first.
    ///
    /// # Errors
    /// A certificate authority is not PEM, or not a certificate.
    pub(super) fn new(
        tls: &TlsOptions,
        allowed_hosts: Vec<String>,
        protocols: &[&[u8]],
    ) -> Result<Self, TransportError> {
        Ok(Self {
            resolver: CachingResolver::default(),
            policy: AddressPolicy::new(allowed_hosts),
            tls: Tls::new(tls, protocols)?,
        })
    }

    /// Reads the trusted certificates, so that the first TLS connection does not have to.
    pub(super) async fn prepare_tls(&self) -> Result<(), ExchangeFailure> {
        self.tls.prepare().await.map(|_| ())
    }

    /// Resolves, connects and does the TLS handshake; the caller limits the time.
    pub(super) async fn open(
        &self,
        origin: &Origin,
    ) -> Result<(Stream, ConnectPhases), ExchangeFailure> {
        let begun = Instant::now();
        let (addresses, dns) = match origin.host.parse::<IpAddr>() {
            Ok(address) => (vec![address], Duration::ZERO),
            Err(_) => (self.resolver.resolve(&origin.host).await?, begun.elapsed()),
        };
        let addresses = self.permitted(origin, &addresses)?;
        let resolved = Instant::now();
        let tcp = connect(&addresses).await?;
        let connect = resolved.elapsed();
        let (stream, tls) = match origin.security {
            Security::Plain => (Stream::Plain(tcp), None),
            Security::Tls => {
                let connected = Instant::now();
                let stream = self.tls.handshake(&origin.host, tcp).await?;
                (Stream::Tls(Box::new(stream)), Some(connected.elapsed()))
            }
        };
        Ok((stream, ConnectPhases { dns, connect, tls }))
    }

    /// The addresses that may be accessed; fails if there is none.
    fn permitted(
        &self,
        origin: &Origin,
        addresses: &[IpAddr],
    ) -> Result<Vec<SocketAddr>, ExchangeFailure> {
        let mut refused = None;
        let mut permitted = Vec::with_capacity(addresses.len());
        for &address in addresses {
            match self.policy.permit(&origin.host, address) {
                Ok(()) => permitted.push(SocketAddr::new(address, origin.port)),
                Err(refusal) => refused = Some(refusal.describe(&origin.host, address)),
            }
        }
        match refused {
            Some(detail) if permitted.is_empty() => {
                Err(ExchangeFailure::new(Outcome::AddressRefused, &detail))
            }
            Some(_) | None => Ok(permitted),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
