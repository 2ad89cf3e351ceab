//! The transport with a well-behaved target: one connection, exact counts, correct times; and the servers for its other
//! tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gander::outcome::Outcome;
use gander::plan::ReadsBody;
use gander::scenario::{Cookies, Timeouts, TlsOptions, Trust};
use gander::transport::{Client, Exchange, Outgoing, Settings, Shared};
use gander::units::ByteSize;
use http::{HeaderMap, HeaderValue, Method, Uri};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Ten redirects, cookies, 64 MiB: the defaults of a scenario.
pub(crate) fn settings(tls: &TlsOptions) -> Settings<'_> {
    Settings {
        redirects: 10,
        cookies: Cookies::PerUser,
        body_limit: ByteSize(64 << 20),
        resend: true,
        tls,
        allowed_hosts: Vec::new(),
    }
}

/// A client with the default settings, changed as needed.
pub(crate) fn client(change: impl FnOnce(&mut Settings<'_>)) -> Client {
    let tls = TlsOptions::default();
    let mut settings = settings(&tls);
    change(&mut settings);
    Client::new(Shared::new(settings).expect("a transport"))
}

/// A request to be sent; the fields can be changed.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: &'static str,
    pub(crate) timeouts: Timeouts,
    pub(crate) reads_body: ReadsBody,
}

impl Ask {
    /// `GET http://server/path`, reading the body.
    pub(crate) fn get(server: SocketAddr, path: &str) -> Self {
        Self::url(&format!("http://{server}{path}"))
    }

    /// `GET` of a whole URL, reading the body.
    pub(crate) fn url(url: &str) -> Self {
        Self {
            method: Method::GET,
            uri: url.parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: "",
            timeouts: Timeouts::default(),
            reads_body: ReadsBody::Yes,
        }
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    /// Sends it.
    pub(crate) async fn by(self, client: &mut Client) -> Exchange {
        client
            .send(Outgoing {
                method: &self.method,
                uri: &self.uri,
                headers: self.headers,
                content: Bytes::from_static(self.body.as_bytes()).into(),
                cookies: Vec::new(),
                header_case: None,
                redirects: None,
                timeouts: self.timeouts,
                reads_body: self.reads_body,
            })
            .await
    }
}

/// The kept body as text.
pub(crate) fn text(exchange: &Exchange) -> &str {
    let body = exchange.body().expect("a body");
    std::str::from_utf8(body).expect("text")
}

/// A server on loopback that gives each connection, with its number, to `serve`.
pub(crate) async fn server<S, F>(serve: S) -> SocketAddr
where
    S: Fn(TcpStream, usize) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            tokio::spawn(serve(stream, number));
        }
    });
    address
}

