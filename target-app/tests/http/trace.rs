//! `traceparent`: joined if it is valid, never generated.

use axum::body::Body;
use axum::http::Method;

use crate::folio::{Folio, request, small};

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn a_trace_is_joined_with_a_new_span_for_every_request() {
    let folio = Folio::start(&small()).await;
    let mut spans = Vec::new();
    for _ in 0..2 {
        let mut asked = request(Method::GET, "/api/v1/documents/1", None, Body::empty());
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        let headers = asked.headers_mut();
        headers.insert("traceparent", parent.parse().expect("a header"));
        let answer = folio.send(asked).await;
        let parts: Vec<_> = answer.header("traceparent").split('-').collect();
        let [version, id, span, flags] = parts[..] else {
            panic!("expected four parts, found {parts:?}");
        };
        assert_eq!((version, id, flags), ("00", ID, "01"));
        assert!(span.len() == 16 && u64::from_str_radix(span, 16).is_ok_and(|span| span != 0));
        spans.push(span.to_owned());
    }
    assert_ne!(spans[0], spans[1]);
    assert!(!spans.contains(&"00f067aa0ba902b7".to_owned()));
}

#[tokio::test]
async fn without_a_valid_trace_the_answer_has_none() {
    let folio = Folio::start(&small()).await;
    assert_eq!(folio.get("/health").await.header("traceparent"), "");
    let mut asked = request(Method::GET, "/health", None, Body::empty());
    let parent = format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase());
    let headers = asked.headers_mut();
    headers.insert("traceparent", parent.parse().expect("a header"));
    assert_eq!(folio.send(asked).await.header("traceparent"), "");
}
