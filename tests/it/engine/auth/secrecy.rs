//! Credentials and tokens are in no output of a run.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::{Recording, answer, answer_with};
use crate::support::Bench;

/// The files in a folder that contain a text, and those in its folders.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else {
            let bytes = fs::read(&path).expect("a file");
            let content = String::from_utf8_lossy(&bytes);
            if let Some(at) = content.find(text) {
                let around: String = content[at..].chars().take(40).collect();
                found.push(format!("{}: {around}", path.display()));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_output_contains_a_credential_or_a_token() {
    let asked = AtomicUsize::new(0);
    let asked = std::sync::Arc::new(asked);
    let server = Recording::start(move |arrived| match arrived.uri.path() {
        "/token" => match asked.fetch_add(1, Ordering::SeqCst) {
            // The second one tells what it was asked with.
            1 => answer(400, format!("{{ \"error\": \"invalid_grant\", \"error_description\": \"{}\" }}", arrived.body)),
            number => answer(200, format!(
                "{{ \"access_token\": \"canary-token-{number}\", \"expires_in\": 0, \"refresh_token\": \"canary-refresh-{number}\" }}"
            )),
        },
        "/digest" if arrived.header("authorization").is_empty() => {
            answer_with(401, "www-authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"")
        }
        // The others fail, and quote everything that they were sent.
        _ => answer(500, format!("{} {:?} {}", arrived.uri, arrived.headers, arrived.body)),
    })
    .await;
    let scenario = format!(
        "name: secret\ntarget: {}\nload: {{ iterations: 4, users: 2 }}\non_error: continue\n\
         vars: {{ key: canary-key-1, pass: canary-pass-2 }}\n\
         flows:\n  - name: main\n    steps:\n\
         \x20     - get: /oauth\n        auth: {{ oauth2: {{ token_url: /token, client_id: app, client_secret: canary-client-3, user: canary-user-4, password: '${{pass}}' }} }}\n\
         \x20     - get: /digest\n        auth: {{ digest: {{ user: canary-user-5, password: '${{pass}}' }} }}\n\
         \x20     - get: /query\n        auth: {{ api_key: {{ query: k, value: '${{key}}' }} }}\n\
         \x20     - get: /header\n        auth: {{ api_key: {{ header: x-k, value: canary-key-6 }} }}\n\
         \x20     - get: /hmac\n        auth: {{ hmac: {{ key: canary-key-7, sign: '${{request.path}}', headers: {{ x-s: '${{request.signature}}' }} }} }}\n\
         \x20     - get: /aws\n        auth: {{ aws_sigv4: {{ access_key: canary-key-8, secret_key: canary-key-9, session_token: canary-key-0, region: r, service: s3 }} }}\n",
        server.url
    );
    let run = tokio::task::spawn_blocking(move || {
        let bench = Bench::with(&scenario);
        let run = bench.run(&[]);
        assert!(run.summary.is_object(), "{}{}", run.stdout, run.stderr);
        let found = holding(&bench.path("out"), "canary");
        (run, found)
    });
    let (run, found) = run.await.expect("a run");
    assert_eq!(found, Vec::<String>::new());
    assert!(
        !run.stdout.contains("canary") && !run.stderr.contains("canary"),
        "{}{}",
        run.stdout,
        run.stderr
    );
    // They were sent, and quoted where others see why a request failed.
    let sent = format!("{:?}", server.arrived());
    for secret in [
        "canary-key-1",
        "canary-token-0",
        "canary-refresh-0",
        "canary-user-4",
        "canary-key-6",
        "canary-key-8",
        "canary-key-0",
    ] {
        assert!(sent.contains(secret), "{secret} was never sent");
    }
    assert!(run.count("/totals/failed") > 0);
}
