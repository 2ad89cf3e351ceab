//! What requests send: bodies, header names, cookies, and to which target.

use std::io::Read as _;
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use gander::outcome::Outcome as Ended;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::plans::plan_in;
use super::{Outcome, run};
use crate::transport::server;

/// A request as it arrived, its body without chunks and without its coding.
#[derive(Debug, Clone)]
struct Arrived {
    head: String,
    body: Vec<u8>,
}

impl Arrived {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }
}

/// A server that keeps its requests, redirects `/go`, and answers `/errors` as a GraphQL server does.
async fn target() -> (String, Arc<Mutex<Vec<Arrived>>>) {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&arrived);
    let address = server(move |mut stream, _| {
        let kept = Arc::clone(&kept);
        async move {
            while let Some(request) = read(&mut stream).await {
                let path = request
                    .head
                    .split(' ')
                    .nth(1)
                    .unwrap_or_default()
                    .to_owned();
                kept.lock().expect("no panic").push(request);
                let (status, body) = match &*path {
                    "/go" => ("302 Found\r\nlocation: /there", ""),
                    "/errors" => ("200 OK", r#"{"errors": [{"message": "no"}]}"#),
                    _ => ("200 OK", r#"{"data": {}, "errors": null}"#),
                };
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (format!("http://{address}"), arrived)
}

async fn read(stream: &mut TcpStream) -> Option<Arrived> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut rest = bytes.split_off(end + 4);
    let lower = head.to_lowercase();
    let mut body = Vec::new();
    if lower.contains("transfer-encoding: chunked") {
        loop {
            let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else {
                stream.read_buf(&mut rest).await.ok()?;
                continue;
            };
            let size = std::str::from_utf8(&rest[..line]).expect("a size");
            let size = usize::from_str_radix(size, 16).expect("a size");
            while rest.len() < line + 2 + size + 2 {
                stream.read_buf(&mut rest).await.ok()?;
            }
            body.extend(&rest[line + 2..line + 2 + size]);
            rest.drain(..line + 2 + size + 2);
            if size == 0 {
                break;
            }
        }
    } else {
        let length = lower.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
        let length = length.unwrap_or(0);
        while rest.len() < length {
            stream.read_buf(&mut rest).await.ok()?;
        }
        body = rest;
    }
    if lower.contains("content-encoding: gzip") {
        let mut plain = Vec::new();
        GzDecoder::new(&*body)
            .read_to_end(&mut plain)
            .expect("gzip");
        body = plain;
    }
    Some(Arrived { head, body })
}

/// The bytes of the file `large.bin`.
fn large() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// One iteration of these steps; what arrived, and how the run ended.
async fn sent(http: &str, steps: &str) -> (Vec<Arrived>, Outcome) {
    let (url, arrived) = target().await;
    let body = format!(
        "load: {{ iterations: 1, users: 1 }}\ntargets: {{ other: '{url}/base/' }}\nvars: {{ n: 7 }}\n\
         http: {{ {http} }}\nflows: [ {{ name: main, steps: [ {steps} ] }} ]"
    );
    let large = large();
    // A file need not be text.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("large.bin"), &large).expect("a file");
    let over = run(plan_in(folder.path(), &url, &body)).await;
    let arrived = arrived.lock().expect("no panic").clone();
    (arrived, over)
}

#[tokio::test]
async fn a_file_is_sent_as_it_is_with_its_length() {
    let (arrived, over) = sent("", "{ post: /up, file: large.bin }, { get: /after }").await;
    assert_eq!(over.totals.measured().requests.failed, 0);
    assert_eq!(arrived[0].body, large());
    assert!(
        arrived[0].head.contains("content-length: 1200000"),
        "{}",
        arrived[0].head
    );
    assert!(
        arrived[0]
            .head
            .contains("content-type: application/octet-stream")
    );
    // The connection is used again.
    assert_eq!(over.totals.measured().requests.connections, 1);
}

#[tokio::test]
async fn parts_are_sent_between_boundaries() {
    let parts = "{ post: /up, multipart: [ { name: title, text: 'n ${n}' }, { name: data, json: { n: '${n}' } }, \
                 { name: 'a\"b', file: large.bin, filename: x.png, type: image/png }, { name: last, text: z } ] }";
    let (arrived, _) = sent("", parts).await;
    let head = &arrived[0].head;
    let boundary = head
        .split("multipart/form-data; boundary=")
        .nth(1)
        .expect("a boundary");
    let boundary = boundary.lines().next().expect("a line");
    let before = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nn 7\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"data\"\r\nContent-Type: application/json\r\n\r\n\
         {{\"n\":7}}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"a%22b\"; filename=\"x.png\"\r\n\
         Content-Type: image/png\r\n\r\n"
    );
    let after = format!(
        "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"last\"\r\n\r\nz\r\n--{boundary}--\r\n"
    );
    let expected = [before.as_bytes(), &large(), after.as_bytes()].concat();
    assert!(
        arrived[0].body == expected,
        "{} bytes",
        arrived[0].body.len()
    );
}

#[tokio::test]
async fn bodies_are_compressed_whether_literal_rendered_large_or_a_file() {
    let text = "x".repeat(100_000);
    let steps = format!(
        "{{ post: /a, json: {{ n: 1 }}, compress: gzip }}, {{ post: /b, json: {{ n: '${{n}}' }}, compress: gzip }}, \
         {{ post: /c, body: '{text}${{n}}', compress: gzip }}, {{ post: /d, file: large.bin, compress: gzip }}, \
         {{ post: /e, multipart: [ {{ name: t, text: a }} ], compress: gzip }}"
    );
    let (arrived, over) = sent("", &steps).await;
    assert_eq!(over.totals.measured().requests.failed, 0);
    assert_eq!(arrived[0].text(), "{\"n\":1}");
    assert_eq!(arrived[1].text(), "{\"n\":7}");
    assert_eq!(arrived[2].text(), format!("{text}7"));
    assert!(arrived[3].body == large());
    assert!(arrived[4].text().contains("name=\"t\"\r\n\r\na\r\n"));
    for request in &arrived {
        assert!(
            request.head.contains("content-encoding: gzip"),
            "{}",
            request.head
        );
    }
}

#[tokio::test]
async fn a_graphql_response_with_errors_fails() {
    let steps = "{ post: /graphql, graphql: { query: 'query ($id: ID!) { a(id: $id) }', variables: { id: '${n}' }, \
                 operation: A } }, { post: /errors, graphql: { query: '{ a }' } }";
    let (arrived, over) = sent("", steps).await;
    assert_eq!(
        arrived[0].text(),
        r#"{"query":"query ($id: ID!) { a(id: $id) }","variables":{"id":7},"operationName":"A"}"#
    );
    let failed = &over.totals.measured().requests.outcomes;
    assert_eq!(failed.get(&Ended::Check), Some(&1), "{failed:?}");
}

#[tokio::test]
async fn header_names_keep_the_case_in_which_they_are_written() {
    let (arrived, _) = sent(
        "headers: { X-Common: a, x-Replaced: b }",
        "{ post: /a, body: 'X-Own: body', headers: { X-Own-ID: 'n${n}', X-REPLACED: c } }, { get: /b, headers: { x-low: d } }",
    )
    .await;
    for (request, lines) in [
        (
            &arrived[0],
            ["\r\nX-Common: a", "\r\nX-Own-ID: n7", "\r\nX-REPLACED: c"],
        ),
        (
            &arrived[1],
            ["\r\nX-Common: a", "\r\nx-Replaced: b", "\r\nx-low: d"],
        ),
    ] {
        for line in lines {
            assert!(
                request.head.contains(line),
                "{line:?} is not in {}",
                request.head
            );
        }
    }
    assert_eq!(arrived[0].text(), "X-Own: body");
}

#[tokio::test]
async fn a_steps_cookies_stay_in_the_jar() {
    let steps = "{ get: /a, cookies: { seen: 'n${n}', theme: dark } }, { get: /b }";
    let (arrived, _) = sent("", steps).await;
    for request in &arrived {
        assert!(
            request.head.contains("\r\ncookie: seen=n7; theme=dark"),
            "{}",
            request.head
        );
    }
    let (arrived, _) = sent("cookies: off", steps).await;
    assert!(
        arrived[0].head.contains("\r\ncookie: seen=n7; theme=dark"),
        "{}",
        arrived[0].head
    );
    assert!(!arrived[1].head.contains("cookie"), "{}", arrived[1].head);
}

#[tokio::test]
async fn a_step_follows_as_many_redirects_as_it_says() {
    for (http, step, requests) in [
        ("", ", redirects: 0", 1),
        ("redirects: 0", ", redirects: 1", 2),
        ("", "", 2),
    ] {
        let (arrived, over) = sent(http, &format!("{{ get: /go{step} }}")).await;
        assert_eq!(arrived.len(), requests, "{http} {step}");
        assert_eq!(over.totals.measured().requests.failed, 0);
    }
}

#[tokio::test]
async fn a_request_may_go_to_another_target() {
    let (arrived, over) = sent(
        "",
        "{ get: other:/a.css }, { get: 'other:/b/${n}', query: { q: 1 } }",
    )
    .await;
    let paths: Vec<&str> = arrived
        .iter()
        .filter_map(|request| request.head.split(' ').nth(1))
        .collect();
    assert_eq!(paths, ["/base/a.css", "/base/b/7?q=1"]);
    assert_eq!(over.totals.measured().requests.failed, 0);
}

#[tokio::test]
async fn a_file_that_has_become_shorter_fails_the_request() {
    let (url, _) = target().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("large.bin"), large()).expect("a file");
    let body = "load: { iterations: 1, users: 1 }\nflows: [ { name: main, steps: [ { post: /up, file: large.bin } ] } ]";
    let plan = plan_in(folder.path(), &url, body);
    std::fs::write(folder.path().join("large.bin"), "short").expect("a file");
    let over = run(plan).await;
    let failed = &over.totals.measured().requests.outcomes;
    assert_eq!(failed.get(&Ended::Unsendable), Some(&1), "{failed:?}");
}
