//! Static assets through the edge.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng as _;
use target_app::Config;
use tokio::time::sleep;

use crate::folio::{Answer, Folio, join_all, request, settings, small};

const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Maximum wait in these tests, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn with(assignments: &[&str]) -> Folio {
    Folio::start(&Config {
        settings: settings(assignments),
        ..small()
    })
    .await
}

/// Plain and versioned names.
async fn manifest(folio: &Folio) -> Vec<(String, String)> {
    let answer = folio.get("/assets/manifest.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let names = answer.json();
    let names = names.as_object().expect("an object").iter();
    names
        .map(|(plain, versioned)| {
            let versioned = versioned.as_str().expect("a name");
            (format!("/assets/{plain}"), format!("/assets/{versioned}"))
        })
        .collect()
}

async fn head(folio: &Folio, path: &str) -> Answer {
    folio
        .send(request(Method::HEAD, path, None, Body::empty()))
        .await
}

/// The value of a metrics line.
async fn metric(folio: &Folio, name: &str) -> f64 {
    let text = folio.get("/metrics").await.body;
    let text = String::from_utf8_lossy(&text);
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value
        .unwrap_or_else(|| panic!("no {name} in:\n{text}"))
        .parse()
        .expect("a number")
}

#[tokio::test]
async fn names_with_a_version_are_immutable_and_plain_ones_short_lived() {
    let folio = with(&["edge.prefetch=false"]).await;
    let names = manifest(&folio).await;
    assert_eq!(names.len(), 40);
    let mut kinds = HashSet::new();
    for (plain, versioned) in &names {
        let (one, other) = (folio.get(plain).await, folio.get(versioned).await);
        assert_eq!(one.status, StatusCode::OK, "{plain}");
        assert_eq!(one.body, other.body, "{plain}");
        assert!((200..=200_000).contains(&one.body.len()), "{plain}");
        assert_eq!(one.header("cache-control"), "public, max-age=60");
        assert_eq!(other.header("cache-control"), FOR_EVER);
        assert_eq!(one.header("etag"), other.header("etag"));
        assert_eq!(one.header("x-edge"), "miss");
        let again = folio.get(plain).await;
        assert_eq!(again.header("x-edge"), "hit");
        assert!(again.number("age") < 60);
        assert_eq!(again.body, one.body);
        kinds.insert(one.header("content-type").to_owned());
    }
    assert_eq!(kinds.len(), 7, "{kinds:?}");
    for unknown in ["app.css.map", "app.00000000.css", "..", "%2e%2e%2fsecret"] {
        let answer = folio.get(&format!("/assets/{unknown}")).await;
        assert!(answer.faults(404).is_empty());
    }
}

#[tokio::test]
async fn a_current_copy_gets_304_and_head_has_no_body() {
    for enabled in ["edge.enabled=true", "edge.enabled=false"] {
        let folio = with(&[enabled]).await;
        let whole = folio.get("/assets/app.css").await;
        let tag = whole.header("etag");
        assert!(tag.starts_with('"') && tag.len() > 2, "{tag}");
        let ask = async |tags: &str| {
            let mut request = request(Method::GET, "/assets/app.css", None, Body::empty());
            let tags = tags.parse().expect("a header");
            request.headers_mut().insert("if-none-match", tags);
            folio.send(request).await
        };
        for tags in [tag, "*", &format!("W/{tag}"), &format!("\"x\", {tag}")] {
            let answer = ask(tags).await;
            assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{tags}");
            assert!(answer.body.is_empty());
            assert_eq!(answer.header("etag"), tag);
            assert_eq!(answer.header("cache-control"), "public, max-age=60");
            assert_eq!(answer.header("vary"), whole.header("vary"));
        }
        assert_eq!(whole.header("vary"), "accept-encoding");
        assert_eq!(ask("\"x\"").await.body, whole.body);
        let head = head(&folio, "/assets/app.css").await;
        assert_eq!(head.status, StatusCode::OK);
        assert!(head.body.is_empty());
        assert_eq!(head.number("content-length"), whole.body.len() as u64);
        assert_eq!(head.header("etag"), tag);
    }
}

#[tokio::test]
async fn without_the_edge_every_answer_is_made_by_the_origin() {
    let folio = with(&["edge.enabled=false"]).await;
    for _ in 0..3 {
        let answer = folio.get("/assets/app.js").await;
        assert_eq!(answer.header("x-edge"), "off");
        assert_eq!(answer.number("age"), 0);
    }
    let made = metric(&folio, r#"folio_edge_origin_seconds_count{answer="whole"}"#).await;
    assert!((made - 3.0).abs() < 0.5, "{made}");
    let off = metric(&folio, r#"folio_edge_requests_total{result="off"}"#).await;
    assert!((off - 3.0).abs() < 0.5, "{off}");
}

#[tokio::test]
async fn the_mix_of_assets_is_answered_by_the_edge() {
    const REQUESTS: usize = 5_000;
    let folio = with(&[]).await;
    let names = manifest(&folio).await;
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let mut hits = 0;
    for _ in 0..REQUESTS / 10 {
        let paths: Vec<_> = (0..10)
            .map(|_| {
                // Log-uniform ranks: the first names are requested most, similar to Zipf's law.
                let rank = (names.len() as f64).powf(random.random::<f64>()) as usize - 1;
                let (plain, versioned) = &names[rank];
                if random.random_range(0..4) == 0 {
                    plain
                } else {
                    versioned
                }
            })
            .collect();
        let answers = join_all(paths.into_iter().map(|path| head(&folio, path))).await;
        hits += answers
            .iter()
            .filter(|answer| answer.header("x-edge") == "hit")
            .count();
    }
    assert!(hits * 100 >= REQUESTS * 98, "{hits} of {REQUESTS}");
    let ratio = metric(&folio, "folio_edge_hit_ratio").await;
    // The manifest was one more request.
    let expected = hits as f64 / (REQUESTS + 1) as f64;
    assert!((ratio - expected).abs() < 0.000_1, "{ratio} and {expected}");
    assert!(metric(&folio, "folio_edge_bytes").await > 0.0);
}

#[tokio::test]
async fn concurrent_misses_ask_the_origin_once() {
    let folio = with(&[]).await;
    let answers = join_all((0..20).map(|_| folio.get("/assets/vendor.js"))).await;
    let misses = answers
        .iter()
        .filter(|answer| answer.header("x-edge") == "miss");
    assert_eq!(misses.count(), 1);
    let made = metric(&folio, r#"folio_edge_origin_seconds_count{answer="whole"}"#).await;
    assert!((made - 1.0).abs() < 0.5, "{made}");
}

#[tokio::test]
async fn a_page_prefetches_its_links() {
    let folio = with(&[]).await;
    let names = manifest(&folio).await;
    let page = folio.get("/assets/index.html").await;
    let page = String::from_utf8(page.body.to_vec()).expect("text");
    let linked: Vec<_> = names
        .iter()
        .map(|(_, versioned)| versioned)
        .filter(|versioned| page.contains(versioned.as_str()))
        .collect();
    assert!(linked.len() >= 30, "{linked:?}");
    let began = Instant::now();
    let all = linked.len() as f64 - 0.5;
    while metric(&folio, "folio_edge_prefetches_total").await < all {
        assert!(began.elapsed() < PATIENCE, "it fetches them all");
        sleep(Duration::from_millis(10)).await;
    }
    for path in linked {
        assert_eq!(head(&folio, path).await.header("x-edge"), "hit", "{path}");
    }
}

#[tokio::test]
async fn a_stale_copy_is_confirmed_by_the_origin() {
    let folio = with(&["edge.ttl=1s"]).await;
    let first = folio.get("/assets/app.css").await;
    assert_eq!(first.header("cache-control"), "public, max-age=1");
    let began = Instant::now();
    let confirmed = loop {
        let answer = folio.get("/assets/app.css").await;
        if answer.header("x-edge") != "hit" {
            break answer;
        }
        assert!(began.elapsed() < PATIENCE, "it becomes stale");
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(confirmed.header("x-edge"), "revalidated");
    assert_eq!(confirmed.body, first.body);
    assert_eq!(confirmed.number("age"), 0);
}

#[tokio::test]
async fn copies_beyond_the_maximum_are_evicted() {
    let folio = with(&["edge.items=5", "edge.prefetch=false"]).await;
    let names = manifest(&folio).await;
    for _ in 0..2 {
        for (_, versioned) in &names {
            let answer = head(&folio, versioned).await;
            assert_eq!(answer.header("x-edge"), "miss", "{versioned}");
        }
    }
}
