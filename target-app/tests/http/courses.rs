//! Courses and their students: the same answer in very different numbers of statements.

use serde_json::{Value, json};
use target_app::Config;

use crate::folio::{settings, small};
use crate::profiles::{Bed, profiles};

profiles!(
    a_hundred_students_are_201_statements_or_three,
    courses_and_their_students_are_listed_in_pages,
);

/// One course with a hundred students.
fn school(assignments: &[&str]) -> Config {
    Config {
        users: 60,
        settings: settings(assignments),
        ..small()
    }
}

async fn a_hundred_students_are_201_statements_or_three(bed: &Bed) {
    const PATH: &str = "/api/v1/courses/1/students";
    let mut answers = Vec::new();
    for (loading, statements) in [("lazy", 201), ("eager", 3)] {
        let loading_is = format!("db.loading={loading}");
        let folio = bed.start(school(&["cache.mode=off", &loading_is])).await;
        let answer = folio.get(PATH).await;
        assert_eq!(answer.queries(), statements, "{loading}");
        answers.push(answer.json());
    }
    assert_eq!(answers[0], answers[1]);
    let answer = &answers[0];
    assert_eq!(answer["total"], 100);
    let items = answer["items"].as_array().expect("items");
    assert_eq!(items.len(), 100);
    let ids: Vec<_> = items.iter().map(|item| item["id"].as_i64()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    for item in items {
        assert!(item["name"].is_string() && item["enrolled_at"].is_string());
        let is_through = item["progress"] == 100;
        assert_eq!(item["certificate"].is_object(), is_through, "{item}");
    }
    let through = items
        .iter()
        .filter(|item| item["certificate"]["grade"].is_string());
    assert!((20..=80).contains(&through.count()), "about half of them");
}

async fn courses_and_their_students_are_listed_in_pages(bed: &Bed) {
    let config = Config {
        documents: 900,
        ..school(&[])
    };
    let folio = bed.start(config).await;
    let courses = folio.get("/api/v1/courses?limit=2&page=2").await;
    assert_eq!(courses.queries(), 2);
    let courses = courses.json();
    assert_eq!(courses["total"], 5);
    let items = courses["items"].as_array().expect("items");
    let ids: Vec<_> = items.iter().map(|item| &item["id"]).collect();
    assert_eq!(ids, [3, 4]);
    assert!(items.iter().all(|item| item["students"] == 100));

    let mut seen: Vec<Value> = Vec::new();
    for page in 1..=4 {
        let path = format!("/api/v1/courses/3/students?limit=30&page={page}");
        let answer = folio.get(&path).await.json();
        assert_eq!(answer["total"], 100);
        seen.extend(answer["items"].as_array().expect("items").iter().cloned());
    }
    let whole = folio.get("/api/v1/courses/3/students").await.json();
    assert_eq!(json!(seen), whole["items"]);
    let beyond = folio.get("/api/v1/courses/3/students?page=9").await.json();
    assert_eq!(
        (&beyond["items"], &beyond["total"]),
        (&json!([]), &json!(100))
    );
    folio.get("/api/v1/courses/6/students").await.faults(404);
    let faults = folio.get("/api/v1/courses/x/students").await.faults(422);
    assert_eq!(faults, ["id"]);
}
