//! TLS: which certificates are trusted, made once for a run and shared by its users.
//!
//! Sessions are resumed across connections to one server, as a browser's are; the store is the run's, so one user may
//! resume what another began, which makes handshakes cheaper for the target than those of strangers would be.

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
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::TransportError;
use super::classify::Failure;
use crate::outcome::Outcome;
use crate::scenario::{TlsOptions, Trust};

/// Opens TLS connections by a scenario's options.
pub(super) struct Tls {
    connector: TlsConnector,
    /// Whether any certificate is accepted.
    is_trusting: bool,
}

impl Tls {
    pub(super) fn new(options: &TlsOptions) -> Result<Self, TransportError> {
        Ok(Self {
            connector: connector(options)?,
            is_trusting: options.trust == Trust::Anything,
        })
    }

    /// Shakes hands with `host`.
    pub(super) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| Failure::new(Outcome::Tls, &format!("{host}: {error}")))?;
        let shaken = self.connector.connect(name, stream).await;
        shaken.map_err(|error| Failure::new(Outcome::Tls, &self.describe(&error)))
    }

    /// A failed handshake in words, with what can be done about it.
    fn describe(&self, error: &io::Error) -> String {
        const OLD: &str = "it may speak only TLS 1.0 or 1.1, CBC ciphers or RSA key exchange, which are too old for \
                           Gander";
        let cause = error
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<Error>());
        let advice = match cause {
            Some(Error::InvalidCertificate(_)) if !self.is_trusting => {
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
            Some(Error::InvalidMessage(_)) => "is this a port for https?",
            None if is_closed(error) => OLD,
            _ => return error.to_string(),
        };
        // The advice is what matters, should there be too much to say.
        let said: String = error.to_string().chars().take(100).collect();
        format!("{said}; {advice}")
    }
}

/// Whether the target went away in the middle of the handshake, as some do that find no common version.
fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
    )
}

fn connector(options: &TlsOptions) -> Result<TlsConnector, TransportError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TransportError::Tls(error.to_string()))?;
    let builder = match &options.trust {
        Trust::System => builder.with_root_certificates(system_roots()),
        Trust::SystemAnd(pem) => {
            let mut roots = system_roots();
            let named = add_pem(&mut roots, pem)?;
            let authorities =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                    .build()
                    .map_err(|error| TransportError::Tls(error.to_string()))?;
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Naming { authorities, named }))
        }
        Trust::Anything => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting)),
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The system's roots. One that cannot be read is left out: it only matters if a target's certificate needs it, and
/// then the handshake says so.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Adds the certificates of a PEM text to the roots, and returns them.
fn add_pem(
    roots: &mut RootCertStore,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TransportError> {
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
        return Err(TransportError::Authority("it has none".to_owned()));
    }
    Ok(named)
}

/// Accepts what the roots have signed, and the certificates named themselves: a self-signed one is its server's own
/// authority, which a verifier of chains refuses.
#[derive(Debug)]
struct Naming {
    authorities: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Naming {
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
            // Found after its dates were: only the chain is wrong.
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

/// Accepts any certificate, also one that cannot be parsed here (X.509 v1, short keys, old signatures). It does not
/// check that the server holds the certificate's key either: an attacker in between can use a key of their own.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
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
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
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
