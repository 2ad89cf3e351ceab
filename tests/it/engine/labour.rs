//! Bodies that need much work: the users of the same thread continue meanwhile, and the work is limited.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use gander::units::Micros;
use tokio::io::AsyncWriteExt;

use super::plans::plan;
use super::run;
use crate::transport::{read_request, server};

/// The URL of a server that answers everything with this body.
async fn serving(headers: &str, body: Vec<u8>) -> String {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {length}\r\n\r\n");
    let answer = Arc::new([head.into_bytes(), body].concat());
    let address = server(move |mut stream, _| {
        let answer = Arc::clone(&answer);
        async move {
            while read_request(&mut stream).await.is_some() {
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    format!("http://{address}")
}

/// The time that this takes on this machine now.
fn time_of<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    drop(work());
    begun.elapsed()
}

#[tokio::test]
async fn large_bodies_are_parsed_apart_from_the_other_users() {
    let json = format!("[{}0]", r#"{"price": 1234567890.5}, "#.repeat(400_000)).into_bytes();
    let parse = || serde_json::from_slice::<serde_json::Value>(&json).expect("JSON");
    let url = serving("", json.clone()).await;
    let flow = "flows: [ { name: main, steps: [ { get: /, check: [ { json: '$[0].price', exists: true } ] } ] } ]";
    let load = "load: { iterations: 2, users: 1 }";
    // On a busy machine the event loop may be late by itself, but not each time.
    let mut delays = Vec::new();
    for _ in 0..3 {
        let over = run(plan(&url, &format!("{load}\n{flow}"))).await;
        let counts = &over.requests().counts;
        assert_eq!((counts.ended, counts.failed), (2, 0));
        let delay = over.totals.health().peak.loop_delay_max;
        let work = time_of(parse);
        if delay < Micros::from(work / 3) {
            return;
        }
        delays.push((delay, work));
    }
    panic!("the event loop was late: {delays:?}");
}

#[tokio::test]
async fn a_path_that_multiplies_has_an_end() {
    let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
    let url = serving("", deep.into_bytes()).await;
    let path = "$..*..*..*..*";
    for rule in [
        format!("check: [ {{ json: '{path}', exists: true }} ]"),
        format!("capture: {{ x: {{ json: '{path}' }} }}"),
    ] {
        let flow = format!("flows: [ {{ name: main, steps: [ {{ get: /, {rule} }} ] }} ]");
        let load = "load: { iterations: 1, users: 1 }";
        let over = run(plan(&url, &format!("{load}\n{flow}"))).await;
        let counts = &over.requests().counts;
        assert_eq!((counts.ended, counts.failed), (1, 1), "{rule}");
    }
}

#[tokio::test]
async fn what_is_inflated_apart_is_the_same() {
    let text = "0123456789abcdef".repeat(64 << 10);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    let body = encoder.finish().expect("memory");
    let url = serving("content-encoding: gzip\r\n", body).await;
    let flow = "flows: [ { name: main, steps: [ { get: /, check: [ { size: '== 1MiB' }, { body: { contains: cdef0123 } } ] } ] } ]";
    let load = "load: { iterations: 3, users: 1 }";
    let over = run(plan(&url, &format!("{load}\n{flow}"))).await;
    let counts = &over.requests().counts;
    assert_eq!(
        (counts.ended, counts.failed),
        (3, 0),
        "{:?}",
        counts.outcomes
    );
}
