//! The administration of tasks, called as handlers.

use std::time::Instant;

use tokio::time::sleep;

use super::*;
use crate::config::Config;
use crate::settings::{Settings, Stack};

#[tokio::test]
async fn dead_letters_are_listed_and_retried() {
    let assignments = ["tasks.attempts=1", "tasks.backoff=1ms"].map(str::to_owned);
    let settings =
        Settings::layered(Stack::After, None, [], &assignments).expect("valid assignments");
    let config = Config {
        documents: 1,
        users: 1,
        settings,
        ..Config::default()
    };
    let crate::State(app) = crate::State::open(&config).await.expect("it opens");
    let order = TaskRequest {
        kind: "fail".to_owned(),
        priority: TaskPriority::High,
        args: json!({ "times": 1 }),
        delay: Duration::ZERO,
    };
    let (id, _) = app
        .tasks
        .submit_for(1, order, None)
        .await
        .expect("taken on");
    let until = async |total: usize| {
        let began = Instant::now();
        loop {
            let Json(listed) = dead(State(Arc::clone(&app))).await;
            if listed["total"] == total {
                return listed;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{listed}");
            sleep(Duration::from_millis(5)).await;
        }
    };
    let listed = until(1).await;
    let item = &listed["items"][0];
    assert_eq!(item["id"], id.to_string());
    assert_eq!(item["priority"], "high");
    assert_eq!(item["error"], "failed as requested");

    let again = retry(State(Arc::clone(&app)), Segment(id.to_string())).await;
    let again = again.expect("it is dead").into_response();
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    until(0).await;
    for unknown in [id.to_string(), "x".to_owned()] {
        let refused = retry(State(Arc::clone(&app)), Segment(unknown)).await;
        let refused = refused.err().expect("it is not dead").into_response();
        assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    }
}
