//! TLS: trusted certificates, counted bytes, and the connection tried before a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gander::outcome::Outcome;
use gander::scenario::{TlsOptions, Trust};
use gander::transport::{Client, Shared, TransportError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::transport::{Ask, ok, read_request, responder, server, settings, text};

/// A server with a certificate, and the authority that signed it.
struct Secured {
    port: u16,
    authority: Vec<u8>,
    resumed: Arc<AtomicUsize>,
}

impl Secured {
    /// Answers every request with the request, under a certificate for `name`, closing after each.
    async fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new([name.to_owned()])
            .expect("parameters")
            .signed_by(&key, &authority)
            .expect("a certificate");
        Self::with(certificate.der().clone(), &key, authority.pem()).await
    }

    /// The same under a certificate that signs itself.
    async fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
        change(&mut params);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self::with(certificate.der().clone(), &key, certificate.pem()).await
    }

    /// The same under any certificate, whether or not the key is its own.
    async fn with(certificate: CertificateDer<'static>, key: &KeyPair, authority: String) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let signing = provider.key_provider.load_private_key(private);
        let chain = CertifiedKey::new(vec![certificate], signing.expect("a key"));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(chain)));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let resumed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&resumed);
        let address = server(move |stream, _| {
            let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
            async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                if let Some(request) = read_request(&mut stream).await {
                    let answer = ok(&request);
                    stream.write_all(answer.as_bytes()).await.expect("a reader");
                    stream.shutdown().await.expect("a reader");
                }
            }
        })
        .await;
        Self {
            port: address.port(),
            authority: authority.into_bytes(),
            resumed,
        }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/x", self.port)
    }
}

fn shared(trust: Trust) -> Result<Arc<Shared>, TransportError> {
    Shared::new(settings(&TlsOptions { trust }))
}

fn trusting(trust: Trust) -> Client {
    Client::new(shared(trust).expect("a transport"))
}

#[tokio::test]
async fn a_certificate_is_accepted_from_a_named_authority_for_the_right_name_only() {
    let secured = Secured::new("localhost").await;
    let misnamed = Secured::new("elsewhere.test").await;
    let authority = |secured: &Secured| Trust::SystemAnd(secured.authority.clone());
    for (url, trust, outcome) in [
        (secured.url(), authority(&secured), Outcome::Ok),
        (secured.url(), Trust::System, Outcome::Tls),
        (secured.url(), authority(&misnamed), Outcome::Tls),
        (secured.url(), Trust::Anything, Outcome::Ok),
        (misnamed.url(), authority(&misnamed), Outcome::Tls),
        (misnamed.url(), Trust::Anything, Outcome::Ok),
    ] {
        let exchange = Ask::url(&url).by(&mut trusting(trust.clone())).await;
        assert_eq!(exchange.outcome, outcome, "{url}: {}", exchange.detail);
        assert_eq!(exchange.detail.is_empty(), outcome == Outcome::Ok);
    }
}

/// X.509 version 1, as `openssl x509 -req -signkey` makes them, until 2126.
const VERSION_1: &str = "-----BEGIN CERTIFICATE-----
MIIBIzCBywIUWt06/mKIT6ZnVtOU7xNzm3vBPjQwCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODIwNDEwMloYDzIxMjYxMTA0MjA0MTAy
WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAQP3gOQMHtl3L4t70ikVjq4v1Kbk8Q7UpvUVvFOY3yMO2jS1GWXBLP5wlxpsXZk
5yoS4EWjcLFYPa+eYwbvL8FGMAoGCCqGSM49BAMCA0cAMEQCIHsY8A36BPHO0rPb
9cNigTMzENGJDNLEXy4X4HUWddFoAiAC53BtktIBYo7sXtvqGmPp5uq+D4C9/sdH
yTRS/BTlLQ==
-----END CERTIFICATE-----
";

fn is_authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn is_expired(params: &mut CertificateParams) {
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
}

