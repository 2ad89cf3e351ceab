//! Bodies: how much of one is read, its decompression, and the limits on bombs.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use gander::outcome::Outcome;
use gander::plan::ReadsBody;
use gander::transport::Exchange;
use gander::units::ByteSize;
use tokio::io::AsyncWriteExt;

use crate::transport::{Ask, client, read_request, server, text};

/// The result of reading `body`, sent with these header lines, with a limit of 2 MiB.
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

/// Without the header that zlib gives it, as some servers send `deflate`.
fn bare_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
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
        ("deflate", bare_deflate(hello)),
        ("gzip", [gzip(hello), vec![0; 16]].concat()),
        ("gzip", [gzip(hello), b"trash".to_vec()].concat()),
        ("deflate", [zlib(hello), b"trash".to_vec()].concat()),
        ("zstd", [zstd(hello), vec![0; 16]].concat()),
        ("deflate, gzip", gzip(&zlib(hello))),
        ("gzip\r\ncontent-encoding: gzip", gzip(&gzip(hello))),
        ("utf-8", hello.to_vec()),
        ("none", hello.to_vec()),
        ("", hello.to_vec()),
        ("utf-8, gzip", gzip(hello)),
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
        assert!(exchange.body().is_none(), "{encoding}");
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
        ("gzip", [hello.clone(), hello[..12].to_vec()].concat()),
        ("deflate", bare_deflate(b"hello")[..3].to_vec()),
        ("zstd, gzip", hello.clone()),
        ("gzip, gzip, gzip, gzip, gzip, gzip", hello.clone()),
    ] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let exchange = read(&headers, body, ReadsBody::Yes).await;
        assert_eq!(
            exchange.outcome,
            Outcome::BadResponse,
            "{encoding}: {}",
            exchange.detail
        );
        assert!(exchange.body().is_none());
    }
}

#[tokio::test]
async fn bombs_are_stopped_at_their_cap_and_go_unnoticed_by_those_who_do_not_read() {
    let zeros = vec![0; 4 << 20];
    for (encoding, bomb) in [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("br", BROTLI_BOMB.to_vec()),
        // The start of the same with a window of 16 MiB.
        ("br", vec![0xcf, 0xff, 0xff, 0x7f, 0xf8, 0x27, 0x00, 0xe2]),
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
    // Up to 1 MiB any ratio is allowed, and a good ratio is allowed up to the limit.
    for size in [1 << 20, 2 << 20] {
        let body = if size > 1 << 20 {
            noisy(size)
        } else {
            zeros[..size].to_vec()
        };
        let exchange = read("content-encoding: gzip\r\n", gzip(&body), ReadsBody::Yes).await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{size}: {}", exchange.detail);
        assert_eq!(exchange.body().expect("a body").len(), size);
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
