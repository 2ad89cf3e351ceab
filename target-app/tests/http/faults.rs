//! Failures under load: answers while Redis or PostgreSQL is unavailable, at full capacity, and at shutdown.

use std::cell::Cell;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::json;
use target_app::{Secret, Services, State};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::folio::{Answer, Folio, join_all};
use crate::probe::{PATIENCE, assert_busy, document, patch, proven, retitle, until};
use crate::profiles::{Bed, own_servers, profiles};

profiles!(
    a_full_service_rejects_requests_and_recovers,
    requests_in_progress_at_shutdown_finish,
);

/// Maximum time of an answer, whatever fails.
const LONGEST: Duration = Duration::from_secs(3);
/// Maximum time from the server's return to the service's recovery: the breaker's two seconds and some attempts.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// Duration of the load after the breaker has opened.
const AWAY: Duration = Duration::from_secs(1);
/// Operations that the clients must complete before and after.
const WORK: u32 = 3;
/// Documents that the load reads.
const READ: u32 = 20;
/// The document that it writes.
const WRITTEN: u32 = 41;

/// Clients that read, write and log in until they are stopped.
struct Load<'a> {
    folio: &'a Folio,
    /// The expected bodies of the documents that are read.
    bodies: Vec<Bytes>,
    is_over: Cell<bool>,
    done: Cell<LoadCounts>,
}

/// Counts of the clients' results.
#[derive(Clone, Copy, Debug, Default)]
struct LoadCounts {
    reads: u32,
    writes: u32,
    logins: u32,
    refused: u32,
}

impl<'a> Load<'a> {
    /// Reads each document once, so that it is cached.
    async fn over(folio: &'a Folio) -> Self {
        let mut bodies = Vec::new();
        for id in 1..=READ {
            bodies.push(folio.get(&document(id)).await.body);
        }
        Self {
            folio,
            bodies,
            is_over: Cell::new(false),
            done: Cell::default(),
        }
    }

    /// Runs the clients while `script` runs.
    async fn during(&self, script: impl Future<Output = ()>) -> LoadCounts {
        let script = async {
            script.await;
            self.is_over.set(true);
        };
        // Boxed, because together they are too large for the stack.
        let clients = Box::pin(async { tokio::join!(self.read(), self.write(), self.log_in()) });
        tokio::join!(clients, Box::pin(script));
        self.done.get()
    }

