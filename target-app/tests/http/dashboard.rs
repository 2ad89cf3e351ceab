//! Ten reads in one answer, one after another or all at once.

use serde_json::{Value, json};
use target_app::Config;

use crate::folio::{Folio, join_all, settings, small};
use crate::profiles::{Bed, profiles};

profiles!(
    ten_parallel_reads_give_the_same_answer_at_least_four_times_faster,
    many_dashboards_do_not_starve_a_small_pool,
);

/// The figures, and the milliseconds to read them.
async fn dashboard(folio: &Folio, parallel: &str) -> (Value, f64) {
    let answer = folio.get(&format!("/api/v1/dashboard{parallel}")).await;
    assert_eq!(answer.queries(), 10);
    let mut figures = answer.json();
    let took = figures["duration_ms"].take().as_f64();
    (figures, took.expect("milliseconds"))
}

/// Ten round trips against one: the model gives a factor of ten.
async fn ten_parallel_reads_give_the_same_answer_at_least_four_times_faster(bed: &Bed) {
    let folio = bed
        .start(Config {
            documents: 1_200,
            settings: settings(&["db.rtt_ms=20"]),
            ..small()
        })
        .await;
    // Opens the connections before the measurement.
    let (first, _) = dashboard(&folio, "").await;
    let (one_by_one, slow) = dashboard(&folio, "?parallel=0").await;
    let (joined, quick) = dashboard(&folio, "?parallel=1").await;
    assert_eq!(one_by_one, joined);
    assert_eq!(first, joined, "at once unless told otherwise");
    assert!(slow >= 200.0, "ten round trips took {slow} ms");
    assert!(slow >= 4.0 * quick, "{slow} ms against {quick} ms");

    assert_eq!(joined["documents"], json!({ "count": 1_200 }));
    assert_eq!(joined["users"], json!({ "count": 5 }));
    assert_eq!(joined["orders"][0]["name"], "paid");
    assert_eq!(joined["orders"][1]["name"], "placed");
    assert_eq!(joined["revenue"]["payments"], joined["orders"][0]["count"]);
    let dearest: Vec<_> = joined["dearest"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|document| document["price_cents"].as_i64().expect("a price"))
        .collect();
    assert!(dearest.len() == 5 && dearest.is_sorted_by(|one, next| one >= next));
    assert_eq!(joined["prices"]["most_cents"], dearest[0]);
    let faults = folio.get("/api/v1/dashboard?parallel=2").await.faults(422);
    assert_eq!(faults, ["parallel"]);
}

async fn many_dashboards_do_not_starve_a_small_pool(bed: &Bed) {
    let folio = bed
        .start(Config {
            settings: settings(&[
                "pool.size=2",
                "pool.timeout=20s",
                "admission.db_waiting=1000",
            ]),
            ..small()
        })
        .await;
    let all = join_all((0..20).map(|_| dashboard(&folio, "?parallel=1"))).await;
    assert!(all.iter().all(|(figures, _)| *figures == all[0].0));
}
