//! Responses that are compressed, and their headers.

use super::*;
use crate::settings::Settings;

fn response(kind: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    let kind = kind.parse().expect("a value");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn accepts(line: &str) -> Accepted {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, line.parse().expect("a value"));
    Accepted::of(&headers)
}

fn packer() -> Packer {
    let settings = Arc::new(Live::new(Settings::default()));
    Packer::new(&settings, &Metrics::new().expect("metrics")).expect("a packer")
}

#[test]
fn only_complete_text_of_sufficient_length_is_compressed() {
    let long = "a".repeat(LEAST as usize);
    for kind in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/problem+json",
        "text/html",
        "text/csv;header=present",
        "text/plain; version=0.0.4",
        "application/javascript",
        "image/svg+xml",
    ] {
        assert_eq!(unfit(&response(kind, long.clone())), None, "{kind}");
    }
    for kind in [
        "image/png",
        "application/octet-stream",
        "application/zip",
        "text/event-stream",
        "json",
        "",
    ] {
        let found = unfit(&response(kind, long.clone()));
        assert_eq!(found, Some(Skipped::Kind), "{kind:?}");
    }
    let short = response("text/html", long[1..].to_owned());
    assert_eq!(unfit(&short), Some(Skipped::Small));
    let pending = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    let streamed = response("text/html", Body::from_stream(pending));
    assert_eq!(unfit(&streamed), Some(Skipped::Streamed));
    for (name, value) in [
        (header::CONTENT_ENCODING, "br"),
        (header::CONTENT_RANGE, "bytes 0-1/2"),
        (header::CACHE_CONTROL, "public, No-Transform"),
    ] {
        let mut special = response("text/html", long.clone());
        special
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        assert_eq!(unfit(&special), Some(Skipped::Encoded), "{value}");
    }
}

#[tokio::test]
async fn a_compressed_response_declares_its_encoding_and_weakens_its_tag() {
    let mut plain = response("text/html", "a".repeat(5_000));
    for (name, value) in [
        (header::ETAG, "\"v1\""),
        (header::CONTENT_LENGTH, "5000"),
        (header::ACCEPT_RANGES, "bytes"),
        (header::VARY, "origin"),
    ] {
        plain
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let packed = packer()
        .packed(Compression::Gzip, accepts("gzip"), plain)
        .await;
    let headers = packed.headers();
    assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
    assert_eq!(headers[header::ETAG], "W/\"v1\"");
    assert!(!headers.contains_key(header::CONTENT_LENGTH));
    assert!(!headers.contains_key(header::ACCEPT_RANGES));
    let vary: Vec<_> = headers.get_all(header::VARY).iter().collect();
    assert_eq!(vary, ["origin", "accept-encoding"]);
    assert!(
        packed
            .body()
            .size_hint()
            .exact()
            .is_some_and(|size| size < 1_000)
    );
}

#[tokio::test]
async fn a_client_without_support_gets_the_plain_body_with_vary() {
    let plain = response("text/html", "a".repeat(5_000));
    let out = packer()
        .packed(Compression::Br, accepts("gzip"), plain)
        .await;
    assert!(!out.headers().contains_key(header::CONTENT_ENCODING));
    assert_eq!(out.headers()[header::VARY], "accept-encoding");
    assert_eq!(out.body().size_hint().exact(), Some(5_000));
}

#[tokio::test]
async fn a_cached_body_is_compressed_once_and_an_uncached_one_every_time() {
    let packer = packer();
    let kept = Bytes::from("a kept body ".repeat(500));
    for _ in 0..3 {
        let plain = response("text/html", kept.clone());
        packer.packed(Compression::Br, accepts("br"), plain).await;
        let plain = response("text/html", "another one ".repeat(500));
        packer.packed(Compression::Br, accepts("br"), plain).await;
    }
    assert_eq!(packer.remembered.get(), 2);
    let instruments = &packer.encodings[Encoding::Br as usize];
    assert_eq!(instruments.seconds.get_sample_count(), 1 + 3);
    assert_eq!(instruments.bytes_in.get(), 6 * kept.len() as u64);
    assert!(instruments.bytes_out.get() * 10 < instruments.bytes_in.get());
}

#[tokio::test]
async fn under_very_high_cpu_load_only_remembered_bodies_are_compressed() {
    let packer = packer();
    let kept = Bytes::from("a kept body ".repeat(500));
    let held = kept.clone();
    let fails = packer.pack(&kept, Encoding::Gzip, Effort::None).await;
    assert_eq!(fails, Err(Skipped::Busy));
    let first = packer.pack(&kept, Encoding::Gzip, Effort::Low).await;
    let again = packer.pack(&held, Encoding::Gzip, Effort::None).await;
    assert!(first.is_ok());
    assert_eq!(again, first);
}

#[tokio::test]
async fn a_large_body_is_compressed_too() {
    let large = Bytes::from("a large body ".repeat(20_000));
    let packed = packer().pack(&large, Encoding::Gzip, Effort::Full).await;
    assert!(packed.is_ok_and(|packed| packed.len() * 20 < large.len()));
}
