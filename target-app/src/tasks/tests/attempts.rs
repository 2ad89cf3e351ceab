//! Attempts: their number, the waits between them, and the result after the last one.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::Bench;
use crate::tasks::table::MOST_DEAD;
use crate::tasks::{SubmitError, TaskState};

#[tokio::test(start_paused = true)]
async fn waits_between_retries_grow_up_to_the_ceiling() {
    let bench = Bench::new(|settings| settings.tasks.attempts = 5);
    let began = Instant::now();
    let mut ids = Vec::new();
    for task in 0..50 {
        let args = json!({ "name": task.to_string(), "fails": 4 });
        ids.push(bench.submit("noted", args).await);
    }
    for id in ids {
        let status = bench.ended(id).await;
        assert_eq!((status.state, status.attempts), (TaskState::Succeeded, 5));
        assert_eq!((status.result, status.error), (Some(json!(5)), None));
    }
    let mut attempts: HashMap<String, Vec<Duration>> = HashMap::new();
    for (name, at) in bench.noted.lock().expect("no panic").drain(..) {
        attempts.entry(name).or_default().push(at - began);
    }
    // The defaults: 100 ms, doubled. Tokio's clock and the queue add some milliseconds.
    let mut means = [Duration::ZERO; 4];
    for times in attempts.values() {
        for (wait, pair) in times.windows(2).enumerate() {
            let found = pair[1].saturating_sub(pair[0]);
            let ceiling = Duration::from_millis(100 << wait);
            assert!(found <= ceiling + Duration::from_millis(20), "{found:?}");
            means[wait] += found / 50;
        }
    }
    // Full jitter: the mean is half of the ceiling, with a standard error of 1/√(3 · 50) = 8 % of that half.
    for (wait, mean) in means.iter().enumerate() {
        let half = Duration::from_millis(50 << wait);
        assert!(
            *mean > half.mul_f64(0.6) && *mean < half.mul_f64(1.4) + Duration::from_millis(10),
            "after attempt {}: {mean:?}, expected about {half:?}",
            wait + 1
        );
    }
    assert!((bench.metric("folio_task_retries_total{kind=\"noted\"}") - 200.0).abs() < 0.5);
}

#[tokio::test(start_paused = true)]
async fn a_task_without_attempts_left_becomes_a_dead_letter_and_can_be_retried() {
    let bench = Bench::new(|settings| settings.tasks.attempts = 3);
    let id = bench.submit("fail", json!({ "times": 4 })).await;
    let status = bench.ended(id).await;
    assert_eq!((status.state, status.attempts), (TaskState::Dead, 3));
    assert_eq!(status.error.as_deref(), Some("failed as requested"));
    assert_eq!(bench.tasks.dead().len(), 1);
    assert!((bench.metric("folio_tasks_dead") - 1.0).abs() < 0.5);

    bench.tasks.retry(id).expect("it is dead");
    assert_eq!(
        bench.tasks.retry(id),
        Err(SubmitError::Unknown),
        "not any more"
    );
    let status = bench.ended(id).await;
    assert_eq!((status.state, status.attempts), (TaskState::Succeeded, 5));
    assert!(bench.tasks.dead().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_not_tried_again() {
    let bench = Bench::new(|_| {});
    let id = bench
        .submit("fail", json!({ "times": 1, "how": "permanent" }))
        .await;
    let status = bench.ended(id).await;
    assert_eq!((status.state, status.attempts), (TaskState::Dead, 1));
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_bounded_and_the_oldest_is_removed() {
    let bench = Bench::new(|settings| settings.tasks.attempts = 1);
    let mut ids = Vec::new();
    for _ in 0..=MOST_DEAD {
        let id = bench.submit("fail", json!({ "how": "permanent" })).await;
        bench.ended(id).await;
        ids.push(id);
    }
    let dead: Vec<_> = bench.tasks.dead().iter().map(|status| status.id).collect();
    assert_eq!(dead, ids[1..]);
}

#[tokio::test(start_paused = true)]
async fn panics_count_as_failures_and_cost_no_worker() {
    let bench = Bench::new(|settings| {
        settings.tasks.workers = 2;
        settings.tasks.attempts = 2;
    });
    let mut ids = Vec::new();
    for _ in 0..5 {
        let args = json!({ "times": 9, "how": "panic" });
        ids.push(bench.submit("fail", args).await);
    }
    for id in ids {
        let status = bench.ended(id).await;
        assert_eq!((status.state, status.attempts), (TaskState::Dead, 2));
        assert_eq!(status.error.as_deref(), Some("the task panicked"));
    }
    let began = Instant::now();
    let sleeps = [(); 2].map(|()| json!({ "for": "1s" }));
    let mut ids = Vec::new();
    for args in sleeps {
        ids.push(bench.submit("sleep", args).await);
    }
    for id in ids {
        assert_eq!(bench.ended(id).await.state, TaskState::Succeeded);
    }
    assert!(
        began.elapsed() < Duration::from_millis(1_500),
        "both workers"
    );
    assert!(bench.metric("folio_tasks_running").abs() < 0.5);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_attempt_is_ended() {
    let bench = Bench::new(|settings| settings.tasks.attempts = 1);
    let args = json!({ "name": "hangs", "lasts_ms": 600_000 });
    let id = bench.submit("noted", args).await;
    let began = Instant::now();
    let status = bench.ended(id).await;
    assert_eq!(status.state, TaskState::Dead);
    assert_eq!(
        status.error.as_deref(),
        Some("the attempt took longer than 60 s")
    );
    assert!(began.elapsed() < Duration::from_secs(61));
}
