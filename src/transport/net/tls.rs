//! TLS with the trusted certificates, configured once for a run and shared by its users. A system has more than a
//! hundred trusted certificates, so they are read only when TLS is used.
//!
//! Sessions are resumed across connections to one server, as browsers do. The session store belongs to the run, so one
//! user may resume the session of another; such handshakes cost the target less than those of unrelated clients.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::outcome::Outcome;
use crate::scenario::{TlsOptions, Trust};
use crate::transport::error::TransportError;
use crate::transport::failure::ExchangeFailure;

/// Opens TLS connections by a scenario's options.
pub(super) struct Tls {
    connector: OnceCell<TlsConnector>,
    settings: Arc<TlsSettings>,
}

struct TlsSettings {
    trusted: Trusted,
    /// Offered by ALPN.
    protocols: Vec<Vec<u8>>,
}

/// The accepted certificates.
enum Trusted {
    /// Certificates signed by the system's roots or by these certificates, and these certificates themselves.
    RootsAnd(Vec<CertificateDer<'static>>),
    Anything,
}

impl Tls {
    /// `protocols` are offered by ALPN, the preferred one first.
    ///
    /// # Errors
    /// The scenario's own certificates cannot be used.
    pub(super) fn new(options: &TlsOptions, protocols: &[&[u8]]) -> Result<Self, TransportError> {
        let trusted = match &options.trust {
            Trust::System => Trusted::RootsAnd(Vec::new()),
            Trust::SystemAnd(pem) => Trusted::RootsAnd(authorities(pem)?),
            Trust::Anything => Trusted::Anything,
        };
        let protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Self {
            connector: OnceCell::new(),
            settings: Arc::new(TlsSettings { trusted, protocols }),
        })
    }

    /// Reads the trusted certificates if not done yet, on a thread that no user waits for.
    pub(super) async fn prepare(&self) -> Result<&TlsConnector, ExchangeFailure> {
        let connector = self.connector.get_or_try_init(async || {
            let settings = Arc::clone(&self.settings);
            let made = spawn_blocking(move || connector(&settings)).await;
            made.unwrap_or_else(|error| Err(Error::General(error.to_string())))
        });
        let failed = |error: Error| ExchangeFailure::new(Outcome::Tls, &error.to_string());
        connector.await.map_err(failed)
    }

    /// Performs the handshake with `host`.
    pub(super) async fn handshake(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ExchangeFailure> {
        let connector = self.prepare().await?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| ExchangeFailure::new(Outcome::Tls, &format!("{host}: {error}")))?;
        let done = connector.connect(name, stream).await;
        done.map_err(|error| ExchangeFailure::new(Outcome::Tls, &self.describe(&error)))
    }

    /// A failed handshake in words, with the remedy.
    fn describe(&self, error: &io::Error) -> String {
        const OLD: &str = "the target may support only TLS 1.0 or 1.1, CBC ciphers or RSA key exchange, which Gander does \
                           not support";
        let cause = error
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<Error>());
        let advice = match cause {
            Some(Error::InvalidCertificate(_))
                if !matches!(self.settings.trusted, Trusted::Anything) =>
            {
                "http.tls.ca trusts a private authority, http.tls.insecure: true trusts anything"
            }
            Some(
                Error::AlertReceived(
                    AlertDescription::ProtocolVersion
                    | AlertDescription::HandshakeFailure
                    | AlertDescription::InsufficientSecurity,
                )
                | Error::PeerIncompatible(_),
            ) => OLD,
            Some(Error::InvalidMessage(_)) => {
                return "the answer is not TLS; is this a port for https?".to_owned();
            }
            None if is_closed(error) => OLD,
            _ => return error.to_string(),
        };
        // The advice must not be cut off by the limit on the length of a detail.
        let said: String = error.to_string().chars().take(100).collect();
        format!("{said}; {advice}")
    }
}

/// Whether the target closed the connection during the handshake; some targets do so when no version is shared.
fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
    )
}

fn connector(settings: &TlsSettings) -> Result<TlsConnector, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match &settings.trusted {
        Trusted::RootsAnd(named) if named.is_empty() => {
            builder.with_root_certificates(system_roots())
        }
        Trusted::RootsAnd(named) => {
            let mut roots = system_roots();
            roots.add_parsable_certificates(named.iter().cloned());
            let authorities =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(|error| Error::General(error.to_string()))?;
            let named = named.clone();
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(PinningVerifier { authorities, named }))
        }
        Trusted::Anything => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAnything)),
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols.clone_from(&settings.protocols);
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The system's root certificates, without those that cannot be parsed. If a target's certificate needs such a root, the
/// handshake fails and says so.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// The certificates of a PEM text; each must be usable as an authority.
fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let mut roots = RootCertStore::empty();
    let mut named = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate =
            certificate.map_err(|error| TransportError::Authority(error.to_string()))?;
        roots
            .add(certificate.clone())
            .map_err(|error| TransportError::Authority(error.to_string()))?;
        named.push(certificate);
    }
    if named.is_empty() {
        return Err(TransportError::Authority(
            "it contains no certificate".to_owned(),
        ));
    }
    Ok(named)
}

/// Accepts certificates that the roots have signed, and the named certificates themselves: a self-signed certificate is
/// its own authority, which a chain verifier refuses.
#[derive(Debug)]
struct PinningVerifier {
    authorities: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for PinningVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.authorities
                .verify_server_cert(certificate, intermediates, name, ocsp, now);
        match verified {
            // The dates were verified before the chain, so only the chain is wrong.
            Err(Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::Other(_),
            )) if self.named.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Accepts any certificate, even one that cannot be parsed here (X.509 v1, short keys, old signatures). It does not
/// check either that the server holds the certificate's key, so an attacker in between can use another key.
#[derive(Debug)]
struct AcceptAnything;

impl ServerCertVerifier for AcceptAnything {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls12_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme as S;
        vec![
            S::ECDSA_NISTP256_SHA256,
            S::ECDSA_NISTP384_SHA384,
            S::ECDSA_NISTP521_SHA512,
            S::ED25519,
            S::ED448,
            S::RSA_PSS_SHA256,
            S::RSA_PSS_SHA384,
            S::RSA_PSS_SHA512,
            S::RSA_PKCS1_SHA256,
            S::RSA_PKCS1_SHA384,
            S::RSA_PKCS1_SHA512,
            S::RSA_PKCS1_SHA1,
            S::ECDSA_SHA1_Legacy,
        ]
    }
}
