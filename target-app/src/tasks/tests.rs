//! The task service with a clock that the test controls: its queue, its workers, its shutdown.

mod attempts;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, advance, sleep};

use super::registry::{Arguments, Audience, Registry, TaskShare};
use super::{
    Failure, SubmitError, TaskId, TaskPriority, TaskRequest, TaskState, TaskStatus, Tasks,
};
use crate::metrics::Metrics;
use crate::settings::{Live, Settings};

struct Bench {
    tasks: Tasks,
    settings: Arc<Live>,
    metrics: Metrics,
    /// Start of each attempt of `noted`, by its `name`.
    noted: Arc<Mutex<Vec<(String, Instant)>>>,
}

#[derive(serde::Deserialize)]
struct Noted {
    name: String,
    #[serde(default)]
    fails: u32,
    #[serde(default)]
    lasts_ms: u64,
}

impl Arguments for Noted {}

impl Bench {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let settings = Arc::new(Live::new(settings));
        let metrics = Metrics::new().expect("metrics");
        let noted = Arc::new(Mutex::new(Vec::new()));
        let mut kinds = Registry::default();
        super::kinds::register_plain(&mut kinds);
        for (name, running) in [("noted", usize::MAX), ("narrow", 1)] {
            let share = TaskShare {
                unfinished: 100,
                running,
            };
            let log = Arc::clone(&noted);
            kinds.register(
                name,
                Audience::Clients,
                share,
                move |args: Arc<Noted>, attempt| {
                    let log = Arc::clone(&log);
                    async move {
                        let began = (args.name.clone(), Instant::now());
                        log.lock().expect("no panic").push(began);
                        sleep(Duration::from_millis(args.lasts_ms)).await;
                        if attempt.number <= args.fails {
                            return Err(Failure::transient("not yet"));
                        }
                        Ok(json!(attempt.number))
                    }
                },
            );
        }
        Self {
            tasks: Tasks::start(kinds, &settings, &metrics).expect("fresh metrics"),
            settings,
            metrics,
            noted,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = Settings::clone(&self.settings.load());
        change(&mut settings);
        self.settings.replace(settings);
    }

    async fn submit(&self, kind: &str, args: Value) -> TaskId {
        self.order(kind, args, TaskPriority::Normal)
            .await
            .expect("taken on")
    }

    async fn order(
        &self,
        kind: &str,
        args: Value,
        priority: TaskPriority,
    ) -> Result<TaskId, SubmitError> {
        let order = TaskRequest {
            priority,
            ..order(kind, args)
        };
        self.tasks
            .submit_for(1, order, None)
            .await
            .map(|(id, _)| id)
    }

    async fn status(&self, id: TaskId) -> TaskStatus {
        self.tasks.status(id, 1).await.expect("known")
    }

