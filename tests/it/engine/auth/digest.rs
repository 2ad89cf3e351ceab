//! Digest authentication against a server that computes every response itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::response::Response;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::server::{Arrived, Recording, answer, answer_with};
use super::{counts, once, plan, run};

/// The parameters of an `authorization` header.
fn parameters(header: &str) -> HashMap<String, String> {
    let rest = header.strip_prefix("Digest ").unwrap_or_default();
    let pairs = rest.split(", ").filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

/// A server of one user, `ann` with the password `pa:ss"word`, whose nonces serve this many requests.
struct Guard {
    algorithm: &'static str,
    requests_per_nonce: usize,
    nonces: AtomicUsize,
    /// The counts seen with the current nonce.
    counts: Mutex<Vec<String>>,
}

impl Guard {
    fn hash(&self, text: &str) -> String {
        let bytes = if self.algorithm.starts_with("SHA-256") {
            Sha256::digest(text).to_vec()
        } else {
            Md5::digest(text).to_vec()
        };
        super::signatures::hex(bytes)
    }

    fn challenge(&self, stale: bool) -> Response {
        let number = self.nonces.fetch_add(1, Ordering::SeqCst) + 1;
        self.counts.lock().expect("no panic").clear();
        let text = format!(
            "Digest realm=\"a, b\", qop=\"auth\", algorithm={}, nonce=\"n{number}\", opaque=\"o=1\", stale={stale}",
            self.algorithm
        );
        answer_with(401, "www-authenticate", &text)
    }

    fn judge(&self, arrived: &Arrived) -> Response {
        let sent = parameters(arrived.header("authorization"));
        let get = |name: &str| sent.get(name).cloned().unwrap_or_default();
        if sent.is_empty() {
            return self.challenge(false);
        }
        let nonce = format!("n{}", self.nonces.load(Ordering::SeqCst));
        if get("nonce") != nonce {
            return self.challenge(true);
        }
        let mut first = self.hash("ann:a, b:pa:ss\"word");
        if self.algorithm.ends_with("-sess") {
            first = self.hash(&format!("{first}:{nonce}:{}", get("cnonce")));
        }
        let second = self.hash(&format!("{}:{}", arrived.method, arrived.uri));
        let whole = format!(
            "{first}:{nonce}:{}:{}:auth:{second}",
            get("nc"),
            get("cnonce")
        );
        let is_right = get("response") == self.hash(&whole)
            && get("uri") == arrived.uri.to_string()
            && get("opaque") == "o=1"
            && get("realm") == "a";
        let mut counts = self.counts.lock().expect("no panic");
        // A count may be used once.
        if !is_right || counts.contains(&get("nc")) {
            drop(counts);
            return self.challenge(false);
        }
        counts.push(get("nc"));
        let is_used_up = counts.len() > self.requests_per_nonce;
        drop(counts);
        if is_used_up {
            return self.challenge(true);
        }
        answer(200, "")
    }
}

async fn guarded(algorithm: &'static str, requests_per_nonce: usize) -> Recording {
    let guard = Arc::new(Guard {
        algorithm,
        requests_per_nonce,
        nonces: AtomicUsize::new(0),
        counts: Mutex::default(),
    });
    Recording::start(move |arrived| guard.judge(arrived)).await
}

const LOGIN: &str = "{ digest: { user: ann, password: 'pa:ss\"word' } }";

#[tokio::test]
async fn one_challenge_serves_the_requests_of_a_user() {
    for algorithm in ["MD5", "SHA-256", "MD5-sess", "SHA-256-sess"] {
        let server = guarded(algorithm, 100).await;
        let more = format!("http: {{ auth: {LOGIN} }}");
        let steps = "{ get: '/a?b=c%20d' }, { post: /b, json: { n: 1 } }, { get: /c }";
        let over = run(plan(&server.url, &once(steps, &more))).await;
        let arrived = server.arrived();
        let sent: Vec<String> = arrived
            .iter()
            .map(|arrived| {
                let sent = parameters(arrived.header("authorization"));
                let count = sent.get("nc").cloned().unwrap_or_default();
                format!("{} {} {count}", arrived.method, arrived.uri)
            })
            .collect();
        let expected = [
            "GET /a?b=c%20d ",
            "GET /a?b=c%20d 00000001",
            "POST /b 00000002",
            "GET /c 00000003",
        ];
        assert_eq!(sent, expected, "{algorithm}");
        assert_eq!(arrived[2].body, "{\"n\":1}");
        let challenges = counts(&over, "challenge (digest)");
        assert_eq!((challenges.ended, challenges.failed), (1, 0), "{algorithm}");
        assert_eq!(challenges.statuses[&401], 1);
        let step = counts(&over, "GET /a");
        assert_eq!((step.ended, step.failed), (1, 0), "{algorithm}");
    }
}

#[tokio::test]
async fn a_nonce_that_is_too_old_is_replaced_and_a_wrong_password_is_the_answer() {
    let server = guarded("SHA-256", 2).await;
    let load = format!(
        "load: {{ iterations: 6, users: 1 }}\nhttp: {{ auth: {LOGIN} }}\nflows: [ {{ name: main, steps: [ {{ get: /a }} ] }} ]"
    );
    let over = run(plan(&server.url, &load)).await;
    let step = counts(&over, "GET /a");
    assert_eq!((step.ended, step.failed), (6, 0));
    // The first request, and every third one after two with its nonce.
    assert_eq!(counts(&over, "challenge (digest)").ended, 3);
    assert_eq!(server.arrived().len(), 9);

    let server = guarded("MD5", 100).await;
    let steps = "{ get: /a, auth: { digest: { user: ann, password: wrong } } }";
    let over = run(plan(&server.url, &once(steps, ""))).await;
    let step = counts(&over, "GET /a");
    assert_eq!((step.ended, step.failed_statuses[&401]), (1, 1));
    assert_eq!(counts(&over, "challenge (digest)").ended, 1);
    assert_eq!(server.arrived().len(), 2);
}

#[tokio::test]
async fn a_challenge_behind_a_redirect_is_answered_where_it_was_met() {
    let guard = guarded("MD5", 100).await;
    let inner = Arc::new(Guard {
        algorithm: "MD5",
        requests_per_nonce: 100,
        nonces: AtomicUsize::new(0),
        counts: Mutex::default(),
    });
    let away = format!("{}/away", guard.url);
    let server = Recording::start(move |arrived| match arrived.uri.path() {
        "/here" => answer_with(302, "location", "/landed"),
        "/elsewhere" => answer_with(302, "location", &away),
        _ => inner.judge(arrived),
    })
    .await;
    let steps = format!("{{ get: /here, auth: {LOGIN} }}, {{ get: /elsewhere, auth: {LOGIN} }}");
    let over = run(plan(&server.url, &once(&steps, ""))).await;
    assert_eq!(counts(&over, "GET /here").failed, 0);
    assert_eq!(counts(&over, "GET /elsewhere").failed_statuses[&401], 1);
    // The other server asked for the password, and did not get it.
    assert_eq!(guard.arrived().len(), 1);
    assert_eq!(guard.arrived()[0].header("authorization"), "");
}
