//! Many documents in one request: all or none, in single statements or in batches.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};
use target_app::Config;

use crate::folio::{Answer, Folio, join_all, settings, small};
use crate::profiles::{Bed, profiles};

profiles!(
    both_modes_write_the_same,
    one_bad_row_is_named_and_nothing_is_written,
    bulks_of_no_or_too_many_rows_are_refused,
    a_thousand_rows_are_two_statements,
    batches_are_ten_times_faster_over_a_network,
    overlapping_bulk_writes_do_not_deadlock,
);

fn draft(number: usize) -> Value {
    json!({
        "title": format!("Row {number}"), "body": "Text.", "author": "Ada Quist",
        "tags": ["bulk"], "price_cents": number,
    })
}

fn change(id: i64, number: usize) -> Value {
    let mut row = draft(number);
    row["id"] = json!(id);
    row
}

async fn write(folio: &Folio, token: &str, mode: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/documents/bulk?mode={mode}");
    folio.post_json(Some(token), &path, body).await
}

/// Every document without its time of change, by id.
async fn catalogue(folio: &Folio) -> BTreeMap<i64, Value> {
    let page = folio.get("/api/v1/documents?limit=100").await.json();
    let items = page["items"].as_array().expect("items").iter();
    items
        .map(|item| {
            let mut item = item.clone();
            item["updated_at"] = Value::Null;
            (item["id"].as_i64().expect("an id"), item)
        })
        .collect()
}

