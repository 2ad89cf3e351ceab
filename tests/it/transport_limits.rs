//! Limits in time and size: each ends a request with its own outcome, when it should.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use gander::outcome::Outcome;
use gander::plan::ReadsBody;
use gander::scenario::Timeouts;
use gander::transport::Exchange;
use gander::units::ByteSize;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::transport::{Ask, client, ok, read_request, server, text};

const LIMIT: Duration = Duration::from_millis(300);

/// Limits of a minute, to be shortened one by one.
fn minute() -> Timeouts {
    let minute = Duration::from_secs(60);
    Timeouts {
        connect: minute,
        first_byte: minute,
        idle: minute,
        total: minute,
    }
}

/// Asserts that a limit ended the exchange, not before it was reached and soon after it. The bound above is wider than
/// the 10 % promised, for machines that are busy with other tests.
fn ended_by(exchange: &Exchange, outcome: Outcome, after: Duration, names: &str) {
    let took = exchange.finished - exchange.started;
    assert_eq!(exchange.outcome, outcome, "{}", exchange.detail);
    assert!(
        took >= after && took < after + LIMIT * 3,
        "{names}: {took:?}"
    );
    assert!(exchange.detail.contains(names), "{}", exchange.detail);
}

/// A server that answers with `steps`, one each `pause`, the first at once, and then holds the connection.
async fn dribbling(steps: &'static [&'static str], pause: Duration) -> std::net::SocketAddr {
    server(move |mut stream, _| async move {
        read_request(&mut stream).await.expect("a request");
        for step in steps {
            if stream.write_all(step.as_bytes()).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
        read_request(&mut stream).await;
    })
    .await
}

#[tokio::test]
async fn no_first_byte_in_time_is_a_timeout() {
    let server = dribbling(&[], Duration::ZERO).await;
    let mut ask = Ask::get(server, "/");
    ask.timeouts = Timeouts {
        first_byte: LIMIT,
        ..minute()
    };
    let exchange = ask.by(&mut client(|_| ())).await;
    ended_by(&exchange, Outcome::Timeout, LIMIT, "the first byte");
    assert!(exchange.first_byte.is_none() && exchange.status.is_none());
}

#[tokio::test]
async fn silence_within_head_or_body_is_a_timeout() {
    for steps in [
        &["HTTP/1.1 200 O"] as &[&str],
        &["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"],
    ] {
        let server = dribbling(steps, Duration::ZERO).await;
        let mut ask = Ask::get(server, "/");
        ask.timeouts = Timeouts {
            idle: LIMIT,
            ..minute()
        };
        let exchange = ask.by(&mut client(|_| ())).await;
        ended_by(&exchange, Outcome::Timeout, LIMIT, "the next bytes");
        assert!(exchange.first_byte.is_some());
        assert_eq!(exchange.bytes_in, steps[0].len() as u64);
    }
}

#[tokio::test]
async fn dribbling_on_below_the_idle_limit_ends_at_the_total_one() {
    const STEPS: &[&str] = &[
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
    ];
    let server = dribbling(STEPS, LIMIT / 3).await;
    let mut ask = Ask::get(server, "/");
    ask.timeouts = Timeouts {
        idle: LIMIT * 2,
        total: LIMIT,
        ..minute()
    };
    let exchange = ask.by(&mut client(|_| ())).await;
    ended_by(&exchange, Outcome::Timeout, LIMIT, "the whole response");
}

#[tokio::test]
async fn a_short_limit_after_long_ones_and_a_long_one_after_short_ones_are_both_kept() {
    // Every second request is answered late: after the short limit, before the long one.
    let server = server(|mut stream, _| async move {
        while let Some(request) = read_request(&mut stream).await {
            if request.contains("/late") {
                tokio::time::sleep(LIMIT * 2).await;
            }
            if stream.write_all(ok("x").as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut client = client(|_| ());
    for (path, first_byte, outcome) in [
        ("/", Duration::from_secs(60), Outcome::Ok),
        ("/late", LIMIT, Outcome::Timeout),
        ("/", LIMIT, Outcome::Ok),
        ("/late", LIMIT * 30, Outcome::Ok),
    ] {
        let mut ask = Ask::get(server, path);
        ask.timeouts = Timeouts {
            first_byte,
            ..minute()
        };
        assert_eq!(ask.by(&mut client).await.outcome, outcome, "{path}");
    }
}

#[tokio::test]
async fn a_target_that_does_not_accept_is_a_connect_timeout() {
    // Linux completes handshakes until the backlog is full, then drops them.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let listener: TcpListener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the backlog has no end");
    }
    let mut ask = Ask::get(address, "/");
    ask.timeouts = Timeouts {
        connect: LIMIT,
        ..minute()
    };
    let exchange = ask.by(&mut client(|_| ())).await;
    ended_by(
        &exchange,
        Outcome::ConnectTimeout,
        LIMIT,
        "no connection within 300ms",
    );
    let mut ask = Ask::get(address, "/");
    ask.timeouts = Timeouts {
        total: LIMIT,
        ..minute()
    };
    let exchange = ask.by(&mut client(|_| ())).await;
    ended_by(&exchange, Outcome::Timeout, LIMIT, "still connecting");
}

#[tokio::test]
async fn a_refused_connection_an_unknown_name_and_an_odd_scheme_have_their_own_outcomes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut client = client(|_| ());
    for (url, outcome) in [
        (format!("http://{address}/"), Outcome::ConnectRefused),
        ("http://no-such-host.invalid/".to_owned(), Outcome::Dns),
        ("ftp://127.0.0.1/".to_owned(), Outcome::ConnectFailed),
        (
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            Outcome::AddressRefused,
        ),
        (
            "http://[::ffff:169.254.169.254]/".to_owned(),
            Outcome::AddressRefused,
        ),
        ("http://0.0.0.0/".to_owned(), Outcome::AddressRefused),
        ("http://192.0.2.1/".to_owned(), Outcome::AddressRefused),
    ] {
        let exchange = Ask::url(&url).by(&mut client).await;
        assert_eq!(exchange.outcome, outcome, "{url}: {}", exchange.detail);
        assert_eq!((exchange.bytes_in, exchange.bytes_out), (0, 0));
        assert!(!exchange.detail.is_empty());
    }
}

/// What comes of reading `body`, sent with these header lines, under a limit of 2 MiB.
async fn read(headers: &str, body: Vec<u8>, reads_body: ReadsBody) -> Exchange {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend(body);
    let answer = Arc::new(answer);
    let server = server(move |mut stream, _| {
        let answer = Arc::clone(&answer);
        async move {
            read_request(&mut stream).await.expect("a request");
            let _ = stream.write_all(&answer).await;
        }
    })
    .await;
    let mut client = client(|settings| settings.body_limit = ByteSize(2 << 20));
    let mut ask = Ask::get(server, "/");
    ask.reads_body = reads_body;
    ask.by(&mut client).await
}

#[tokio::test]
async fn a_body_beyond_the_read_limit_is_not_read() {
    for reads_body in [ReadsBody::Yes, ReadsBody::No] {
        let exchange = read("", vec![b'x'; 2 << 20], reads_body).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        let exchange = read("", vec![b'x'; (2 << 20) + 1], reads_body).await;
        assert_eq!(exchange.outcome, Outcome::BodyLimit);
        assert!(
            exchange.bytes_in < 1 << 20,
            "{} bytes were read",
            exchange.bytes_in
        );
    }
}

#[tokio::test]
async fn an_endless_body_ends_at_the_read_limit() {
    let server = server(|mut stream, _| async move {
        read_request(&mut stream).await.expect("a request");
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let mut sent = stream.write_all(head.as_bytes()).await;
        while sent.is_ok() {
            sent = stream.write_all(chunk.as_bytes()).await;
        }
    })
    .await;
    let mut client = client(|settings| settings.body_limit = ByteSize(2 << 20));
    let exchange = Ask::get(server, "/").by(&mut client).await;
    assert_eq!(exchange.outcome, Outcome::BodyLimit, "{}", exchange.detail);
    assert!(
        exchange.bytes_in < 3 << 20,
        "{} bytes were read",
        exchange.bytes_in
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// "hello, hello, hello" by node's zlib.brotliCompressSync.
const BROTLI: &[u8] = &[
    0x1b, 0x12, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0x44, 0x09, 0x52, 0x86, 0x96, 0x6c, 0x2c, 0x6f,
    0x11, 0x4f, 0x24, 0xd0, 0x71, 0x00,
];

/// 64 MiB of zeros by the same.
const BROTLI_BOMB: &[u8] = &[
    0xcb, 0xff, 0xff, 0x3f, 0xf8, 0x27, 0x00, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x8f, 0xff, 0xff,
    0x7f, 0xf0, 0x4f, 0x00, 0xc4, 0x61, 0x11, 0x80, 0xee, 0xfd, 0x1f, 0xff, 0xff, 0xff, 0xe0, 0x9f,
    0x00, 0x88, 0xc3, 0x02, 0x00, 0xdd, 0xfb, 0x3f, 0xfe, 0xff, 0xff, 0xc1, 0x3f, 0x01, 0x10, 0x87,
    0x05, 0x00, 0xba, 0xf7, 0x7f, 0xfc, 0xff, 0xff, 0x83, 0x7f, 0x02, 0x20, 0x0e, 0x0b, 0x00, 0x74,
    0xef, 0xff, 0xf8, 0xff, 0xff, 0x07, 0xff, 0x04, 0x40, 0x1c, 0x16, 0x00, 0xe8, 0xde, 0xff, 0xf1,
    0xff, 0xff, 0x0f, 0xfe, 0x09, 0x80, 0x38, 0x2c, 0x00, 0xd0, 0xbd, 0xff, 0xcb, 0xff, 0xff, 0x3f,
    0xfc, 0x13, 0x00, 0x71, 0x58, 0x00, 0xa0, 0x7b, 0xff, 0x07,
];

#[tokio::test]
async fn a_body_that_is_read_is_inflated() {
    let hello = b"hello, hello, hello";
    let two_frames = [zstd(b"hello, "), zstd(b"hello, hello")].concat();
    for (encoding, body) in [
        ("gzip", gzip(hello)),
        ("x-gzip", [gzip(b"hello, "), gzip(b"hello, hello")].concat()),
        ("deflate", zlib(hello)),
        ("BR", BROTLI.to_vec()),
        ("zstd", zstd(hello)),
        ("zstd", two_frames),
        ("identity", hello.to_vec()),
        ("identity, gzip", gzip(hello)),
    ] {
        let length = body.len();
        let headers = format!("content-encoding: {encoding}\r\n");
        let exchange = read(&headers, body.clone(), ReadsBody::Yes).await;
        assert_eq!(
            exchange.outcome,
            Outcome::Ok,
            "{encoding}: {}",
            exchange.detail
        );
        assert_eq!(text(&exchange).as_bytes(), hello, "{encoding}");
        assert!(exchange.bytes_in > length as u64 && exchange.bytes_in < length as u64 + 100);
        let exchange = read(&headers, body, ReadsBody::No).await;
        assert!(exchange.body.is_none(), "{encoding}");
    }
}

#[tokio::test]
async fn what_cannot_be_inflated_is_a_bad_response() {
    let hello = gzip(b"hello");
    for (encoding, body) in [
        ("gzip", b"not gzip at all".to_vec()),
        ("gzip", hello[..hello.len() - 6].to_vec()),
        ("deflate", b"not zlib at all".to_vec()),
        ("br", BROTLI[..BROTLI.len() - 4].to_vec()),
        ("zstd", b"not zstd at all".to_vec()),
        ("zstd", zstd(b"hello")[..6].to_vec()),
        ("gzip, br", hello.clone()),
        ("gzip\r\ncontent-encoding: gzip", gzip(&hello)),
        ("rot13", b"uryyb".to_vec()),
    ] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let exchange = read(&headers, body, ReadsBody::Yes).await;
        assert_eq!(
            exchange.outcome,
            Outcome::BadResponse,
            "{encoding}: {}",
            exchange.detail
        );
        assert!(exchange.body.is_none());
    }
}

#[tokio::test]
async fn bombs_are_stopped_at_their_cap_and_go_unnoticed_by_those_who_do_not_read() {
    let zeros = vec![0; 16 << 20];
    for (encoding, bomb) in [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("br", BROTLI_BOMB.to_vec()),
        ("zstd", zstd(&zeros)),
        // Within the ratio, beyond the limit.
        ("gzip", gzip(&noisy(3 << 20))),
    ] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let begun = Instant::now();
        let exchange = read(&headers, bomb.clone(), ReadsBody::Yes).await;
        assert_eq!(
            exchange.outcome,
            Outcome::BodyLimit,
            "{encoding}: {}",
            exchange.detail
        );
        assert!(begun.elapsed() < Duration::from_secs(10), "{encoding}");
        let exchange = read(&headers, bomb, ReadsBody::No).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{encoding}");
    }
    // 1 MiB is free whatever the ratio, and a good ratio may go on to the limit.
    for size in [1 << 20, 2 << 20] {
        let body = if size > 1 << 20 {
            noisy(size)
        } else {
            zeros[..size].to_vec()
        };
        let exchange = read("content-encoding: gzip\r\n", gzip(&body), ReadsBody::Yes).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{size}: {}", exchange.detail);
        assert_eq!(exchange.body.expect("a body").len(), size);
    }
}

/// Bytes that compress, but by less than 100:1.
fn noisy(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 & 0x3
    })
    .take(size)
    .collect()
}
