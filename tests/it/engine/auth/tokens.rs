//! Tokens of OAuth against a server that issues, expires and revokes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gander::exit::Exit;
use gander::record::Standing;
use gander::record::journal::Ending;

use super::server::{Arrived, Recording, answer};
use super::{counts, once, plan, run};
use crate::engine::Driven;

/// The fields of a form.
pub(super) fn form(body: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect()
}

/// Issues the tokens `t1`, `t2` … with the refresh tokens `r1`, `r2` ….
#[derive(Debug, Default)]
struct Issuer {
    /// In seconds; `None` for tokens that do not say.
    lifetime: Option<f64>,
    /// The tokens after this number last an hour.
    lasting_after: Option<usize>,
    issued: usize,
    /// When each token ends.
    ends: HashMap<String, Option<Instant>>,
    /// Every use of a token that had ended.
    late: usize,
}

impl Issuer {
    fn issue(&mut self) -> Response {
        self.issued += 1;
        let number = self.issued;
        let lasts = self.lasting_after.is_some_and(|first| number > first);
        let lifetime = if lasts { Some(3_600.0) } else { self.lifetime };
        let end = lifetime.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
        self.ends.insert(format!("t{number}"), end);
        let lifetime = lifetime.map_or(String::new(), |seconds| {
            format!(", \"expires_in\": {seconds}")
        });
        let body = format!(
            "{{ \"access_token\": \"t{number}\", \"token_type\": \"Bearer\", \"refresh_token\": \"r{number}\"{lifetime} }}"
        );
        answer(200, body)
    }

    fn judge(&mut self, arrived: &Arrived) -> Response {
        if arrived.uri.path() == "/token" {
            return self.issue();
        }
        let token = arrived
            .header("authorization")
            .strip_prefix("Bearer ")
            .unwrap_or_default();
        match self.ends.get(token) {
            Some(end) if end.is_none_or(|end| Instant::now() < end) => answer(200, ""),
            Some(_) => {
                self.late += 1;
                answer(401, "expired")
            }
            None => answer(401, "unknown"),
        }
    }
}

/// A server with an issuer, and the issuer.
async fn issuing(lifetime: Option<f64>) -> (Recording, Arc<Mutex<Issuer>>) {
    let issuer = Arc::new(Mutex::new(Issuer {
        lifetime,
        ..Issuer::default()
    }));
    let shared = Arc::clone(&issuer);
    let server =
        Recording::start(move |arrived| shared.lock().expect("no panic").judge(arrived)).await;
    (server, issuer)
}

/// The requests of a path.
fn of_path(server: &Recording, path: &str) -> Vec<Arrived> {
    let arrived = server.arrived().into_iter();
    arrived
        .filter(|arrived| arrived.uri.path() == path)
        .collect()
}

#[tokio::test]
async fn each_user_fetches_a_token_once_and_all_of_a_run_share_one() {
    for (per, tokens) in [("user", 3), ("run", 1)] {
        let (server, _) = issuing(None).await;
        let scenario = format!(
            "load: {{ iterations: 4, users: 3, per_user: true }}\ntargets: {{ id: '{}' }}\n\
             http: {{ auth: {{ oauth2: {{ token_url: 'id:/token', client_id: 'shop/1', client_secret: 'a+b c', scope: 'x y', audience: 'https://api', per: {per} }} }} }}\n\
             flows: [ {{ name: main, steps: [ {{ get: /a }}, {{ parallel: 3, steps: [ {{ get: /b }}, {{ get: /c }}, {{ get: /d }} ] }} ] }} ]",
            server.url
        );
        let over = run(plan(&server.url, &scenario)).await;
        let asked = of_path(&server, "/token");
        assert_eq!(asked.len(), tokens, "{per}");
        let fields = form(&asked[0].body);
        assert_eq!(fields["grant_type"], "client_credentials");
        assert_eq!(
            (&*fields["scope"], &*fields["audience"]),
            ("x y", "https://api")
        );
        let encoded = asked[0]
            .header("authorization")
            .strip_prefix("Basic ")
            .expect("basic");
        let decoded = String::from_utf8(STANDARD.decode(encoded).expect("base64")).expect("UTF-8");
        assert_eq!(decoded, "shop%2F1:a%2Bb+c");
        let token = counts(&over, "token (oauth2)");
        assert_eq!((token.ended, token.failed), (tokens as u64, 0));
        assert_eq!(counts(&over, "challenge (oauth2)").ended, 0);
        for step in ["GET /a", "GET /b", "GET /c", "GET /d"] {
            assert_eq!(
                (counts(&over, step).ended, counts(&over, step).failed),
                (12, 0),
                "{step}"
            );
        }
    }
}

