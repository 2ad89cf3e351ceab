//! TLS: who is trusted, what is counted, and the connection tried before a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gander::outcome::Outcome;
use gander::scenario::{TlsOptions, Trust};
use gander::transport::{Client, Shared, TransportError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::AsyncWriteExt;
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
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            )
            .expect("a configuration");
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
            authority: authority.pem().into_bytes(),
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
