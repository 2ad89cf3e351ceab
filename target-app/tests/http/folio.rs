//! A running Folio and a client for it.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use target_app::{Config, LabMode, Settings, Stack, State, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

/// Maximum time of an exchange in these tests, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Folio {
    pub(crate) address: SocketAddr,
    pub(crate) state: State,
    client: Client<HttpConnector, Body>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A small catalogue without the lab.
pub(crate) fn small() -> Config {
    Config {
        documents: 60,
        users: 5,
        ..Config::default()
    }
}

/// The optimised stack with these assignments, such as `cache.mode=off`.
pub(crate) fn settings(assignments: &[&str]) -> Settings {
    let assignments: Vec<_> = assignments.iter().map(ToString::to_string).collect();
    Settings::layered(Stack::After, None, [], &assignments).expect("valid assignments")
}

/// The same with the lab.
pub(crate) fn with_lab() -> Config {
    Config {
        lab: LabMode::Open,
        ..small()
    }
}

impl Folio {
    pub(crate) async fn start(config: &Config) -> Self {
        Self::serve(State::open(config).await.expect("the state opens")).await
    }

    /// Another instance over the same shared store.
    pub(crate) async fn beside(&self, config: &Config) -> Self {
        let state = self.state.beside(config).await;
        Self::serve(state.expect("the state opens")).await
    }

    pub(crate) async fn serve(state: State) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(serve(listener, state.clone(), async {
            // Ignored: the test has already dropped its Folio.
            let _ = stopped.await;
        }));
        Self {
            address,
            state,
            client: Client::builder(TokioExecutor::new()).build_http(),
            stop,
            served,
        }
    }

    /// Stops the service; fails if it panicked.
    pub(crate) async fn stop(self) -> Result<(), JoinError> {
        drop(self.client);
        self.stop.send(()).expect("it serves until now");
        timeout(PATIENCE, self.served).await.expect("it stops")
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    pub(crate) async fn try_send(
        &self,
        mut request: Request<Body>,
    ) -> Result<Answer, hyper_util::client::legacy::Error> {
        let uri = format!("http://{}{}", self.address, request.uri());
        *request.uri_mut() = uri.parse().expect("a URI");
        let response = timeout(PATIENCE, self.client.request(request))
            .await
            .expect("an answer in time")?;
        let (head, body) = response.into_parts();
        let body = timeout(PATIENCE, body.collect())
            .await
            .expect("a body in time")
            .expect("a whole body")
            .to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, None, Body::empty()))
            .await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send(request(Method::GET, path, Some(token), Body::empty()))
            .await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.send(request(Method::POST, path, None, Body::empty()))
            .await
    }

    pub(crate) async fn post_json(&self, token: Option<&str>, path: &str, body: &Value) -> Answer {
        self.send_json(Method::POST, token, path, body).await
    }

    pub(crate) async fn send_json(
        &self,
        method: Method,
        token: Option<&str>,
        path: &str,
        body: &Value,
    ) -> Answer {
        self.send(json_request(method, path, token, body)).await
    }

    /// Logs in as a seeded user and returns the access token.
    pub(crate) async fn token(&self, user: u32) -> String {
        let pair = self.login(user).await;
        pair["access_token"].as_str().expect("a token").to_owned()
    }

    /// Logs in as a seeded user.
    pub(crate) async fn login(&self, user: u32) -> Value {
        self.login_on(user, "test").await
    }

    /// Logs in as a seeded user on a device of this name.
    pub(crate) async fn login_on(&self, user: u32, device: &str) -> Value {
        let email = format!("user{user}@folio.test");
        let body =
            serde_json::json!({ "email": email, "password": "folio-demo", "device": device });
        let answer = self.post_json(None, "/api/v1/auth/login", &body).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    /// Number of statements in `Server-Timing`.
    pub(crate) fn queries(&self) -> u32 {
        let timing = self.header("server-timing");
        let count = timing.rsplit_once("queries;desc=").map(|(_, count)| count);
        count.expect("a count").parse().expect("a number")
    }

    /// The number in a header.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.header(name).parse().expect("a number")
    }

    /// Asserts a problem document of this status; returns the names of its fields.
    pub(crate) fn faults(&self, status: u16) -> Vec<String> {
        assert_eq!(self.status, status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(
            problem["title"].is_string()
                && problem["detail"].is_string()
                && problem["type"].is_string()
        );
        let faults = problem["errors"].as_array().into_iter().flatten();
        faults
            .map(|fault| fault["field"].as_str().expect("a field").to_owned())
            .collect()
    }
}

pub(crate) fn request(
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Body,
) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(body).expect("a request")
}

pub(crate) fn json_request(
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Request<Body> {
    let mut request = request(method, path, token, Body::from(body.to_string()));
    let kind = "application/json".parse().expect("a header");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    request
}

/// Runs all futures concurrently on this task.
pub(crate) async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut are_done = true;
        for (future, output) in &mut waiting {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => are_done = false,
                }
            }
        }
        if are_done {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    waiting
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}
