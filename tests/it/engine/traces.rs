//! Trace context: which requests share a trace, and which begin one.

use std::collections::HashSet;
use std::sync::Arc;

use gander::record::SlowRequest;
use gander::units::Micros;

use super::Driven;
use super::plans::plan;
use super::server::Server;
use crate::transport::{ok, responder};

/// The `traceparent` in a request's head.
fn traceparent(head: &str) -> Option<&str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(name, _)| name.eq_ignore_ascii_case("traceparent"));
    let first = found.next().map(|(_, value)| value);
    assert_eq!(found.next(), None, "sent twice: {head}");
    first
}

/// The headers that arrive at a target, in order, and the slow requests, in the order of recording.
async fn sent(http: &str, steps: &str, iterations: u32) -> (Vec<Option<String>>, Vec<SlowRequest>) {
    let server = Server::start().await;
    let body = format!(
        "load: {{ iterations: {iterations}, users: 1 }}\nhttp: {{ {http} }}\n\
         flows: [ {{ name: main, steps: [ {steps} ] }} ]"
    );
    let found = slow_requests(&server.url, &body).await;
    let seen = server.seen();
    let headers = seen
        .iter()
        .map(|seen| traceparent(&seen.head).map(str::to_owned));
    (headers.collect(), found)
}

async fn slow_requests(url: &str, body: &str) -> Vec<SlowRequest> {
    let driven = Driven::launch(plan(url, body)).await;
    let recorder = Arc::clone(&driven.recorder);
    driven.until_the_end().await;
    recorder.take_slowest(Micros::ZERO, true, &gander::mask::Mask::default())
}

#[tokio::test]
async fn each_request_begins_a_trace_of_its_own_and_tells_it() {
    let (headers, found) = sent("trace_context: true", "{ get: /a }, { get: /b }", 3).await;
    let sent: HashSet<&str> = headers.iter().flatten().map(String::as_str).collect();
    assert_eq!((headers.len(), sent.len()), (6, 6), "{headers:?}");
    assert_eq!(found.len(), 6);
    for (header, request) in headers.iter().zip(&found) {
        assert_eq!(header.as_deref(), request.traceparent.as_deref());
        assert!(request.is_sampled(), "{request:?}");
        assert!(
            header
                .as_deref()
                .is_some_and(|header| header.ends_with("-01")),
            "{header:?}"
        );
    }
}

#[tokio::test]
async fn without_the_key_no_request_sends_the_header() {
    for http in ["", "trace_context: false"] {
        let (headers, found) = sent(http, "{ get: /a }", 1).await;
        assert_eq!(headers, [None]);
        assert_eq!(found[0].traceparent, None);
    }
}

#[tokio::test]
async fn a_header_of_the_scenario_takes_precedence_and_is_the_one_reported() {
    let own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    for (http, step) in [
        (
            "trace_context: true",
            format!("{{ get: /a, headers: {{ Traceparent: '{own}' }} }}"),
        ),
        (
            "trace_context: true",
            format!(
                "{{ set: {{ x: '{own}' }} }}, {{ get: /a, headers: {{ traceparent: '${{x}}' }} }}"
            ),
        ),
        (
            &format!("headers: {{ traceparent: '{own}' }}"),
            "{ get: /a }".to_owned(),
        ),
    ] {
        let (headers, found) = sent(http, &step, 1).await;
        assert_eq!(headers[0].as_deref(), Some(own), "{step}");
        assert_eq!(found[0].traceparent.as_deref(), Some(own), "{step}");
        assert_eq!(
            found[0].trace_id(),
            Some("0af7651916cd43dd8448eb211c80319c")
        );
        assert!(!found[0].is_sampled());
    }
}

#[tokio::test]
async fn a_request_sent_again_keeps_its_trace_and_a_retry_begins_one() {
    // The second request finds its connection closed, and is sent again on a new one.
    let (headers, _) = sent("trace_context: true", "{ get: /once }, { get: /once }", 1).await;
    let [first, second, again] = &headers[..] else {
        panic!("{headers:?}")
    };
    assert_ne!(first, second);
    assert_eq!(second, again);

    let (headers, _) = sent(
        "trace_context: true",
        "{ retry: { times: 2, on: 503 }, steps: [ { get: /first/503/1 } ] }",
        1,
    )
    .await;
    let [failed, repeated] = &headers[..] else {
        panic!("{headers:?}")
    };
    assert_ne!(failed, repeated);
}

#[tokio::test]
async fn redirects_belong_to_the_trace_of_their_request() {
    let heads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let server = responder(move |request| {
        seen.lock().expect("no panic").push(request.to_lowercase());
        if request.contains(" /go ") {
            "HTTP/1.1 302 Found\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            ok("{}")
        }
    })
    .await;
    let body = "load: { iterations: 1, users: 1 }\nhttp: { trace_context: { sampled: 100% } }\n\
        flows: [ { name: main, steps: [ { get: /go } ] } ]";
    let found = slow_requests(&format!("http://{server}"), body).await;
    let heads = heads.lock().expect("no panic");
    let sent: Vec<_> = heads.iter().map(|head| traceparent(head)).collect();
    assert_eq!(sent.len(), 2, "{heads:?}");
    assert_eq!(sent[0], sent[1]);
    assert_eq!(
        (sent[0], found[0].redirects),
        (found[0].traceparent.as_deref(), 1)
    );
}

#[tokio::test]
async fn a_share_of_the_traces_is_sampled() {
    let (headers, _) = sent("trace_context: { sampled: 25% }", "{ get: /a }", 200).await;
    let sampled = headers
        .iter()
        .flatten()
        .filter(|header| header.ends_with("-01"));
    let sampled = sampled.count();
    // The seed decides: 50 are expected, and six standard deviations are 37.
    assert!((13..=87).contains(&sampled), "{sampled}");
}