#[tokio::test]
async fn a_rejected_token_is_renewed_once_and_its_request_sent_once_more() {
    let (server, issuer) = issuing(None).await;
    // The third request of the API meets a server that has forgotten its tokens.
    let steps = "{ get: /a }, { get: /forget }, { post: /b, json: { n: 1 } }, { get: /c }";
    let shared = Arc::clone(&issuer);
    let front = Recording::start(move |arrived| {
        let mut issuer = shared.lock().expect("no panic");
        if arrived.uri.path() == "/forget" {
            let response = issuer.judge(arrived);
            issuer.ends.clear();
            return response;
        }
        if arrived.uri.path() == "/never" {
            return answer(401, "never");
        }
        issuer.judge(arrived)
    })
    .await;
    drop(server);
    let auth = "http: { auth: { oauth2: { token_url: /token, client_id: shop, client_secret: s, client_auth: body } } }";
    let over = run(plan(
        &front.url,
        &once(&format!("{steps}, {{ get: /never }}"), auth),
    ))
    .await;
    let fields = form(&of_path(&front, "/token")[0].body);
    assert_eq!(
        (&*fields["client_id"], &*fields["client_secret"]),
        ("shop", "s")
    );
    let sent: Vec<String> = front
        .arrived()
        .iter()
        .map(|arrived| format!("{} {}", arrived.uri, arrived.header("authorization")))
        .collect();
    let expected = [
        "/token ",
        "/a Bearer t1",
        "/forget Bearer t1",
        "/b Bearer t1",
        "/token ",
        "/b Bearer t2",
        "/c Bearer t2",
        "/never Bearer t2",
        "/token ",
        "/never Bearer t3",
    ];
    assert_eq!(sent, expected);
    assert_eq!(of_path(&front, "/b")[1].body, "{\"n\":1}");
    assert_eq!(counts(&over, "token (oauth2)").ended, 3);
    assert_eq!(counts(&over, "challenge (oauth2)").statuses[&401], 2);
    assert_eq!(
        (
            counts(&over, "POST /b").ended,
            counts(&over, "POST /b").failed
        ),
        (1, 0)
    );
    assert_eq!(counts(&over, "GET /never").failed_statuses[&401], 1);
}

#[tokio::test]
async fn a_refresh_token_is_replaced_by_the_one_in_the_response() {
    let server = Recording::start(|arrived| {
        let fields = form(&arrived.body);
        match arrived.uri.path() {
            // Every token is due at once, so that each request renews it.
            "/token" if fields.get("refresh_token").is_some_and(|token| token == "r-r-r0") => {
                answer(400, "{ \"error\": \"invalid_grant\" }")
            }
            "/token" => {
                let before = fields.get("refresh_token").map_or("0", |token| token);
                answer(200, format!("{{ \"access_token\": \"t\", \"expires_in\": 0, \"refresh_token\": \"r-{before}\" }}"))
            }
            _ => answer(200, ""),
        }
    })
    .await;
    let steps = "{ get: /a }, { get: /b }, { get: /c }, { get: /d }";
    for (grant, expected) in [
        (
            "user: ann, password: '${pw}'",
            vec!["ann pw1", "r-0", "r-r-0", "r-r-r-0"],
        ),
        ("refresh_token: r0", vec!["r0", "r-r0", "r-r-r0"]),
    ] {
        let before = of_path(&server, "/token").len();
        let auth = format!(
            "vars: {{ pw: pw1 }}\nhttp: {{ auth: {{ oauth2: {{ token_url: /token, client_id: app, {grant} }} }} }}\non_error: continue"
        );
        run(plan(&server.url, &once(steps, &auth))).await;
        let asked = of_path(&server, "/token");
        let asked: Vec<String> = asked[before..]
            .iter()
            .map(|arrived| {
                let fields = form(&arrived.body);
                assert_eq!(fields["client_id"], "app");
                match fields["grant_type"].as_str() {
                    "password" => format!("{} {}", fields["username"], fields["password"]),
                    "refresh_token" => fields["refresh_token"].clone(),
                    other => panic!("{other}"),
                }
            })
            .collect();
        assert_eq!(asked[..expected.len()], expected, "{grant}");
    }
}

#[tokio::test]
async fn a_user_whose_refresh_token_has_ended_logs_in_again() {
    let server = Recording::start(|arrived| {
        let fields = form(&arrived.body);
        match (
            arrived.uri.path(),
            &*fields.get("grant_type").cloned().unwrap_or_default(),
        ) {
            ("/token", "refresh_token") => answer(400, "{ \"error\": \"invalid_grant\" }"),
            ("/token", _) => answer(
                200,
                "{ \"access_token\": \"t\", \"expires_in\": 0, \"refresh_token\": \"r\" }",
            ),
            _ => answer(200, ""),
        }
    })
    .await;
    let auth = "http: { auth: { oauth2: { token_url: /token, client_id: app, user: ann, password: pw } } }";
    let over = run(plan(&server.url, &once("{ get: /a }, { get: /b }", auth))).await;
    assert_eq!(
        (
            counts(&over, "GET /b").ended,
            counts(&over, "GET /b").failed
        ),
        (1, 0)
    );
    let token = counts(&over, "token (oauth2)");
    assert_eq!((token.ended, token.failed), (3, 1));
}

