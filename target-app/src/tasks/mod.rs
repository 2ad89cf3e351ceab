//! Background tasks: accepted now, executed later, retried, and finally done or a dead letter.
//!
//! A dispatcher starts ready tasks on at most `tasks.workers` workers. Everything is in memory of this process: a
//! shutdown runs tasks for at most `tasks.drain` and counts the abandoned ones; a kill loses every unfinished task.
//! Finished tasks can be read for ten minutes.

mod backoff;
mod dispatch;
mod kinds;
mod meters;
mod queue;
mod record;
mod registry;
mod table;
#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

pub(crate) use kinds::catalogue;
pub(crate) use queue::TaskPriority;
pub(crate) use record::{Owner, TaskId, TaskState, TaskStatus};
pub(crate) use registry::{Arguments, Attempt, Audience, Failure, Registry, TaskShare};

use crate::metrics::Metrics;
use crate::settings::Live;
use meters::TaskMetrics;
use record::TaskRecord;
use registry::TaskKind;
use table::{Intake, Task, TaskTable};

/// Time for which a finished task can be read.
const REMEMBERED: Duration = Duration::from_mins(10);
/// Maximum remembered finished tasks and idempotency keys; the least recently read are removed.
const MOST_REMEMBERED: u64 = 100_000;
/// Bytes per unit of capacity of a finished task; a larger one counts as several, so that 64 MB is the maximum.
const FAIR_SIZE: usize = 640;
/// Maximum arguments from a client, in bytes of JSON; limits the memory of a full queue.
pub(crate) const MOST_ARGUMENTS: usize = 4 * 1024;

/// The task service of one [`State`](crate::State); dropping it stops the service.
pub(crate) struct Tasks {
    shared: Arc<TaskService>,
    dispatcher: AbortHandle,
}

/// A request for a task.
#[derive(Debug)]
pub(crate) struct TaskRequest {
    /// Name of the task kind.
    pub(crate) kind: String,
    pub(crate) priority: TaskPriority,
    /// Arguments of the kind's function.
    pub(crate) args: Value,
    /// Delay before the first attempt.
    pub(crate) delay: Duration,
}

/// The reason why a task was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubmitError {
    /// No kind that the caller may use has this name.
    #[error("expected one of {kinds}, found {found:?}")]
    Kind {
        /// The requested name.
        found: String,
        /// The available names.
        kinds: String,
    },
    /// The arguments are invalid for the kind.
    #[error("{0}")]
    Arguments(String),
    /// The idempotency key belongs to a different request.
    #[error("expected a new key; this one was used for another task")]
    KeyTaken,
    /// The queue is full.
    #[error("the task queue is full")]
    Full,
    /// The service is stopping.
    #[error("the service is stopping and takes no new tasks")]
    Draining,
    /// There is no dead letter with this id.
    #[error("there is no dead letter with this id")]
    Unknown,
}

/// The result of the shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Tasks that ended during the shutdown.
    pub(crate) finished: u64,
    /// Tasks that were not finished in time and are lost.
    pub(crate) abandoned: u64,
}

/// Data shared by the handle, the dispatcher and the workers.
struct TaskService {
    kinds: Registry,
    settings: Arc<Live>,
    meters: TaskMetrics,
    table: Mutex<TaskTable>,
    finished: Cache<TaskId, Arc<TaskRecord>>,
    keys: Cache<(Owner, String), IdempotentTask>,
    /// Wakes the dispatcher: there may be something to start.
    wake: Notify,
    /// Notified when an attempt ends.
    settled: Notify,
    /// Time when the shutdown began.
    stopping: OnceLock<Instant>,
    /// Number of tasks that ended finally.
    ended: AtomicU64,
    process: u32,
    next: AtomicU32,
}

/// The task of an idempotency key.
#[derive(Clone, Copy)]
struct IdempotentTask {
    task: TaskId,
    order: u64,
}

