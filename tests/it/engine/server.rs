//! A target that records its requests, and answers by the path: `/hold` not before it is released, `/slow` after 50 ms,
//! `/status/404` with that status, `/first/503/2/a` the first two requests of this path with that status, `…/busy` with
//! `retry-after: 60`, `/once` closes a reused connection without an answer, `/count` with the number of requests of this
//! path so far, `/timing/db;dur=1/app;dur=2` with two `server-timing` headers, any other path at once, with a JSON body.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const BODY: &str = r#"{"id": 42, "token": "t0"}"#;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// The head, lower case, as it came.
    pub(crate) head: String,
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// A server on a free port of the loopback, until it is dropped with its runtime.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Sender<usize>,
    released: watch::Sender<bool>,
    waiting: Arc<Waiting>,
}

/// The number of requests that have arrived and have no answer yet.
#[derive(Debug, Default)]
struct Waiting {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = listener.await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = Self {
            url: format!("http://{address}"),
            seen: Arc::default(),
            count: watch::Sender::new(0),
            released: watch::Sender::new(false),
            waiting: Arc::default(),
        };
        let this = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = this.clone();
                tokio::spawn(async move { this.serve(stream).await });
            }
        });
        server
    }

    /// Answers all held requests, and later ones at once.
    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    /// Returns when this many requests have arrived.
    pub(crate) async fn has_seen(&self, requests: usize) {
        let mut count = self.count.subscribe();
        let arrived = count.wait_for(|count| *count >= requests);
        let arrived = tokio::time::timeout(Duration::from_secs(30), arrived).await;
        assert!(arrived.is_ok(), "{requests} requests never arrived");
    }

    /// The largest number of requests that waited for their answers at the same time.
    pub(crate) fn peak(&self) -> usize {
        self.waiting.peak.load(Ordering::SeqCst)
    }

    /// Everything that arrived, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        for of_connection in 0.. {
            while !bytes.ends_with(b"\r\n\r\n") {
                match stream.read_buf(&mut bytes).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
            }
            let head = String::from_utf8_lossy(&bytes).into_owned();
            bytes.clear();
            let seen = Seen {
                at: Instant::now(),
                head,
            };
            let path = seen.path().to_owned();
            let nth = {
                let mut all = self.seen.lock().expect("no panic");
                all.push(seen);
                all.iter().filter(|seen| seen.path() == path).count()
            };
            let waiting = self.waiting.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.waiting.peak.fetch_max(waiting, Ordering::SeqCst);
            self.count.send_modify(|count| *count += 1);
            if path.starts_with("/hold") {
                let mut released = self.released.subscribe();
                let _ = released.wait_for(|released| *released).await;
            }
            if path.starts_with("/once") && of_connection > 0 {
                return;
            }
            if path.starts_with("/slow") {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let status = status(&path, nth);
            let body = if path.starts_with("/count") {
                format!(r#"{{"n": {nth}, "items": ["a", "b", "c"]}}"#)
            } else {
                BODY.to_owned()
            };
            let timing = path
                .strip_prefix("/timing/")
                .map_or_else(String::new, |values| {
                    let values = values.replace("%22", "\"");
                    let lines = values.split('/');
                    let lines = lines.map(|value| format!("server-timing: {value}\r\n"));
                    lines.collect()
                });
            let retry_after = if path.contains("/busy") {
                "retry-after: 60\r\n"
            } else {
                ""
            };
            let answer = format!(
                "HTTP/1.1 {status} X\r\n{timing}{retry_after}content-length: {}\r\n\r\n{body}",
                body.len()
            );
            self.waiting.now.fetch_sub(1, Ordering::SeqCst);
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// The status of the n-th answer to a path.
fn status(path: &str, nth: usize) -> &str {
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some("status"), Some(status), _) => status,
        (Some("first"), Some(status), Some(times)) if times.parse().is_ok_and(|n| nth <= n) => {
            status
        }
        _ => "200",
    }
}
