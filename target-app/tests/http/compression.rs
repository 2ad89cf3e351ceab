//! Compressed bodies on the wire, read as raw bytes, because a client library would decompress them.

use std::io::Read as _;

use axum::http::StatusCode;
use target_app::Config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::folio::{Folio, settings, small};

const LIST: &str = "/api/v1/documents?limit=50";

/// A response as received.
struct Wire {
    /// In lower case.
    head: String,
    body: Vec<u8>,
}

impl Wire {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    }

    fn unpacked(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        match self.header("content-encoding") {
            None => plain.clone_from(&self.body),
            Some("gzip") => {
                let mut decoder = flate2::read::GzDecoder::new(&self.body[..]);
                decoder.read_to_end(&mut plain).expect("gzip");
            }
            Some(other) => {
                assert_eq!(other, "br");
                brotli::BrotliDecompress(&mut &self.body[..], &mut plain).expect("brotli");
            }
        }
        plain
    }
}

async fn ask(folio: &Folio, method: &str, path: &str, accept: &str) -> Wire {
    let mut stream = TcpStream::connect(folio.address).await.expect("a listener");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: folio\r\naccept-encoding: {accept}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n");
    let body = bytes.split_off(end.expect("an end of the head") + 4);
    let head = String::from_utf8(bytes).expect("text").to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    Wire { head, body }
}

#[tokio::test]
async fn a_list_of_json_is_at_least_forty_per_cent_smaller_on_the_wire() {
    let folio = Folio::start(&small()).await;
    let plain = ask(&folio, "GET", LIST, "identity").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    for (accept, encoding) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip;q=0.2", "gzip"),
    ] {
        let packed = ask(&folio, "GET", LIST, accept).await;
        assert_eq!(packed.header("content-encoding"), Some(encoding));
        assert_eq!(packed.header("vary"), Some("accept-encoding"));
        let length = packed.body.len().to_string();
        assert_eq!(packed.header("content-length"), Some(&*length));
        assert!(
            packed.body.len() * 10 <= plain.body.len() * 6,
            "{length} of {} bytes with {encoding}",
            plain.body.len()
        );
        assert_eq!(packed.unpacked(), plain.body);
    }
}

#[tokio::test]
async fn small_or_unwanted_bodies_are_sent_uncompressed() {
    let folio = Folio::start(&small()).await;
    let small = ask(&folio, "GET", "/health", "gzip, br").await;
    assert_eq!(small.header("content-encoding"), None);
    assert_eq!(small.header("vary"), None);
    for accept in ["gzip;q=0, br;q=0", "*;q=0", "identity, gzip;q=0.9", "zstd"] {
        let plain = ask(&folio, "GET", LIST, accept).await;
        assert_eq!(plain.header("content-encoding"), None, "{accept}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_compressed_or_not() {
    let folio = Folio::start(&small()).await;
    for accept in ["identity", "gzip", "br"] {
        let whole = ask(&folio, "GET", LIST, accept).await;
        let head = ask(&folio, "HEAD", LIST, accept).await;
        assert_eq!(head.body, b"");
        for name in ["content-encoding", "content-length", "content-type", "vary"] {
            assert_eq!(head.header(name), whole.header(name), "{name} of {accept}");
        }
    }
}

#[tokio::test]
async fn the_mode_changes_while_the_service_runs() {
    let folio = Folio::start(&Config {
        settings: settings(&["compression=off"]),
        ..small()
    })
    .await;
    for (mode, encoding) in [
        ("off", None),
        ("gzip", Some("gzip")),
        ("br", Some("br")),
        ("off", None),
        ("auto", Some("br")),
    ] {
        folio
            .state
            .replace_settings(settings(&[&format!("compression={mode}")]));
        let answer = ask(&folio, "GET", LIST, "gzip, br").await;
        assert_eq!(answer.header("content-encoding"), encoding, "{mode}");
    }
}

#[tokio::test]
async fn a_cached_answer_is_compressed_once_and_counted_every_time() {
    let folio = Folio::start(&Config {
        settings: settings(&["compression=gzip"]),
        ..small()
    })
    .await;
    let plain = ask(&folio, "GET", LIST, "identity").await.body.len();
    let mut packed = 0;
    for _ in 0..4 {
        packed += ask(&folio, "GET", LIST, "gzip").await.body.len();
    }
    let metrics = folio.get("/metrics").await;
    assert_eq!(metrics.status, StatusCode::OK);
    let text = String::from_utf8(metrics.body.to_vec()).expect("text");
    for line in [
        r#"folio_compression_seconds_count{encoding="gzip"} 1"#.to_owned(),
        "folio_compression_remembered_total 3".to_owned(),
        format!(
            r#"folio_compression_bytes_total{{encoding="gzip",side="in"}} {}"#,
            4 * plain
        ),
        format!(r#"folio_compression_bytes_total{{encoding="gzip",side="out"}} {packed}"#),
        r#"folio_compression_skipped_total{reason="unwanted"} 1"#.to_owned(),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no line {line} in:\n{text}"
        );
    }
}