/// Reads one request; none once the client has closed.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().expect("a length"));
            if body.len() >= length {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// A server that answers every request by `respond`, which is given the request's text.
pub(crate) async fn responder(
    respond: impl Fn(&str) -> String + Send + Sync + 'static,
) -> SocketAddr {
    let respond = Arc::new(respond);
    server(move |mut stream, _| {
        let respond = Arc::clone(&respond);
        async move {
            while let Some(request) = read_request(&mut stream).await {
                if stream
                    .write_all(respond(&request).as_bytes())
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
    })
    .await
}

/// A plain answer with a length.
pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn bytes_are_counted_exactly_and_times_are_in_order() {
    let answer = ok("hello");
    let length = answer.len() as u64;
    let server = responder(move |_| answer.clone()).await;
    let mut client = client(|_| ());
    let host = format!("host: {server}\r\n");
    for is_first in [true, false] {
        let exchange = Ask::get(server, "/a?b=c")
            .header("x-own", "1")
            .by(&mut client)
            .await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        assert_eq!(text(&exchange), "hello");
        let sent = format!("GET /a?b=c HTTP/1.1\r\nx-own: 1\r\n{host}\r\n");
        assert_eq!(exchange.bytes_out, sent.len() as u64);
        assert_eq!(exchange.bytes_in, length);
        assert_eq!(exchange.connection.is_some(), is_first);
        let first_byte = exchange.first_byte.expect("a first byte");
        assert!(exchange.started <= first_byte && first_byte <= exchange.finished);
    }
}

#[tokio::test]
async fn a_body_goes_out_with_its_length_and_a_post_without_one_says_so() {
    let server = responder(|request| ok(&request.replace("\r\n", "|"))).await;
    let mut client = client(|_| ());
    let mut post = Ask::get(server, "/");
    post.method = Method::POST;
    post.body = "a=1";
    let exchange = post.by(&mut client).await;
    assert!(text(&exchange).starts_with("POST / HTTP/1.1|"));
    assert!(
        text(&exchange).contains("|content-length: 3||a=1"),
        "{}",
        text(&exchange)
    );
    let mut post = Ask::get(server, "?only=query");
    post.method = Method::POST;
    let exchange = post.by(&mut client).await;
    assert!(
        text(&exchange).starts_with("POST /?only=query HTTP/1.1|"),
        "{}",
        text(&exchange)
    );
    assert!(text(&exchange).contains("content-length: 0|"));
}

#[tokio::test]
async fn a_connection_is_kept_until_the_target_closes_it_and_then_opened_anew() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let server = server(move |mut stream, _| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            // Three answers, the last of them announced as the last.
            for close in ["", "", "connection: close\r\n"] {
                if read_request(&mut stream).await.is_none() {
                    return;
                }
                let answer = format!("HTTP/1.1 200 OK\r\n{close}content-length: 2\r\n\r\nok");
                stream.write_all(answer.as_bytes()).await.expect("a reader");
            }
        }
    })
    .await;
    let mut client = client(|_| ());
    let mut opened = Vec::new();
    for _ in 0..7 {
        let exchange = Ask::get(server, "/").by(&mut client).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        opened.push(exchange.connection.is_some());
    }
    assert_eq!(opened, [true, false, false, true, false, false, true]);
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_idle_connection_closed_without_a_word_is_opened_anew() {
    let (closed, mut is_closed) = tokio::sync::mpsc::channel(1);
    let server = server(move |mut stream, _| {
        let closed = closed.clone();
        async move {
            read_request(&mut stream).await.expect("a request");
            stream
                .write_all(ok("x").as_bytes())
                .await
                .expect("a reader");
            drop(stream);
            closed.send(()).await.expect("the test");
        }
    })
    .await;
    let mut client = client(|_| ());
    for _ in 0..3 {
        let exchange = Ask::get(server, "/").by(&mut client).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        assert!(exchange.connection.is_some());
        is_closed.recv().await.expect("a close");
        // The runtime must poll its sockets before it can know.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_dropped_exchange_closes_its_connection_and_leaves_the_client_usable() {
    let server = server(|mut stream, number| async move {
        read_request(&mut stream).await.expect("a request");
        if number == 0 {
            // Half an answer, then nothing, until the client closes.
            let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
            stream.write_all(half.as_bytes()).await.expect("a reader");
            assert!(read_request(&mut stream).await.is_none());
        } else {
            stream
                .write_all(ok("whole").as_bytes())
                .await
                .expect("a reader");
        }
    })
    .await;
    let mut client = client(|_| ());
    let cut = tokio::time::timeout(
        Duration::from_millis(50),
        Ask::get(server, "/").by(&mut client),
    );
    assert!(cut.await.is_err());
    let exchange = Ask::get(server, "/").by(&mut client).await;
    assert_eq!(text(&exchange), "whole");
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_counted_and_not_kept() {
    let body = "x".repeat(300_000);
    let answer = ok(&body);
    let length = answer.len() as u64;
    let server = responder(move |_| answer.clone()).await;
    let mut client = client(|_| ());
    for _ in 0..2 {
        let mut ask = Ask::get(server, "/");
        ask.reads_body = ReadsBody::No;
        let exchange = ask.by(&mut client).await;
        assert_eq!((exchange.outcome, exchange.bytes_in), (Outcome::Ok, length));
        assert!(exchange.body().is_none());
    }
    let exchange = Ask::get(server, "/").by(&mut client).await;
    assert_eq!(text(&exchange), body);
    assert!(exchange.connection.is_none());
}

#[tokio::test]
async fn answers_without_a_body_end_with_their_head() {
    let server = responder(|request| match request.split(' ').nth(1) {
        Some("/204") => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        Some("/304") => "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n".to_owned(),
        Some("/100") => format!("HTTP/1.1 100 Continue\r\n\r\n{}", ok("after")),
        _ => "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ncontent-encoding: gzip\r\n\r\n".to_owned(),
    })
    .await;
    let mut client = client(|_| ());
    for (path, body) in [("/204", ""), ("/304", ""), ("/100", "after")] {
        let exchange = Ask::get(server, path).by(&mut client).await;
        assert_eq!(
            (exchange.outcome, text(&exchange)),
            (Outcome::Ok, body),
            "{path}"
        );
    }
    let mut head = Ask::get(server, "/head");
    head.method = Method::HEAD;
    let exchange = head.by(&mut client).await;
    assert_eq!((exchange.outcome, text(&exchange)), (Outcome::Ok, ""));
    assert!(exchange.connection.is_none());
}

#[tokio::test]
async fn a_host_header_of_ones_own_is_sent_as_it_is() {
    let server = responder(ok).await;
    let exchange = Ask::get(server, "/")
        .header("host", "shop.test")
        .by(&mut client(|_| ()))
        .await;
    assert_eq!(text(&exchange).matches("host: ").count(), 1);
    assert!(text(&exchange).contains("host: shop.test\r\n"));
}

#[test]
fn the_options_of_a_scenario_are_the_settings_of_its_transport() {
    let plan = crate::plan::plan(
        "{ users: 1, for: 1s }",
        "http: { redirects: 3, cookies: off, body_limit: 1KiB, resend: false, tls: { insecure: true } }\n\
         flows: [{ name: browse, steps: [{ get: / }] }]",
    );
    let settings = Settings::from(&plan.workload.http);
    assert_eq!(
        (settings.redirects, settings.cookies, settings.body_limit),
        (3, Cookies::Off, ByteSize(1 << 10))
    );
    assert!(!settings.resend);
    assert_eq!(settings.tls.trust, Trust::Anything);
    assert!(settings.allowed_hosts.is_empty());
}