    /// Documents that were read once can be read again during any failure.
    async fn read(&self) {
        while !self.is_over.get() {
            for (id, body) in (1..).zip(&self.bodies) {
                let path = document(id);
                let answer = timed(self.folio.get(&path)).await;
                assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
                assert_eq!(answer.body, body);
                self.count(|done| done.reads += 1);
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn write(&self) {
        let mut token = self.folio.token(2).await;
        while !self.is_over.get() {
            let answer = timed(retitle(self.folio, &token, WRITTEN, "Written")).await;
            match answer.status {
                StatusCode::OK => self.count(|done| done.writes += 1),
                // The session was lost with the Redis that stored it.
                StatusCode::UNAUTHORIZED => {
                    if let Some(another) = self.try_log_in(2).await {
                        token = another;
                    }
                }
                _ => {
                    assert_busy(&answer);
                    self.count(|done| done.refused += 1);
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn log_in(&self) {
        while !self.is_over.get() {
            self.try_log_in(3).await;
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The access token; `None` if the service is busy.
    async fn try_log_in(&self, user: u32) -> Option<String> {
        let body = json!({
            "email": format!("user{user}@folio.test"), "password": "folio-demo", "device": "load",
        });
        let answer = timed(self.folio.post_json(None, "/api/v1/auth/login", &body)).await;
        if answer.status == StatusCode::OK {
            self.count(|done| done.logins += 1);
            return Some(answer.json()["access_token"].as_str()?.to_owned());
        }
        assert_busy(&answer);
        self.count(|done| done.refused += 1);
        None
    }

    /// Waits until login and the resulting token work again, within the time allowed for recovery.
    async fn until_back(&self) {
        let back = Instant::now();
        loop {
            if let Some(token) = self.try_log_in(4).await {
                let orders = timed(self.folio.get_as(&token, "/api/v1/orders")).await;
                if orders.status == StatusCode::OK {
                    return;
                }
                assert_busy(&orders);
            }
            assert!(back.elapsed() < BACK_WITHIN, "it does not come back");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the clients have written and logged in several more times.
    async fn until_at_work(&self) {
        let before = self.done.get();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let done = self.done.get();
            if done.writes >= before.writes + WORK && done.logins >= before.logins + WORK {
                return;
            }
            assert!(Instant::now() < deadline, "the clients get {done:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn count(&self, count: impl Fn(&mut LoadCounts)) {
        let mut done = self.done.get();
        count(&mut done);
        self.done.set(done);
    }
}

/// An answer within the maximum time.
async fn timed(answer: impl Future<Output = Answer>) -> Answer {
    let began = Instant::now();
    let answer = answer.await;
    let took = began.elapsed();
    assert!(took < LONGEST, "{} after {took:?}", answer.status);
    answer
}

#[tokio::test]
async fn a_hanging_redis_delays_few_requests_and_is_named() {
    let mut servers = own_servers().await;
    let bed = Bed::on(&servers).await;
    let folio = bed.start(proven(&[])).await;
    // Earlier successes must not outweigh the timeouts now.
    for id in 1..=30 {
        folio.get(&document(id)).await;
    }
    assert_eq!(folio.get("/ready").await.status, StatusCode::OK);
    servers.redis_mut().freeze();
    let mut slow = 0;
    for id in 31..=60 {
        let asked = Instant::now();
        let answer = folio.get(&document(id)).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        slow += u32::from(asked.elapsed() > Duration::from_millis(400));
    }
    // Three timeouts, and again for the requests that probe the recovery.
    assert!(slow <= 6, "{slow} of 30 waited for Redis");
    let unready = folio.get("/ready").await;
    assert_eq!(unready.faults(503), ["shared_store"]);
    servers.redis_mut().thaw();
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}

#[tokio::test]
async fn an_invalid_service_url_ends_the_start_and_is_named() {
    type Misleads = fn(&mut Services);
    let ways: [(&str, Misleads); 3] = [
        ("REDIS_URL", |services| {
            services.redis_url = Secret::new("redis://127.0.0.1:1/");
        }),
        ("DATABASE_URL", |services| {
            services.database_url = Secret::new("postgres://127.0.0.1:1/folio");
        }),
        ("DATABASE_REPLICA_URL", |services| {
            services.replica_url = Some(Secret::new("postgres://127.0.0.1:1/folio"));
        }),
    ];
    for (variable, wrong) in ways {
        let bed = Bed::full().await.by(wrong);
        let Err(error) = State::open(&bed.config(proven(&[]))).await else {
            panic!("it starts with a wrong {variable}");
        };
        assert!(error.to_string().contains(variable), "{error}");
    }
}

#[tokio::test]
async fn without_redis_documents_are_read_and_sessions_answer_503() {
    let mut servers = own_servers().await;
    let bed = Bed::on(&servers).await;
    let folio = bed.start(proven(&[])).await;
    let load = Load::over(&folio).await;
    let done = load
        .during(async {
            load.until_at_work().await;
            servers.redis_mut().kill().await;
            let opened = r#"folio_breaker_transitions_total{name="redis",to="open"}"#;
            until(&folio, opened, |count| count > 0.5).await;
            sleep(AWAY).await;
            let restarted = servers.redis_mut().start_again().await;
            restarted.expect("it starts again");
            load.until_back().await;
            let state = r#"folio_breaker_state{name="redis"}"#;
            until(&folio, state, |state| state < 0.5).await;
            load.until_at_work().await;
        })
        .await;
    assert!(done.reads > 100 && done.refused > 2, "{done:?}");
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}

#[tokio::test]
async fn without_the_database_cached_documents_are_read_and_the_rest_answers_503() {
    let mut servers = own_servers().await;
    let bed = Bed::on(&servers).await;
    let folio = bed.start(proven(&[])).await;
    let load = Load::over(&folio).await;
    let done = load
        .during(async {
            load.until_at_work().await;
            servers.postgres_mut().kill().await;
            let opened = r#"folio_breaker_transitions_total{name="database",to="open"}"#;
            until(&folio, opened, |count| count > 0.5).await;
            let end = Instant::now() + AWAY;
            while Instant::now() < end {
                for path in ["/api/v1/documents/60", "/api/v1/search?q=caching"] {
                    assert_busy(&timed(folio.get(path)).await);
                }
                sleep(Duration::from_millis(50)).await;
            }
            let restarted = servers.postgres_mut().start_again().await;
            restarted.expect("it starts again");
            load.until_back().await;
            let state = r#"folio_breaker_state{name="database"}"#;
            until(&folio, state, |state| state < 0.5).await;
            let uncached = timed(folio.get("/api/v1/documents/60")).await;
            assert_eq!(uncached.status, StatusCode::OK, "{:?}", uncached.body);
            load.until_at_work().await;
        })
        .await;
    assert!(done.reads > 100 && done.refused > 2, "{done:?}");
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}

async fn a_full_service_rejects_requests_and_recovers(bed: &Bed) {
    let narrow = [
        "cache.mode=off",
        "admission.http_limit=2",
        "admission.http_waiting=2",
    ];
    let folio = bed.start(proven(&narrow)).await;
    patch(&folio, &json!({ "db": { "hold_ms": 300 } })).await;
    let paths: Vec<_> = (1..=12).map(document).collect();
    let answers = join_all(paths.iter().map(|path| timed(folio.get(path)))).await;
    let (good, refused): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status == StatusCode::OK);
    // More than two and two only if they arrive after the first have finished.
    assert!(
        good.len() >= 4 && refused.len() >= 4,
        "{} were let in",
        good.len()
    );
    refused.iter().for_each(assert_busy);

    patch(&folio, &json!({ "db": { "hold_ms": 0 } })).await;
    for gauge in ["in_use", "waiting"] {
        let series = format!(r#"folio_admission_{gauge}{{gate="http"}}"#);
        until(&folio, &series, |value| value < 0.5).await;
    }
    for path in &paths {
        assert_eq!(folio.get(path).await.status, StatusCode::OK);
    }
}

async fn requests_in_progress_at_shutdown_finish(bed: &Bed) {
    const UNDER_WAY: u32 = 10;
    let folio = bed.start(proven(&["cache.mode=off"])).await;
    patch(&folio, &json!({ "db": { "hold_ms": 300 } })).await;
    let address = folio.address;
    let mut requests = JoinSet::new();
    for id in 1..=UNDER_WAY {
        let url = format!("http://{address}{}", document(id));
        requests.spawn(async move {
            let answer = reqwest::get(url).await.expect("an answer");
            let status = answer.status();
            (status, answer.bytes().await.expect("a whole body"))
        });
    }
    // Including the request that reads the metric.
    let in_flight = "folio_http_requests_in_flight";
    let all = f64::from(UNDER_WAY) + 1.0;
    until(&folio, in_flight, |count| count >= all).await;
    folio.stop().await.expect("served without fault");
    while let Some(answered) = requests.join_next().await {
        let (status, body) = answered.expect("no panic");
        assert_eq!(status, 200, "{body:?}");
        serde_json::from_slice::<serde_json::Value>(&body).expect("a whole document");
    }
    let late = tokio::net::TcpStream::connect(address).await;
    assert!(late.is_err(), "nobody listens");
}
