//! A small shop with what Folio lacks: forms with a CSRF token, uploads, GraphQL, pages with assets, keys, signatures
//! and OAuth. It refuses what is not as it should be.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::runtime::Runtime;

/// The key of the files when `SHOP_KEY` is not set.
const KEY: &str = "only-for-tests";

/// A server on a free port of the loopback, until it is dropped.
pub(crate) struct Shop {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Shop {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let service = routes().into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(listener, service).await });
        Self {
            address,
            _runtime: runtime,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// How many requests of a connection came to `/busy`.
type Attempts = Arc<Mutex<HashMap<SocketAddr, usize>>>;

fn routes() -> Router {
    Router::new()
        .route("/", get(page))
        .route(
            "/style.css",
            get(async || typed("text/css", "body { margin: 0 }")),
        )
        .route(
            "/app.js",
            get(async || typed("text/javascript", "'use strict';")),
        )
        .route("/logo.svg", get(async || typed("image/svg+xml", "<svg/>")))
        .route("/login", get(login_page).post(log_in))
        .route("/account", get(account))
        .route("/pictures", post(upload))
        .route("/graphql", post(graphql))
        .route("/busy", post(busy))
        .route("/keyed", get(keyed))
        .route("/signed", post(signed))
        .route("/token", get(token))
        .route("/oauth/token", post(grant))
        .route("/orders", get(orders))
        .with_state(Attempts::default())
}

fn typed(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind)], text).into_response()
}

async fn page() -> Html<&'static str> {
    Html(
        "<!doctype html><link rel=stylesheet href=/style.css><script src=/app.js></script><img src=/logo.svg>",
    )
}

/// The form's token belongs to the session of the cookie.
async fn login_page() -> Response {
    let session = uuid::Uuid::new_v4();
    let form = format!("<form method=post><input type=hidden name=csrf value=of-{session}></form>");
    let cookie = format!("session={session}; Path=/; HttpOnly");
    ([(SET_COOKIE, cookie)], Html(form)).into_response()
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

async fn log_in(headers: HeaderMap, form: String) -> Response {
    let expected = cookie(&headers, "session")
        .map(|session| format!("user=ann&password=tea&csrf=of-{session}"));
    if expected != Some(form) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let headers = [(LOCATION, "/account"), (SET_COOKIE, "user=ann; Path=/")];
    (StatusCode::SEE_OTHER, headers).into_response()
}

async fn account(headers: HeaderMap) -> Response {
    match cookie(&headers, "user") {
        Some(user) => Html(format!("<h1>Welcome, {user}</h1>")).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn upload(headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_form = kind.is_some_and(|kind| kind.starts_with(b"multipart/form-data; boundary="));
    let text = String::from_utf8_lossy(&body);
    let parts = [
        "name=\"title\"",
        "name=\"details\"",
        "{\"tags\":[\"tea\",\"mug\"],\"public\":true}",
        "filename=\"picture.svg\"",
        "image/svg+xml",
        "</svg>",
    ];
    if is_form && parts.iter().all(|part| text.contains(part)) {
        (StatusCode::CREATED, Json(json!({ "bytes": body.len() }))).into_response()
    } else {
        (StatusCode::BAD_REQUEST, text.into_owned()).into_response()
    }
}

async fn graphql(Json(operation): Json<Value>) -> Json<Value> {
    let id = operation.pointer("/variables/id").and_then(Value::as_u64);
    let query = operation["query"].as_str().unwrap_or_default();
    Json(match id {
        Some(id) if query.contains("item(id: $id)") => {
            json!({ "data": { "item": { "id": id, "name": format!("tea {id}") } } })
        }
        None if query.contains("items") => {
            json!({ "data": { "items": [{ "id": 7 }, { "id": 8 }] } })
        }
        _ => json!({ "errors": [{ "message": "expected the items, or one by its number" }] }),
    })
}

/// Refuses every other request of a connection.
async fn busy(
    State(attempts): State<Attempts>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> StatusCode {
    let mut attempts = attempts.lock().expect("no panic");
    let attempt = attempts.entry(peer).or_default();
    *attempt += 1;
    if *attempt % 2 == 1 {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::CREATED
    }
}

async fn keyed(headers: HeaderMap, RawQuery(query): RawQuery) -> StatusCode {
    let in_header = headers.get("x-api-key").is_some_and(|key| key == KEY);
    let in_query = query.is_some_and(|query| query == format!("key={KEY}"));
    if in_header || in_query {
        StatusCode::OK
    } else {
        StatusCode::UNAUTHORIZED
    }
}

fn hmac_sha256(text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

async fn signed(headers: HeaderMap, body: String) -> StatusCode {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let time = header("x-timestamp").unwrap_or_default();
    let mut expected = "sha256=".to_owned();
    for byte in hmac_sha256(&format!("POST\n/signed\n{time}\n{body}")) {
        write!(expected, "{byte:02x}").expect("text");
    }
    if time.parse::<u64>().is_ok() && header("x-signature") == Some(&expected) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::FORBIDDEN
    }
}

/// The claims of a token that is signed with the key.
async fn token(headers: HeaderMap) -> Response {
    let claims = || {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (text, signature) = header.strip_prefix("Bearer ")?.rsplit_once('.')?;
        if URL_SAFE_NO_PAD.encode(hmac_sha256(text)) != signature {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(text.split_once('.')?.1).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        claims["exp"].as_u64()?;
        Some(claims)
    };
    match claims() {
        Some(claims) => Json(claims).into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// A token for the client `load-test`, which proves itself by basic authentication.
async fn grant(headers: HeaderMap, form: String) -> Response {
    let login = STANDARD.encode(format!("load-test:{KEY}"));
    let is_known = headers
        .get(AUTHORIZATION)
        .is_some_and(|value| *value == format!("Basic {login}"));
    let asked: HashSet<&str> = form.split('&').collect();
    if is_known && asked == HashSet::from(["grant_type=client_credentials", "scope=orders%3Aread"])
    {
        let token = json!({ "access_token": KEY, "token_type": "Bearer", "expires_in": 300 });
        Json(token).into_response()
    } else {
        let fault = json!({ "error": "invalid_request", "error_description": form });
        (StatusCode::BAD_REQUEST, Json(fault)).into_response()
    }
}

async fn orders(headers: HeaderMap) -> Response {
    match headers.get(AUTHORIZATION) {
        Some(value) if *value == format!("Bearer {KEY}") => {
            Json(json!({ "scope": "orders:read", "items": [] })).into_response()
        }
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}