    /// Waits until the task has ended; the paused clock advances by itself.
    async fn ended(&self, id: TaskId) -> TaskStatus {
        loop {
            let status = self.status(id).await;
            if matches!(status.state, TaskState::Succeeded | TaskState::Dead) {
                return status;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn names(&self) -> Vec<String> {
        let noted = self.noted.lock().expect("no panic");
        noted.iter().map(|(name, _)| name.clone()).collect()
    }

    fn metric(&self, line: &str) -> f64 {
        let text = self.metrics.render().expect("text");
        let values: HashMap<_, _> = text
            .lines()
            .filter_map(|line| line.rsplit_once(' '))
            .collect();
        let value = values.get(line).unwrap_or_else(|| panic!("no {line}"));
        value.parse().expect("a number")
    }
}

fn order(kind: &str, args: Value) -> TaskRequest {
    TaskRequest {
        kind: kind.to_owned(),
        priority: TaskPriority::Normal,
        args,
        delay: Duration::ZERO,
    }
}

#[tokio::test(start_paused = true)]
async fn workers_and_queue_follow_their_settings_while_it_runs() {
    let bench = Bench::new(|settings| {
        settings.tasks.workers = 1;
        settings.tasks.queue = 3;
    });
    for name in 0..4 {
        let args = json!({ "name": name.to_string(), "lasts_ms": 10_000 });
        bench.submit("noted", args).await;
        // Lets the dispatcher take the first task.
        sleep(Duration::from_millis(1)).await;
    }
    let full = bench
        .order("noted", json!({ "name": "5" }), TaskPriority::Critical)
        .await;
    assert_eq!(full, Err(SubmitError::Full));
    assert_eq!(bench.names().len(), 1);
    assert!((bench.metric("folio_tasks_queued{priority=\"normal\"}") - 3.0).abs() < 0.5);
    assert!((bench.metric("folio_tasks_refused_total{reason=\"full\"}") - 1.0).abs() < 0.5);

    sleep(Duration::from_secs(5)).await;
    assert!((4.0..=5.0).contains(&bench.metric("folio_tasks_oldest_seconds")));
    bench.change(|settings| settings.tasks.workers = 3);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(bench.names(), ["0", "1", "2"]);

    // With fewer workers again: the three end, and one at a time follows.
    bench.change(|settings| {
        settings.tasks.workers = 1;
        settings.tasks.queue = 4;
    });
    for name in ["4", "5"] {
        bench
            .submit("noted", json!({ "name": name, "lasts_ms": 10_000 }))
            .await;
    }
    sleep(Duration::from_millis(10_010)).await;
    assert_eq!(bench.names().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn urgent_tasks_overtake_and_delays_are_kept() {
    let bench = Bench::new(|settings| settings.tasks.workers = 1);
    let args = |name: &str| json!({ "name": name, "lasts_ms": 1_000 });
    bench.submit("noted", args("first")).await;
    sleep(Duration::from_millis(1)).await;
    for (name, priority) in [
        ("low", TaskPriority::Low),
        ("normal", TaskPriority::Normal),
        ("critical", TaskPriority::Critical),
        ("high", TaskPriority::High),
    ] {
        bench
            .order("noted", args(name), priority)
            .await
            .expect("taken on");
    }
    let began = Instant::now();
    let delayed = TaskRequest {
        delay: Duration::from_mins(1),
        ..order("noted", args("delayed"))
    };
    let delayed = bench.tasks.submit_for(1, delayed, None).await;
    let (delayed, state) = delayed.expect("taken on");
    assert_eq!(state, TaskState::Queued);
    assert!((bench.metric("folio_tasks_delayed") - 1.0).abs() < 0.5);
    bench.ended(delayed).await;
    assert_eq!(
        bench.names(),
        ["first", "critical", "high", "normal", "low", "delayed"]
    );
    assert!(began.elapsed() >= Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn a_kind_at_its_share_leaves_workers_to_other_kinds() {
    let bench = Bench::new(|settings| settings.tasks.workers = 2);
    for name in ["a", "b", "c"] {
        let args = json!({ "name": name, "lasts_ms": 1_000 });
        bench.submit("narrow", args).await;
    }
    let id = bench.submit("noted", json!({ "name": "other" })).await;
    sleep(Duration::from_millis(10)).await;
    assert_eq!(bench.status(id).await.state, TaskState::Succeeded);
    assert_eq!(bench.names(), ["a", "other"]);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.names(), ["a", "other", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_drain_finishes_what_it_can_and_counts_what_it_cannot() {
    let bench = Bench::new(|settings| {
        settings.tasks.workers = 2;
        settings.tasks.drain = crate::settings::Span::seconds(5);
    });
    let mut quick = Vec::new();
    for name in 0..10 {
        let args = json!({ "name": name.to_string(), "lasts_ms": 500 });
        quick.push(bench.submit("noted", args).await);
    }
    let slow = bench.submit("sleep", json!({ "for": "30s" })).await;
    let far = TaskRequest {
        delay: Duration::from_mins(1),
        ..order("noted", json!({ "name": "far" }))
    };
    bench
        .tasks
        .submit_for(1, far, None)
        .await
        .expect("taken on");
    bench.tasks.refuse_users();
    let refused = bench.order("noted", json!({ "name": "late" }), TaskPriority::Critical);
    assert_eq!(refused.await, Err(SubmitError::Draining));
    bench
        .tasks
        .submit(order("noted", json!({ "name": "caused" })))
        .expect("what requests under way cause is still taken");

    let began = Instant::now();
    let drained = bench.tasks.drain().await;
    assert_eq!((drained.finished, drained.abandoned), (11, 2));
    assert!(began.elapsed() <= Duration::from_secs(5));
    for id in quick {
        assert_eq!(bench.status(id).await.state, TaskState::Succeeded);
    }
    assert!(bench.tasks.status(slow, 1).await.is_none());
    let late = bench
        .tasks
        .submit(order("noted", json!({ "name": "late" })));
    assert_eq!(late, Err(SubmitError::Draining));
    for kind in ["sleep", "noted"] {
        let line = format!("folio_tasks_total{{kind=\"{kind}\",outcome=\"abandoned\"}}");
        assert!((bench.metric(&line) - 1.0).abs() < 0.5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_with_nothing_to_wait_for_does_not_wait() {
    let bench = Bench::new(|_| {});
    let far = TaskRequest {
        delay: Duration::from_hours(1),
        ..order("echo", json!({}))
    };
    bench
        .tasks
        .submit_for(1, far, None)
        .await
        .expect("taken on");
    let began = Instant::now();
    assert_eq!(bench.tasks.drain().await.abandoned, 1);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_idempotency_key_identifies_one_task_of_one_user() {
    let bench = Bench::new(|_| {});
    let submit = async |user, args: Value| {
        let key = Some("k".to_owned());
        bench.tasks.submit_for(user, order("echo", args), key).await
    };
    let (first, _) = submit(1, json!({ "n": 1 })).await.expect("taken on");
    bench.ended(first).await;
    let again = submit(1, json!({ "n": 1 })).await;
    assert_eq!(again, Ok((first, TaskState::Succeeded)));
    let other = submit(1, json!({ "n": 2 })).await;
    assert_eq!(other, Err(SubmitError::KeyTaken));
    let (theirs, _) = submit(2, json!({ "n": 1 })).await.expect("taken on");
    assert_ne!(theirs, first);
    assert!(bench.tasks.status(theirs, 1).await.is_none());
    advance(Duration::from_secs(1)).await;
    assert!((bench.status(first).await.age_seconds - 1.0).abs() < 0.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_five_hundred_tasks_per_second_run() {
    const TASKS: u32 = 5_000;
    let bench = Bench::new(|_| {});
    let began = std::time::Instant::now();
    for number in 0..TASKS {
        bench.submit("echo", json!({ "number": number })).await;
    }
    let done = f64::from(TASKS);
    let line = "folio_tasks_total{kind=\"echo\",outcome=\"succeeded\"}";
    while bench.metric(line) < done {
        assert!(began.elapsed() < Duration::from_mins(1), "it stalled");
        sleep(Duration::from_millis(5)).await;
    }
    // Even unoptimised and on a busy machine it is some thousands; the bound is the required minimum.
    let rate = done / began.elapsed().as_secs_f64();
    assert!(rate >= 500.0, "{rate:.0} tasks a second");
    let waited = bench.metric("folio_task_wait_seconds_count");
    assert!((waited - done).abs() < 0.5, "each began once: {waited}");
}
