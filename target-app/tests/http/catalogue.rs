//! Documents: one, pages, search; cached and compressed.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::Value;
use target_app::Config;

use crate::folio::{Folio, request, settings, small};
use crate::profiles::{Bed, profiles};

profiles!(
    a_document_has_its_fields_and_comes_from_the_cache_the_second_time,
    without_a_cache_every_read_is_a_query,
    pages_cover_the_catalogue_once_in_every_order,
    search_finds_documents_with_every_word_and_treats_operators_as_words,
    all_invalid_parameters_are_named,
);

fn ids(page: &Value) -> Vec<i64> {
    let items = page["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| item["id"].as_i64().expect("an id"))
        .collect()
}

async fn a_document_has_its_fields_and_comes_from_the_cache_the_second_time(bed: &Bed) {
    let folio = bed.start(small()).await;
    let first = folio.get("/api/v1/documents/7").await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.header("content-type"), "application/json");
    let timing = first.header("server-timing");
    assert!(
        timing.starts_with("cache;desc=miss, pool;dur=") && timing.ends_with("queries;desc=1"),
        "{timing}"
    );
    let document = first.json();
    let mut fields: Vec<_> = document.as_object().expect("an object").keys().collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "author",
            "body",
            "id",
            "price_cents",
            "tags",
            "title",
            "updated_at"
        ]
    );
    assert_eq!(document["id"], 7);
    assert!(
        document["tags"]
            .as_array()
            .is_some_and(|tags| !tags.is_empty())
    );
    assert!(
        document["body"]
            .as_str()
            .is_some_and(|body| body.len() >= 1_000)
    );

    let second = folio.get("/api/v1/documents/7").await;
    assert_eq!(
        second.header("server-timing"),
        "cache;desc=l1, pool;dur=0, db;dur=0, queries;desc=0"
    );
    assert_eq!(second.body, first.body);
}

async fn without_a_cache_every_read_is_a_query(bed: &Bed) {
    let folio = bed
        .start(Config {
            settings: settings(&["cache.mode=off"]),
            ..small()
        })
        .await;
    for _ in 0..2 {
        let timing = folio.get("/api/v1/documents/7").await;
        let timing = timing.header("server-timing");
        assert!(
            timing.starts_with("cache;desc=off, pool;dur=") && timing.ends_with("queries;desc=1"),
            "{timing}"
        );
    }
}