#[tokio::test]
async fn without_a_token_the_request_is_not_sent_and_says_why() {
    let server = Recording::start(|arrived| match arrived.uri.path() {
        "/token" => answer(
            401,
            "{ \"error\": \"invalid_client\", \"error_description\": \"no such secret: s3cret\" }",
        ),
        "/text" => answer(200, "hello"),
        _ => answer(200, ""),
    })
    .await;
    for (path, outcome, reason) in [
        (
            "/token",
            "status",
            "the token endpoint answered 401 Unauthorized: invalid_client: no such secret: [redacted]",
        ),
        ("/text", "capture", "no JSON object with an `access_token`"),
    ] {
        let auth = format!(
            "http: {{ auth: {{ oauth2: {{ token_url: {path}, client_id: app, client_secret: s3cret }} }} }}"
        );
        let plan = plan(&server.url, &once("{ get: /a }", &auth));
        let driven = Driven::launch(plan).await;
        let recorder = Arc::clone(&driven.recorder);
        let over = driven.until_the_end().await;
        assert!(of_path(&server, "/a").is_empty());
        let step = counts(&over, "GET /a");
        assert_eq!((step.ended, step.failed, step.unsent), (1, 1, 1));
        let failures = recorder.take_failures();
        let found: Vec<String> = failures
            .iter()
            .map(|failure| format!("{} {}", failure.outcome, failure.detail))
            .collect();
        assert!(
            found
                .iter()
                .any(|text| text.starts_with(outcome) && text.contains(reason)),
            "{found:?}"
        );
        assert!(
            found
                .iter()
                .any(|text| text.starts_with("unsendable it has no token: ")
                    && text.contains(reason)),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn a_token_of_setup_serves_the_whole_run() {
    let (server, _) = issuing(Some(3600.0)).await;
    let scenario = "load: { iterations: 2, users: 2 }\n\
        http: { auth: { oauth2: { token_url: /token, client_id: shop, per: run } } }\n\
        setup: [ { post: /prepare } ]\nflows: [ { name: main, steps: [ { get: /a } ] } ]";
    let over = run(plan(&server.url, scenario)).await;
    assert_eq!(of_path(&server, "/token").len(), 1);
    assert_eq!(counts(&over, "GET /a").failed, 0);
    assert!(
        server
            .arrived()
            .iter()
            .skip(1)
            .all(|arrived| arrived.header("authorization") == "Bearer t1")
    );
}

/// A thousand users whose tokens end in the same second, in a run that outlasts them once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tokens_that_end_together_are_renewed_one_by_one() {
    for per in ["user", "run"] {
        let (server, state) = issuing(Some(6.0)).await;
        let holders = if per == "run" { 1 } else { 1_000 };
        state.lock().expect("no panic").lasting_after = Some(holders);
        let scenario = format!(
            "load: {{ users: 1000, for: 7s }}\nthink_time: 1s..2s\n\
             http: {{ auth: {{ oauth2: {{ token_url: /token, client_id: shop, per: {per}, renew_before: 4s }} }} }}\n\
             flows: [ {{ name: main, steps: [ {{ get: /a }} ] }} ]"
        );
        let over = run(plan(&server.url, &scenario)).await;
        let (issued, late) = {
            let state = state.lock().expect("no panic");
            (state.issued, state.late)
        };
        let step = counts(&over, "GET /a");
        assert_eq!((step.failed, late), (0, 0), "{per}: {:?}", step.outcomes);
        assert_eq!(counts(&over, "challenge (oauth2)").ended, 0, "{per}");
        assert_eq!(counts(&over, "token (oauth2)").ended, issued as u64);
        // Each holder renews its token once, 2 to 4 s after it was issued; a user that is slow may not get that far.
        assert!(issued <= 2 * holders, "{issued} tokens");
        assert!(issued > 2 * holders - holders / 10 - 1, "{issued} tokens");
    }
}

#[tokio::test]
async fn good_answers_for_tokens_do_not_hide_that_every_request_of_the_scenario_failed() {
    let issuer = Arc::new(Mutex::new(Issuer::default()));
    let server = Recording::start(move |arrived| match arrived.uri.path() {
        "/token" => issuer.lock().expect("no panic").issue(),
        _ => answer(500, ""),
    })
    .await;
    // With a rule on times and without one.
    for thresholds in ["thresholds: [ p95(response_time) < 10s ]", ""] {
        let scenario = format!(
            "load: {{ iterations: 3, users: 1 }}\n\
             http: {{ auth: {{ oauth2: {{ token_url: /token, client_id: shop }} }} }}\n\
             flows: [ {{ name: main, steps: [ {{ get: /a }} ] }} ]\n{thresholds}"
        );
        let over = run(plan(&server.url, &scenario)).await;
        assert_eq!(counts(&over, "token (oauth2)").failed, 0);
        assert_eq!(counts(&over, "GET /a").failed, 3);
        let ending = Ending {
            is_complete: true,
            ..Ending::default()
        };
        let verdict = over.judge.conclude(&over.totals, &ending);
        if !thresholds.is_empty() {
            let on_times = verdict.thresholds.first().map(|rule| rule.standing);
            assert_eq!(on_times, Some(Standing::NoData));
        }
        assert_eq!(
            verdict.exit,
            Exit::ThresholdFailed,
            "{thresholds}: {}",
            verdict.reason
        );
    }
}