fn is_misnamed(params: &mut CertificateParams) {
    *params = CertificateParams::new(["elsewhere.test".to_owned()]).expect("parameters");
    is_authority(params);
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_if_it_is_named_and_good() {
    for (change, outcome) in [
        ((|_| ()) as fn(&mut CertificateParams), Outcome::Ok),
        (is_authority, Outcome::Ok),
        (is_expired, Outcome::Tls),
        (is_misnamed, Outcome::Tls),
    ] {
        let secured = Secured::self_signed(change).await;
        let trust = Trust::SystemAnd(secured.authority.clone());
        let exchange = Ask::url(&secured.url()).by(&mut trusting(trust)).await;
        assert_eq!(exchange.outcome, outcome, "{}", exchange.detail);
        let other = Secured::self_signed(is_authority).await;
        let trust = Trust::SystemAnd(other.authority.clone());
        let exchange = Ask::url(&secured.url()).by(&mut trusting(trust)).await;
        assert_eq!(exchange.outcome, Outcome::Tls);
    }
}

#[tokio::test]
async fn insecure_accepts_whatever_is_shown() {
    let key = KeyPair::generate().expect("a key");
    let version_1 = CertificateDer::from_pem_slice(VERSION_1.as_bytes()).expect("a certificate");
    let nonsense = CertificateDer::from(b"no certificate at all".to_vec());
    for secured in [
        Secured::self_signed(is_authority).await,
        Secured::self_signed(is_expired).await,
        Secured::self_signed(is_misnamed).await,
        Secured::with(version_1, &key, VERSION_1.to_owned()).await,
        Secured::with(nonsense, &key, String::new()).await,
    ] {
        let exchange = Ask::url(&secured.url())
            .by(&mut trusting(Trust::Anything))
            .await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        let exchange = Ask::url(&secured.url())
            .by(&mut trusting(Trust::System))
            .await;
        assert_eq!(exchange.outcome, Outcome::Tls);
        assert!(exchange.detail.contains("insecure"), "{}", exchange.detail);
    }
}

#[tokio::test]
async fn a_target_that_speaks_only_old_tls_is_told_so_and_not_that_it_should_be_trusted() {
    // handshake_failure, protocol_version, insufficient_security; and one that hangs up.
    for alert in [Some(40), Some(70), Some(71), None] {
        let server = server(move |mut stream, _| async move {
            let mut hello = [0; 4096];
            let _ = stream.read(&mut hello).await;
            if let Some(alert) = alert {
                let record = [21, 3, 1, 0, 2, 2, alert];
                stream.write_all(&record).await.expect("a reader");
            }
        })
        .await;
        for trust in [Trust::Anything, Trust::System] {
            let url = format!("https://localhost:{}/", server.port());
            let error = shared(trust)
                .expect("a transport")
                .preflight(&Url::parse(&url).expect("a URL"))
                .await
                .expect_err("no handshake");
            let told = error.to_string();
            assert!(told.contains("TLS 1.0 or 1.1, CBC ciphers"), "{told}");
            assert!(!told.contains("insecure"), "{told}");
        }
    }
}

#[tokio::test]
async fn http_bytes_are_counted_and_the_handshake_is_timed_and_resumed() {
    let secured = Secured::new("localhost").await;
    let mut client = trusting(Trust::SystemAnd(secured.authority.clone()));
    for round in 0..3 {
        let exchange = Ask::url(&secured.url()).by(&mut client).await;
        let request = format!(
            "GET /x HTTP/1.1\r\nhost: localhost:{}\r\n\r\n",
            secured.port
        );
        assert_eq!(text(&exchange), request);
        assert_eq!(exchange.bytes_out, request.len() as u64);
        assert_eq!(exchange.bytes_in, ok(&request).len() as u64);
        let phases = exchange.connection.expect("a new connection each time");
        assert!(phases.tls.is_some_and(|tls| !tls.is_zero()));
        assert_eq!(secured.resumed.load(Ordering::SeqCst), round);
    }
}

#[tokio::test]
async fn a_target_that_does_not_speak_tls_is_a_tls_failure() {
    let plain = server(|mut stream, _| async move {
        stream.write_all(b"SSH-2.0-x\r\n").await.expect("a reader");
        read_request(&mut stream).await;
    })
    .await;
    let url = format!("https://localhost:{}/", plain.port());
    let exchange = Ask::url(&url).by(&mut trusting(Trust::Anything)).await;
    assert_eq!(exchange.outcome, Outcome::Tls, "{}", exchange.detail);
}

#[tokio::test]
async fn an_authority_that_is_none_is_refused_before_the_run() {
    for pem in [
        &b""[..],
        b"not pem",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = shared(Trust::SystemAnd(pem.to_vec())).expect_err("a refusal");
        assert!(error.to_string().contains("http.tls.ca"), "{error}");
    }
}

#[tokio::test]
async fn preflight_finds_what_would_fail_every_request_and_says_what_to_do() {
    let secured = Secured::new("localhost").await;
    let trusting = shared(Trust::SystemAnd(secured.authority.clone())).expect("a transport");
    let doubting = shared(Trust::System).expect("a transport");
    let url = |text: &str| Url::parse(text).expect("a URL");
    assert_eq!(trusting.preflight(&url(&secured.url())).await, Ok(()));
    let plain = responder(ok).await;
    assert_eq!(
        doubting.preflight(&url(&format!("http://{plain}/a"))).await,
        Ok(())
    );
    for (target, outcome, remedy) in [
        (secured.url(), Outcome::Tls, "http.tls.ca"),
        (
            "http://no-such-host.invalid/".to_owned(),
            Outcome::Dns,
            "name servers",
        ),
        (
            "http://192.0.2.1/".to_owned(),
            Outcome::AddressRefused,
            "--allow-host 192.0.2.1",
        ),
        (
            "http://169.254.169.254/".to_owned(),
            Outcome::AddressRefused,
            "never",
        ),
        (
            "http://127.0.0.1:1/".to_owned(),
            Outcome::ConnectRefused,
            "is the service running",
        ),
    ] {
        let error = doubting
            .preflight(&url(&target))
            .await
            .expect_err("a failure");
        assert!(error.to_string().contains(remedy), "{error}");
        let TransportError::Unreachable { outcome: found, .. } = error else {
            panic!("{target}: {error}");
        };
        assert_eq!(found, outcome, "{target}");
    }
}
