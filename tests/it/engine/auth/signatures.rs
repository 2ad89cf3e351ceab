//! Signatures: the server computes them again from what arrived.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

use super::server::{Arrived, Recording, answer};
use super::{once, plan, run};

pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hmac256(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[tokio::test]
async fn a_server_with_the_same_key_computes_the_same_code() {
    let server = Recording::start(|_| answer(200, "")).await;
    let auth = "{ hmac: { key: '${k}', sign: \"${request.method}\\n${request.host}\\n${request.path}?${request.query}\\n${request.timestamp}\\n${request.body}\", \
                headers: { x-key-id: me, x-timestamp: '${request.timestamp}', x-date: '${request.date}', x-signature: 'v1=${request.signature}' } } }";
    let other = "{ hmac: { key: '${k}', algorithm: sha512, encoding: base64, sign: '${request.body}', headers: { x-hub-signature: '${request.signature}' } } }";
    let steps = format!(
        "{{ post: '/orders/${{n}}', query: {{ q: a b }}, json: {{ n: '${{n}}' }}, auth: {auth} }}, {{ get: /empty, auth: {auth} }}, \
         {{ post: /webhook, body: 'paid ${{n}} €', auth: {other} }}"
    );
    let vars = "vars: { k: 'a key of any length, which is longer than a block of the hash function, so it is hashed', n: 7 }";
    run(plan(&server.url, &once(&steps, vars))).await;
    let arrived = server.arrived();
    assert_eq!(arrived.len(), 3);
    let key =
        "a key of any length, which is longer than a block of the hash function, so it is hashed";
    for arrived in &arrived[..2] {
        let timestamp = arrived.header("x-timestamp");
        let signed = format!(
            "{}\n{}\n{}?{}\n{timestamp}\n{}",
            arrived.method,
            arrived.header("host"),
            arrived.uri.path(),
            arrived.uri.query().unwrap_or_default(),
            arrived.body
        );
        let expected = format!("v1={}", hex(hmac256(key.as_bytes(), &signed)));
        assert_eq!(arrived.header("x-signature"), expected, "{signed}");
        assert_eq!(arrived.header("x-key-id"), "me");
        let at: DateTime<Utc> = DateTime::parse_from_rfc2822(arrived.header("x-date"))
            .expect("a date")
            .into();
        assert_eq!(at.timestamp().to_string(), timestamp);
    }
    let mut mac = Hmac::<Sha512>::new_from_slice(key.as_bytes()).expect("any key");
    mac.update("paid 7 €".as_bytes());
    let expected = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        mac.finalize().into_bytes(),
    );
    assert_eq!(arrived[2].header("x-hub-signature"), expected);
}

/// The signature of a request by the steps of AWS's documentation, for paths and queries without special characters.
fn aws_signature(arrived: &Arrived, secret: &str) -> (String, String) {
    let header = arrived.header("authorization");
    let part = |name: &str| {
        let rest = header.split_once(&format!("{name}=")).expect(name).1;
        rest.split(',').next().expect("a value").to_owned()
    };
    let (credential, signed_headers) = (part("Credential"), part("SignedHeaders"));
    let scope: Vec<&str> = credential.split('/').skip(1).collect();
    let mut query: Vec<&str> = arrived.uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let headers = signed_headers.split(';');
    let headers = headers.fold(String::new(), |mut text, name| {
        let _ = writeln!(text, "{name}:{}", arrived.header(name).trim());
        text
    });
    let body = hex(Sha256::digest(arrived.body.as_bytes()));
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{signed_headers}\n{body}",
        arrived.method,
        arrived.uri.path(),
        query.join("&")
    );
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{}\n{}",
        arrived.header("x-amz-date"),
        scope.join("/"),
        hex(Sha256::digest(canonical.as_bytes()))
    );
    let first = format!("AWS4{secret}").into_bytes();
    let key = scope.iter().fold(first, |key, part| hmac256(&key, part));
    (part("Signature"), hex(hmac256(&key, &text)))
}

#[tokio::test]
async fn aws_would_accept_the_signature() {
    let server = Recording::start(|_| answer(200, "")).await;
    let auth = |service: &str| {
        format!(
            "{{ aws_sigv4: {{ access_key: AKID, secret_key: '${{secret}}', session_token: st1, region: eu-west-1, service: {service} }} }}"
        )
    };
    let steps = format!(
        "{{ get: '/b/${{n}}?z=1&a=2', auth: {} }}, {{ post: /c, json: {{ n: 1 }}, auth: {} }}, {{ put: /d, body: text, auth: {} }}",
        auth("execute-api"),
        auth("execute-api"),
        auth("s3")
    );
    run(plan(
        &server.url,
        &once(&steps, "vars: { secret: s3cr3t/+, n: 7 }"),
    ))
    .await;
    let arrived = server.arrived();
    assert_eq!(arrived.len(), 3);
    for arrived in &arrived {
        let (sent, expected) = aws_signature(arrived, "s3cr3t/+");
        assert_eq!(sent, expected, "{arrived:?}");
        let signed = arrived.header("authorization");
        assert!(
            signed.contains("Credential=AKID/") && signed.contains("/eu-west-1/"),
            "{signed}"
        );
        assert!(signed.contains("host;"), "{signed}");
        assert_eq!(arrived.header("x-amz-security-token"), "st1");
    }
    let body = hex(Sha256::digest("text"));
    assert_eq!(arrived[2].header("x-amz-content-sha256"), body);
    assert_eq!(arrived[0].header("x-amz-content-sha256"), "");
}
