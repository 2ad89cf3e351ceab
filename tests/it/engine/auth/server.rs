//! A server that records whole requests and answers as its test decides.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, Method, Uri};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Arrived {
    /// The value of a header; empty without it.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("a text"))
    }
}

/// A server on a free port of the loopback, until its runtime ends.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    pub(crate) url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Recording {
    /// Answers each request by `answer`.
    pub(crate) async fn start(
        answer: impl Fn(&Arrived) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .expect("a free port");
        let arrived: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let server = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            arrived: Arc::clone(&arrived),
        };
        let app = Router::new().fallback(move |request: Request| {
            let (answer, arrived) = (answer.clone(), Arc::clone(&arrived));
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
                let request = Arrived {
                    method: head.method,
                    uri: head.uri,
                    headers: head.headers,
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
                let response = answer(&request);
                arrived.lock().expect("no panic").push(request);
                response
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    /// Everything that was answered, in order.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().expect("no panic").clone()
    }
}

/// A response with this status and body.
pub(crate) fn answer(status: u16, body: impl Into<String>) -> Response {
    let response = Response::builder().status(status);
    response.body(Body::from(body.into())).expect("a response")
}

/// A response with one header.
pub(crate) fn answer_with(status: u16, name: &str, value: &str) -> Response {
    let response = Response::builder().status(status).header(name, value);
    response.body(Body::empty()).expect("a response")
}