async fn both_modes_write_the_same(bed: &Bed) {
    let insert: Vec<_> = (0..20).map(draft).collect();
    let update = [change(7, 100), change(3, 101), change(60, 102)];
    let body = json!({ "insert": insert, "update": update });
    let folio = bed.start(small()).await;
    let token = folio.token(1).await;
    let before = catalogue(&folio).await;
    let mut catalogues = Vec::new();
    for (mode, statements) in [("single", 2 + 1 + 20 + 3), ("batch", 2 + 1 + 1 + 1)] {
        let written = write(&folio, &token, mode, &body).await;
        assert_eq!(written.status, StatusCode::OK, "{:?}", written.body);
        let told = written.json();
        assert_eq!(
            (&told["inserted"], &told["updated"]),
            (&json!(20), &json!(3))
        );
        assert_eq!(told["statements"], statements, "{mode}");
        assert_eq!(written.queries(), statements, "{mode}");
        assert!(told["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0));
        let mut after = catalogue(&folio).await;
        // The documents that the first of the two inserted are not compared.
        let inserted: Vec<_> = after
            .split_off(&61)
            .into_values()
            .rev()
            .take(20)
            .map(|mut row| {
                row["id"] = Value::Null;
                row
            })
            .collect();
        assert_eq!(inserted.len(), 20);
        catalogues.push((after, inserted));
    }
    assert_eq!(catalogues[0], catalogues[1]);
    let (after, inserted) = &catalogues[0];
    let mut titles: Vec<_> = inserted.iter().map(|row| &row["title"]).collect();
    titles.reverse();
    assert_eq!(titles[..3], ["Row 0", "Row 1", "Row 2"]);
    for (id, document) in after {
        let expected = match id {
            7 => "Row 100",
            3 => "Row 101",
            60 => "Row 102",
            _ => before[id]["title"].as_str().expect("a title"),
        };
        assert_eq!(document["title"], expected);
    }
}

async fn one_bad_row_is_named_and_nothing_is_written(bed: &Bed) {
    let folio = bed.start(small()).await;
    let token = folio.token(1).await;
    let before = catalogue(&folio).await;
    let mut insert: Vec<_> = (0..20).map(draft).collect();
    let good = json!(insert);
    insert[17]["title"] = json!("");
    insert[19] = json!("row");
    let bad = json!({ "insert": insert, "update": [change(7, 1), { "id": "7" }] });
    let unknown = json!({ "insert": good, "update": [change(7, 1), change(61, 2)] });
    let repeated = json!({ "insert": good, "update": [change(7, 1), change(8, 2), change(7, 3)] });
    for mode in ["single", "batch"] {
        assert_eq!(
            write(&folio, &token, mode, &bad).await.faults(422),
            [
                "insert[17].title",
                "insert[19]",
                "update[1].id",
                "update[1].title",
                "update[1].body",
                "update[1].author",
                "update[1].tags",
                "update[1].price_cents",
            ]
        );
        let unknown = write(&folio, &token, mode, &unknown).await;
        assert_eq!(unknown.faults(422), ["update[1].id"]);
        let repeated = write(&folio, &token, mode, &repeated).await;
        assert_eq!(repeated.faults(422), ["update[2].id"]);
    }
    assert_eq!(catalogue(&folio).await, before);
    assert_eq!(folio.get("/api/v1/documents").await.json()["total"], 60);
}

async fn bulks_of_no_or_too_many_rows_are_refused(bed: &Bed) {
    let folio = bed.start(small()).await;
    let token = folio.token(1).await;
    let both = ["insert", "update"];
    let none = write(&folio, &token, "batch", &json!({})).await;
    assert_eq!(none.faults(422), both);
    let rows: Vec<_> = (0..1_001).map(draft).collect();
    let many = write(&folio, &token, "batch", &json!({ "insert": rows })).await;
    assert_eq!(many.faults(422), both);
    let bad: Vec<_> = (0..100).map(|_| json!({})).collect();
    let bad = write(&folio, &token, "batch", &json!({ "insert": bad })).await;
    assert_eq!(bad.faults(422).len(), 20, "the first are enough");
    let lists = json!({ "insert": {}, "update": 7 });
    let lists = write(&folio, &token, "batch", &lists).await;
    assert_eq!(lists.faults(422), both);
    let mode = write(&folio, &token, "shoe", &json!({ "insert": [draft(1)] })).await;
    assert_eq!(mode.faults(422), ["mode"]);
}

async fn a_thousand_rows_are_two_statements(bed: &Bed) {
    let folio = bed.start(small()).await;
    let token = folio.token(1).await;
    let rows: Vec<_> = (0..1_000).map(draft).collect();
    let written = write(&folio, &token, "batch", &json!({ "insert": rows })).await;
    assert_eq!(written.status, StatusCode::OK, "{:?}", written.body);
    assert_eq!(written.json()["inserted"], 1_000);
    assert_eq!(written.queries(), 4, "with those around them");
    let page = folio
        .get("/api/v1/documents?limit=1&page=1060")
        .await
        .json();
    assert_eq!(
        (&page["total"], &page["items"][0]["title"]),
        (&json!(1_060), &json!("Row 999"))
    );
}

/// 203 round trips against 4: the model gives a factor of fifty, of which a slow machine may lose four fifths.
async fn batches_are_ten_times_faster_over_a_network(bed: &Bed) {
    let folio = bed
        .start(Config {
            settings: settings(&["db.rtt_ms=10"]),
            ..small()
        })
        .await;
    let token = folio.token(1).await;
    let rows: Vec<_> = (0..200).map(draft).collect();
    let body = json!({ "insert": rows });
    let took = async |mode: &str| {
        let written = write(&folio, &token, mode, &body).await;
        assert_eq!(written.status, StatusCode::OK, "{:?}", written.body);
        written.json()["duration_ms"]
            .as_f64()
            .expect("milliseconds")
    };
    let (single, batch) = (took("single").await, took("batch").await);
    assert!(single >= 2_020.0, "202 round trips took {single} ms");
    assert!(single >= 10.0 * batch, "{single} ms against {batch} ms");
}

async fn overlapping_bulk_writes_do_not_deadlock(bed: &Bed) {
    let folio = bed.start(small()).await;
    let token = folio.token(1).await;
    let bulk = async |turn: usize| {
        let mut rows: Vec<_> = (1..=40_i64).map(|id| change(id, turn)).collect();
        if turn % 2 == 1 {
            rows.reverse();
        }
        let mode = if turn % 4 < 2 { "single" } else { "batch" };
        let written = write(&folio, &token, mode, &json!({ "update": rows })).await;
        assert_eq!(written.status, StatusCode::OK, "{:?}", written.body);
    };
    join_all((0..12).map(bulk)).await;
    let after = catalogue(&folio).await;
    let titles: Vec<_> = (1..=40).map(|id| &after[&id]["title"]).collect();
    assert!(
        titles.iter().all(|title| *title == titles[0]),
        "one of them was the last for every row: {titles:?}"
    );
}