impl Tasks {
    /// Starts the dispatcher on the current Tokio runtime.
    pub(crate) fn start(
        kinds: Registry,
        settings: &Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, prometheus::Error> {
        let parts = kinds.all().iter().map(|kind| kind.share);
        let remembered = |_: &TaskId, record: &Arc<TaskRecord>| {
            u32::try_from(record.size().max(FAIR_SIZE)).unwrap_or(u32::MAX)
        };
        let shared = Arc::new(TaskService {
            meters: TaskMetrics::new(metrics, kinds.all())?,
            table: Mutex::new(TaskTable::new(parts)),
            settings: Arc::clone(settings),
            finished: Cache::builder()
                .max_capacity(MOST_REMEMBERED * FAIR_SIZE as u64)
                .weigher(remembered)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_live(REMEMBERED)
                .build(),
            keys: Cache::builder()
                .max_capacity(MOST_REMEMBERED)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            wake: Notify::new(),
            settled: Notify::new(),
            stopping: OnceLock::new(),
            ended: AtomicU64::new(0),
            process: rand::random(),
            next: AtomicU32::new(0),
            kinds,
        });
        let dispatcher = tokio::spawn(dispatch::run(Arc::clone(&shared))).abort_handle();
        Ok(Self { shared, dispatcher })
    }

    /// Submits a task of Folio itself.
    pub(crate) fn submit(&self, order: TaskRequest) -> Result<TaskId, SubmitError> {
        self.shared.accept(Owner::Service, order)
    }

    /// Submits a task of a user. A `key` that the user already sent returns its task, as long as that can be read.
    pub(crate) async fn submit_for(
        &self,
        user: i64,
        order: TaskRequest,
        key: Option<String>,
    ) -> Result<(TaskId, TaskState), SubmitError> {
        let owner = Owner::User(user);
        let Some(key) = key else {
            let task = self.shared.accept(owner, order)?;
            return Ok((task, TaskState::Queued));
        };
        let fingerprint = order.fingerprint();
        let shared = &self.shared;
        // Serialised per key: of two concurrent requests the second sees the result of the first.
        let entry = shared.keys.entry((owner, key));
        let held = entry
            .and_try_compute_with(async |held| {
                if let Some(held) = held
                    && shared.record(held.value().task).await.is_some()
                {
                    return Ok(Op::Nop);
                }
                let task = shared.accept(owner, order)?;
                let order = fingerprint;
                Ok::<_, SubmitError>(Op::Put(IdempotentTask { task, order }))
            })
            .await?;
        let is_known = matches!(held, CompResult::Unchanged(_));
        let Some(held) = held.into_entry().map(moka::Entry::into_value) else {
            return Err(SubmitError::Unknown);
        };
        if is_known && held.order != fingerprint {
            return Err(SubmitError::KeyTaken);
        }
        let state = shared.record(held.task).await.map(|record| record.state());
        Ok((held.task, state.unwrap_or(TaskState::Queued)))
    }

    /// A task of this user, if it is known.
    pub(crate) async fn status(&self, id: TaskId, user: i64) -> Option<TaskStatus> {
        let record = self.shared.record(id).await?;
        (record.owner == Owner::User(user)).then(|| record.status())
    }

    /// The dead letters, oldest first; at most 1,000.
    pub(crate) fn dead(&self) -> Vec<TaskStatus> {
        let dead: Vec<_> = self.shared.table().dead().map(Arc::clone).collect();
        dead.iter().map(|record| record.status()).collect()
    }

    /// Retries a dead letter with a new set of attempts.
    pub(crate) fn retry(&self, id: TaskId) -> Result<(), SubmitError> {
        let most = self.shared.settings.load().tasks.queue as usize;
        self.shared.table().revive(id, most, &self.shared.meters)?;
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Begins the shutdown: rejects new tasks of users, but still accepts those caused by requests in progress.
    pub(crate) fn refuse_users(&self) {
        self.shared.stopping.get_or_init(|| {
            self.shared.table().set_intake(Intake::Service);
            Instant::now()
        });
    }

    /// Waits until everything has run that can run within `tasks.drain` of the start of the shutdown, then abandons the
    /// rest.
    pub(crate) async fn drain(&self) -> Drained {
        self.refuse_users();
        let shared = &self.shared;
        let began = shared.stopping.get().copied();
        let deadline = began.unwrap_or_else(Instant::now) + shared.settings.load().tasks.drain.0;
        let before = shared.ended.load(Ordering::Relaxed);
        while !shared.table().is_quiet(deadline) {
            tokio::select! {
                () = shared.settled.notified() => {}
                () = sleep_until(deadline) => break,
            }
        }
        let abandoned = {
            let mut table = shared.table();
            table.set_intake(Intake::Nobody);
            table.abandon()
        };
        self.dispatcher.abort();
        for (meters, &count) in shared.meters.kinds.iter().zip(&abandoned) {
            meters.abandoned.inc_by(count as u64);
        }
        Drained {
            finished: shared.ended.load(Ordering::Relaxed) - before,
            abandoned: abandoned.iter().sum::<usize>() as u64,
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.dispatcher.abort();
    }
}

impl TaskRequest {
    /// A fingerprint of the request, to distinguish a repetition from another use of its key.
    fn fingerprint(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        (&self.kind, self.priority, &self.args, self.delay).hash(&mut hash);
        hash.finish()
    }
}

impl TaskService {
    fn table(&self) -> MutexGuard<'_, TaskTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(&self, owner: Owner, order: TaskRequest) -> Result<TaskId, SubmitError> {
        let known = self.kinds.named(&order.kind);
        let (kind, TaskKind { name, .. }) = known
            .filter(|(_, kind)| owner == Owner::Service || kind.audience == Audience::Clients)
            .ok_or_else(|| SubmitError::Kind {
                found: order.kind.clone(),
                kinds: self.kinds.for_clients(),
            })?;
        let job = self.kinds.all()[kind].bind(order.args);
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let id = TaskId::new(self.process, count);
        let task = Task {
            record: Arc::new(TaskRecord::new(id, name, owner, order.priority)),
            kind,
            job: job.map_err(SubmitError::Arguments)?,
            spent: 0,
        };
        let due = (!order.delay.is_zero()).then(|| Instant::now() + order.delay);
        let most = self.settings.load().tasks.queue as usize;
        self.table().admit(task, due, most, &self.meters)?;
        self.wake.notify_one();
        Ok(id)
    }

    /// Searches the unfinished tasks first: a task is added to the finished ones before it is removed there.
    async fn record(&self, id: TaskId) -> Option<Arc<TaskRecord>> {
        let unfinished = self.table().unfinished(id);
        match unfinished {
            Some(record) => Some(record),
            None => self.finished.get(&id).await,
        }
    }
}
