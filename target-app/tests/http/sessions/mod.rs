//! Tokens and sessions, on one instance and on two that share a store.

mod closing;
mod listing;
mod registration;
mod renewal;
mod tokens;

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use target_app::Config;

use crate::folio::{Answer, Folio, request, settings, small};
use crate::profiles::Bed;

const SESSIONS: &str = "/api/v1/auth/sessions";
/// Maximum time until every instance rejects the tokens of a closed session.
const SOON: Duration = Duration::from_secs(1);
/// Interval of polling.
const PAUSE: Duration = Duration::from_millis(20);

fn access(pair: &Value) -> &str {
    pair["access_token"].as_str().expect("a token")
}

fn refresh_token(pair: &Value) -> &str {
    pair["refresh_token"].as_str().expect("a token")
}

impl Folio {
    async fn status_as(&self, pair: &Value) -> StatusCode {
        self.get_as(access(pair), SESSIONS).await.status
    }

    async fn refresh(&self, pair: &Value) -> Answer {
        let body = json!({ "refresh_token": refresh_token(pair) });
        self.post_json(None, "/api/v1/auth/refresh", &body).await
    }

    async fn refreshed(&self, pair: &Value) -> Value {
        let answer = self.refresh(pair).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        answer.json()
    }

    async fn leave(&self, pair: &Value, path: &str) {
        let leave = request(Method::POST, path, Some(access(pair)), Body::empty());
        assert_eq!(self.send(leave).await.status, StatusCode::NO_CONTENT);
    }

    /// Asserts that the access token is rejected here `within` this time, with 401 and no other error.
    async fn refuses_soon(&self, pair: &Value, within: Duration) {
        let began = Instant::now();
        loop {
            let asked_after = began.elapsed();
            match self.status_as(pair).await {
                StatusCode::UNAUTHORIZED => return,
                StatusCode::OK => assert!(asked_after < within, "good after {asked_after:?}"),
                other => panic!("{other}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asserts that this many sessions are counted eventually.
    async fn counts_soon(&self, sessions: i64) {
        let began = Instant::now();
        loop {
            let found = self.metric("folio_sessions_active").await;
            if found == sessions {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "{found} sessions, expected {sessions}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The first answer with this status, which must arrive within half a minute.
    async fn turns(&self, pair: &Value, status: StatusCode) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.get_as(access(pair), SESSIONS).await;
            if answer.status == status {
                return answer;
            }
            let found = answer.status;
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{found}, not {status}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn metric(&self, line: &str) -> i64 {
        let text = self.get("/metrics").await.body;
        let text = String::from_utf8_lossy(&text);
        let found = text
            .lines()
            .find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        let number = found.unwrap_or_else(|| panic!("no line {line} in:\n{text}"));
        number.parse().expect("an integer")
    }
}

/// Two instances over one database and one shared store.
struct TwoInstances {
    here: Folio,
    there: Folio,
}

impl TwoInstances {
    async fn start(bed: &Bed) -> Self {
        let here = bed.start(config(&[])).await;
        let there = bed.start_beside(&here, config(&[])).await;
        Self { here, there }
    }

    fn both(&self) -> [&Folio; 2] {
        [&self.here, &self.there]
    }
}

/// Without rate limits, because these tests send requests as fast as they can.
fn config(assignments: &[&str]) -> Config {
    let unlimited = ["admission.rate=off"];
    Config {
        settings: settings(&[&unlimited, assignments].concat()),
        ..small()
    }
}
