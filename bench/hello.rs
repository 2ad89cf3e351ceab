//! The two ends of the overhead measurement: a server that says hello, and a bare hyper loop against one.
//!
//! `hello serve` prints its base URL and serves until it is stopped. `hello loop URL USERS SECONDS` is the floor for a
//! generator on tokio and hyper: users in closed loops, nothing measured, and the number of requests printed.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// Bytes of a document's body.
const DOCUMENT: usize = 2_000;

type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve().await,
        ["loop", url, users, seconds] => {
            let requests =
                request_in_loops(url, users.parse()?, Duration::from_secs(seconds.parse()?))
                    .await?;
            writeln!(std::io::stdout(), "{requests}")?;
            Ok(())
        }
        _ => Err("usage: hello serve | hello loop URL USERS SECONDS".into()),
    }
}

async fn serve() -> Result<(), AnyError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    // As long as a document of Folio, for a comparison of its cached reads with a handler that does nothing.
    let document: Bytes = format!("{{\"body\":\"{}\"}}", "x".repeat(DOCUMENT)).into();
    let json = [("content-type", "application/json")];
    let app = Router::new()
        .route("/hello/{id}", get(|| async { "Hello, World!" }))
        .route(
            "/api/v1/documents/{id}",
            get(move || async move { (json, document.clone()) }),
        );
    axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))),
        app,
    )
    .await?;
    Ok(())
}

async fn request_in_loops(url: &str, users: u32, length: Duration) -> Result<u64, AnyError> {
    let uri: hyper::Uri = url.parse()?;
    let address = uri.authority().ok_or("the URL has no host")?.to_string();
    let (stop, requests) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..users {
        let stream = TcpStream::connect(&address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let (path, address) = (uri.path().to_owned(), address.clone());
        let (stop, requests) = (Arc::clone(&stop), Arc::clone(&requests));
        tasks.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let request = Request::get(&path)
                    .header("host", &address)
                    .body(Empty::<Bytes>::new())?;
                let mut response = sender.send_request(request).await?;
                while let Some(frame) = response.body_mut().frame().await {
                    frame?;
                }
                requests.fetch_add(1, Ordering::Relaxed);
                sender.ready().await?;
            }
            Ok::<_, AnyError>(())
        });
    }
    tokio::time::sleep(length).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(requests.load(Ordering::Relaxed))
}
