//! The dispatcher, which starts ready tasks as workers become free, and the execution of one task.
//!
//! Each attempt is a separate Tokio task: one that panics or is slow costs the others nothing but a worker.

use std::any::Any;
use std::error::Error;
use std::io::{self, Write as _};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::queue::Ready;
use super::record::TaskState;
use super::registry::{Attempt, Failure};
use super::table::Task;
use super::{TaskService, backoff};

/// Time limit of an attempt; without it a hanging attempt would hold its worker forever.
const LONGEST_ATTEMPT: Duration = Duration::from_mins(1);
/// Interval of updating the age of the oldest waiting task.
const LOOK: Duration = Duration::from_secs(1);
/// Interval of checks when nothing waits.
const IDLE: Duration = Duration::from_hours(1);

/// Starts tasks until it is aborted, which also aborts the attempts in progress.
pub(super) async fn run(shared: Arc<TaskService>) {
    let mut changes = shared.settings.changes();
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        let next_look = start_ready(&shared, &mut running);
        tokio::select! {
            () = shared.wake.notified() => {}
            Some(_) = running.join_next() => {}
            Ok(()) = changes.changed() => {}
            () = sleep_until(next_look) => {}
        }
    }
}

/// Starts ready tasks while workers are free. Returns the latest time of the next check.
fn start_ready(shared: &Arc<TaskService>, running: &mut JoinSet<()>) -> Instant {
    let workers = shared.settings.load().tasks.workers as usize;
    let mut table = shared.table();
    while running.len() < workers
        && let Some(ready) = table.next(&shared.meters)
    {
        running.spawn(attempt(Arc::clone(shared), ready));
    }
    let now = Instant::now();
    let oldest = table.oldest();
    let age = oldest.map_or(Duration::ZERO, |since| now.duration_since(since));
    shared.meters.oldest.set(age.as_secs() as i64);
    let look = now + if oldest.is_some() { LOOK } else { IDLE };
    match table.next_due() {
        // A task that became due just now is for the next round; if all workers are busy, the end of an attempt
        // triggers that round.
        Some(due) if running.len() < workers => look.min(due),
        _ => look,
    }
}

/// Runs one attempt and decides the next step of the task.
async fn attempt(shared: Arc<TaskService>, ready: Ready<Task>) {
    let Ready { since, item, .. } = ready;
    let began = Instant::now();
    let meters = &shared.meters;
    meters.wait.observe((began - since).as_secs_f64());
    meters.running.inc();
    let this = Attempt {
        task: item.record.id,
        number: item.record.begin(),
    };
    // The function may panic before it returns a future.
    let made = AssertUnwindSafe(async { timeout(LONGEST_ATTEMPT, (item.job)(this)).await });
    let outcome = match made.catch_unwind().await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Failure::TimedOut(LONGEST_ATTEMPT)),
        Err(panic) => {
            drop::<Box<dyn Any + Send>>(panic);
            Err(Failure::Panicked)
        }
    };
    meters.running.dec();
    let seconds = &meters.kinds[item.kind].seconds;
    seconds.observe(began.elapsed().as_secs_f64());
    let kind = item.kind;
    shared.settle(item, this.number, outcome).await;
    shared.table().released(kind);
    shared.settled.notify_one();
}

impl TaskService {
    async fn settle(&self, task: Task, attempt: u32, outcome: Result<Value, Failure>) {
        let meters = &self.meters.kinds[task.kind];
        let failure = match outcome {
            Ok(result) => {
                task.record.succeed(result);
                meters.succeeded.inc();
                return self.finish(&task).await;
            }
            Err(failure) => failure,
        };
        let tried = attempt - task.spent;
        let pause = {
            let settings = &self.settings.load().tasks;
            let again = tried < settings.attempts && !failure.is_final();
            again.then(|| backoff::wait(settings, tried, rand::random()))
        };
        if let Some(pause) = pause {
            task.record.fail(failure.to_string(), TaskState::Retrying);
            meters.retries.inc();
            let due = Instant::now() + pause;
            self.table().postpone(task, due, &self.meters);
        } else {
            task.record.fail(failure.to_string(), TaskState::Dead);
            meters.dead.inc();
            log(&task, &failure);
            self.finish(&task).await;
            self.table().add_dead_letter(task, &self.meters);
        }
    }

    async fn finish(&self, task: &Task) {
        let record = &task.record;
        self.finished.insert(record.id, Arc::clone(record)).await;
        self.table().finished(task.kind, record.id);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Logs why a task died, if its owner does not see the cause.
fn log(task: &Task, failure: &Failure) {
    let (id, kind) = (task.record.id, task.record.kind);
    let mut cause = failure.source();
    if cause.is_none() {
        return;
    }
    let mut line = failure.to_string();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    // A failure to write the log must not fail the task.
    let _ = writeln!(io::stderr(), "task {id} {kind} is dead: {line}");
}