#[tokio::test]
async fn the_same_seed_makes_the_same_catalogue_and_another_seed_another() {
    let mut bodies = Vec::new();
    for seed in [1, 1, 2] {
        let folio = Folio::start(&Config { seed, ..small() }).await;
        bodies.push(folio.get("/api/v1/documents?limit=60").await.body);
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_ne!(bodies[1], bodies[2]);
}

async fn pages_cover_the_catalogue_once_in_every_order(bed: &Bed) {
    let folio = bed.start(small()).await;
    for key in ["id", "title", "price_cents", "updated_at"] {
        let mut ascending = Vec::new();
        let mut keys = Vec::new();
        for page in 1..=3 {
            let page = folio
                .get(&format!(
                    "/api/v1/documents?limit=25&page={page}&sort={key}"
                ))
                .await
                .json();
            assert_eq!(page["total"], 60);
            assert_eq!(page["limit"], 25);
            ascending.extend(ids(&page));
            keys.extend(
                page["items"]
                    .as_array()
                    .expect("items")
                    .iter()
                    .map(|item| item[key].clone()),
            );
        }
        let is_sorted = keys.is_sorted_by(|one, next| match (one.as_i64(), next.as_i64()) {
            (Some(one), Some(next)) => one <= next,
            _ => one.as_str() <= next.as_str(),
        });
        assert!(is_sorted, "{key}: {keys:?}");
        let mut each = ascending.clone();
        each.sort_unstable();
        assert_eq!(each, (1..=60).collect::<Vec<_>>(), "{key}");

        let descending = folio
            .get(&format!("/api/v1/documents?limit=60&sort=-{key}"))
            .await
            .json();
        ascending.reverse();
        assert_eq!(ids(&descending), ascending, "-{key}");
    }
    assert_eq!(
        ids(&folio.get("/api/v1/documents?page=9").await.json()),
        [] as [i64; 0]
    );
}

async fn search_finds_documents_with_every_word_and_treats_operators_as_words(bed: &Bed) {
    let folio = bed.start(small()).await;
    let found = folio
        .get("/api/v1/search?q=caching+PATTERN&limit=100")
        .await;
    assert!(found.header("server-timing").starts_with("cache;desc=miss"));
    let found = found.json();
    let items = found["items"].as_array().expect("items");
    assert!(!items.is_empty());
    assert_eq!(found["total"], items.len());
    for item in items {
        let text = item.to_string().to_lowercase();
        assert!(
            text.contains("caching") && text.contains("pattern"),
            "{text}"
        );
    }
    assert_eq!(
        folio
            .get("/api/v1/search?q=caching+NOT+caching")
            .await
            .json()["total"],
        0
    );
    for odd in [
        "%22",
        "a%22b",
        "caching*",
        "title:caching",
        "(caching",
        "%27%3B--a",
        "-caching",
    ] {
        let answer = folio.get(&format!("/api/v1/search?q={odd}")).await;
        assert!(
            matches!(answer.status.as_u16(), 200 | 422),
            "{odd}: {:?}",
            answer.body
        );
    }
}

async fn all_invalid_parameters_are_named(bed: &Bed) {
    let folio = bed.start(small()).await;
    let faults = folio
        .get("/api/v1/documents?limit=101&page=0&sort=shoe")
        .await
        .faults(422);
    assert_eq!(faults, ["page", "limit", "sort"]);
    assert_eq!(folio.get("/api/v1/search").await.faults(422), ["q"]);
    assert_eq!(folio.get("/api/v1/search?q=%20-").await.faults(422), ["q"]);
    assert_eq!(
        folio.get("/api/v1/documents/seven").await.faults(422),
        ["id"]
    );
    assert!(
        folio
            .get("/api/v1/documents/61")
            .await
            .faults(404)
            .is_empty()
    );
    // A missing document is not cached as if it existed.
    assert!(
        folio
            .get("/api/v1/documents/61")
            .await
            .header("server-timing")
            .starts_with("cache;desc=miss")
    );
}

#[tokio::test]
async fn large_answers_are_compressed_if_accepted_and_small_ones_are_not() {
    let folio = Folio::start(&small()).await;
    let plain = folio.get("/api/v1/documents?limit=50").await;
    assert_eq!(plain.header("content-encoding"), "");
    for coding in ["gzip", "br"] {
        let ask = async |path: &str| {
            let mut request = request(Method::GET, path, None, Body::empty());
            request
                .headers_mut()
                .insert("accept-encoding", coding.parse().expect("a header"));
            folio.send(request).await
        };
        let packed = ask("/api/v1/documents?limit=50").await;
        assert_eq!(packed.header("content-encoding"), coding);
        assert!(
            packed.body.len() * 2 < plain.body.len(),
            "{} of {}",
            packed.body.len(),
            plain.body.len()
        );
        assert_eq!(ask("/health").await.header("content-encoding"), "");
    }
}

#[tokio::test]
async fn both_databases_answer_alike() {
    let config = || Config {
        documents: 1_200,
        users: 20,
        ..small()
    };
    let full = Bed::full().await;
    let sqlite = Folio::start(&config()).await;
    let postgres = full.start(config()).await;
    let (reader, other) = (sqlite.token(7).await, postgres.token(7).await);
    for path in [
        "/api/v1/documents?limit=100",
        "/api/v1/documents?limit=100&sort=title",
        "/api/v1/documents?limit=100&sort=-title&page=3",
        "/api/v1/documents?limit=100&sort=-price_cents",
        "/api/v1/documents?limit=100&sort=updated_at",
        "/api/v1/courses?limit=100",
        "/api/v1/courses/1/students",
        "/api/v1/courses/6/students?limit=7&page=2",
        "/api/v1/orders?limit=100",
        "/api/v1/audit?limit=100",
    ] {
        let one = sqlite.get_as(&reader, path).await;
        let two = postgres.get_as(&other, path).await;
        assert_eq!(one.status, StatusCode::OK, "{path}");
        assert!(one.body.len() > 500, "{path}: {:?}", one.body);
        assert!(
            one.body == two.body,
            "{path}: {:?}, {:?}",
            one.body,
            two.body
        );
    }
    let mut dashboards = Vec::new();
    for folio in [&sqlite, &postgres] {
        let mut dashboard = folio.get("/api/v1/dashboard").await.json();
        dashboard["duration_ms"].take();
        dashboards.push(dashboard);
    }
    assert_eq!(dashboards[0], dashboards[1]);
    postgres.stop().await.expect("served without fault");
    full.clear().await;
}
