//! The administration of the edge, without its guard.

use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::*;
use crate::config::Config;
use crate::settings::{Settings, Stack};

struct EdgeServer {
    url: String,
    task: AbortHandle,
}

impl EdgeServer {
    async fn start(routes: Router) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            url,
            task: task.abort_handle(),
        }
    }

    async fn folio(assignments: &[String]) -> Self {
        let settings =
            Settings::layered(Stack::After, None, [], assignments).expect("valid assignments");
        let config = Config {
            documents: 1,
            users: 1,
            settings,
            ..Config::default()
        };
        let crate::State(app) = crate::State::open(&config).await.expect("it opens");
        let routes = Router::new()
            .route("/assets/{name}", get(one))
            .route("/admin/edge/purge", post(purge))
            .route("/admin/edge/stats", get(stats))
            .with_state(app);
        Self::start(routes).await
    }

    async fn edge(&self, name: &str) -> String {
        let url = format!("{}/assets/{name}", self.url);
        let answer = reqwest::get(url).await.expect("an answer");
        let edge = answer.headers()["x-edge"].to_str();
        edge.expect("text").to_owned()
    }

    async fn purge(&self, purge: &Value) -> (u16, Value) {
        let url = format!("{}/admin/edge/purge", self.url);
        let sent = reqwest::Client::new().post(url).json(purge).send();
        let answer = sent.await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    async fn stats(&self) -> Value {
        let url = format!("{}/admin/edge/stats", self.url);
        let answer = reqwest::get(url).await.expect("an answer");
        answer.json().await.expect("JSON")
    }
}

impl Drop for EdgeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const NAMES: [&str; 4] = ["app.css", "app.js", "vendor.css", "logo.svg"];

#[tokio::test]
async fn a_purge_removes_exactly_the_named_copies() {
    let folio = EdgeServer::folio(&[]).await;
    for (purge, gone) in [
        (json!({ "name": "app.css" }), &["app.css"][..]),
        (json!({ "prefix": "app." }), &["app.css", "app.js"]),
        (json!({ "pattern": "*.css" }), &["app.css", "vendor.css"]),
        (json!({ "all": true }), &NAMES),
        (json!({ "name": "nothing" }), &[]),
    ] {
        for name in NAMES {
            folio.edge(name).await;
        }
        let (status, answer) = folio.purge(&purge).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer, json!({ "purged": gone.len(), "provider": "local" }));
        for name in NAMES {
            let expected = if gone.contains(&name) { "miss" } else { "hit" };
            assert_eq!(folio.edge(name).await, expected, "{purge} {name}");
        }
    }
    let stats = folio.stats().await;
    assert_eq!(stats["provider"], "local");
    assert_eq!(stats["items"], 4);
    assert_eq!(stats["purged"], 9);
    assert_eq!(stats["misses"], 4 + 9);
    let copies = stats["copies"].as_array().expect("copies");
    let bytes = copies.iter().map(|copy| copy["bytes"].as_u64());
    let bytes: Option<u64> = bytes.sum();
    assert_eq!(stats["bytes"].as_u64(), bytes);
}

#[tokio::test]
async fn a_purge_must_have_exactly_one_field() {
    let folio = EdgeServer::folio(&[]).await;
    for (purge, field) in [
        (json!({}), "name"),
        (json!({ "name": "app.css", "all": true }), "name"),
        (json!({ "all": false }), "all"),
        (json!({ "prefix": "" }), "prefix"),
        (json!({ "pattern": 7 }), "pattern"),
    ] {
        let (status, answer) = folio.purge(&purge).await;
        assert_eq!(status, 422, "{purge}");
        assert_eq!(answer["errors"][0]["field"], field, "{purge}");
    }
}

async fn api(code: u16) -> (EdgeServer, Arc<Mutex<Vec<Value>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    let take = move |Json(purge): Json<Value>| async move {
        notes.lock().expect("no panic").push(purge);
        StatusCode::from_u16(code).expect("a status")
    };
    let routes = Router::new().route("/purge", post(take));
    (EdgeServer::start(routes).await, told)
}

fn remote(url: &str) -> [String; 2] {
    [
        format!("edge.purge_url=\"{url}\""),
        "edge.provider=http".to_owned(),
    ]
}

#[tokio::test]
async fn the_http_provider_also_calls_its_purge_api() {
    let (api, told) = api(202).await;
    let folio = EdgeServer::folio(&remote(&format!("{}/purge", api.url))).await;
    folio.edge("app.css").await;
    let (status, answer) = folio.purge(&json!({ "prefix": "app." })).await;
    assert_eq!(status, 200);
    let expected = json!({ "purged": 1, "provider": "http", "remote_status": 202 });
    assert_eq!(answer, expected);
    assert_eq!(
        *told.lock().expect("no panic"),
        [json!({ "prefix": "app." })]
    );
    assert_eq!(folio.edge("app.css").await, "miss");
}

#[tokio::test]
async fn a_purge_reports_a_failure_of_the_api() {
    let (refusing, _) = api(500).await;
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let silent = format!("http://{}", nobody.local_addr().expect("an address"));
    for (url, told) in [
        (
            format!("{}/purge", refusing.url),
            "answered with status 500",
        ),
        // It accepts connections and never answers, so the time limit applies.
        (silent, "did not answer"),
    ] {
        let folio = EdgeServer::folio(&remote(&url)).await;
        folio.edge("app.css").await;
        let began = std::time::Instant::now();
        let (status, answer) = folio.purge(&json!({ "all": true })).await;
        assert_eq!(status, 502);
        let detail = answer["detail"].as_str().expect("a detail");
        assert!(
            detail.contains(told) && detail.starts_with("removed 1 copies"),
            "{detail}"
        );
        // The limit is two seconds; the rest is a margin for a busy machine.
        assert!(began.elapsed() < Duration::from_secs(10));
        assert_eq!(folio.edge("app.css").await, "miss", "it is gone here");
    }
}
