//! The record of a task, from its submission until it is forgotten.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio::time::Instant;

use super::queue::TaskPriority;

/// Id of a task: sixteen hexadecimal digits, the first eight drawn by the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TaskId(u64);

/// The owner of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// This user; nobody else can read the task.
    User(i64),
    /// Folio itself; only the administrator sees the task, and only as a dead letter.
    Service,
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskState {
    /// Waits for its first attempt.
    Queued,
    /// An attempt is in progress.
    Running,
    /// Waits for a retry.
    Retrying,
    /// Ended with a result.
    Succeeded,
    /// All its attempts failed.
    Dead,
}

/// A task as its owner sees it.
#[derive(Debug, Serialize)]
pub(crate) struct TaskStatus {
    pub(crate) id: TaskId,
    pub(crate) kind: &'static str,
    pub(crate) priority: TaskPriority,
    pub(crate) state: TaskState,
    /// Attempts begun.
    pub(crate) attempts: u32,
    /// Seconds since submission.
    pub(crate) age_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Value>,
    /// The error of the last ended attempt; cleared when one succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// The part of a task that outlives its function: shared by the worker and the readers.
pub(super) struct TaskRecord {
    pub(super) id: TaskId,
    pub(super) kind: &'static str,
    pub(super) owner: Owner,
    pub(super) priority: TaskPriority,
    submitted: Instant,
    progress: Mutex<Progress>,
}

struct Progress {
    state: TaskState,
    attempts: u32,
    result: Option<Value>,
    error: Option<String>,
    /// Bytes of the result as JSON, plus those of the error.
    size: usize,
}

impl TaskId {
    pub(super) fn new(process: u32, count: u32) -> Self {
        Self(u64::from(process) << 32 | u64::from(count))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

impl FromStr for TaskId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected sixteen hexadecimal digits";
        if text.len() != 16 || text.starts_with('+') {
            return Err(EXPECTED);
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| EXPECTED)
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TaskRecord {
    pub(super) fn new(
        id: TaskId,
        kind: &'static str,
        owner: Owner,
        priority: TaskPriority,
    ) -> Self {
        Self {
            id,
            kind,
            owner,
            priority,
            submitted: Instant::now(),
            progress: Mutex::new(Progress {
                state: TaskState::Queued,
                attempts: 0,
                result: None,
                error: None,
                size: 0,
            }),
        }
    }

    pub(super) fn status(&self) -> TaskStatus {
        let progress = self.progress();
        TaskStatus {
            id: self.id,
            kind: self.kind,
            priority: self.priority,
            state: progress.state,
            attempts: progress.attempts,
            age_seconds: self.submitted.elapsed().as_secs_f64(),
            result: progress.result.clone(),
            error: progress.error.clone(),
        }
    }

    pub(super) fn state(&self) -> TaskState {
        self.progress().state
    }

    /// Number of attempts begun.
    pub(super) fn attempts(&self) -> u32 {
        self.progress().attempts
    }

    /// Bytes of the record's result or error.
    pub(super) fn size(&self) -> usize {
        self.progress().size
    }

    /// Begins an attempt; returns its number, from one.
    pub(super) fn begin(&self) -> u32 {
        let mut progress = self.progress();
        progress.state = TaskState::Running;
        progress.attempts += 1;
        progress.attempts
    }

    pub(super) fn succeed(&self, result: Value) {
        let size = result.to_string().len();
        let mut progress = self.progress();
        progress.state = TaskState::Succeeded;
        progress.result = Some(result);
        progress.error = None;
        progress.size = size;
    }

    /// Ends a failed attempt; `next` is the new state of the task.
    pub(super) fn fail(&self, error: String, next: TaskState) {
        let mut progress = self.progress();
        progress.state = next;
        progress.size = error.len();
        progress.error = Some(error);
    }

    /// Marks a dead task as waiting for a retry.
    pub(super) fn revive(&self) {
        self.progress().state = TaskState::Retrying;
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_round_trips_and_other_text_is_rejected() {
        let id = TaskId::new(0xdead_beef, 7);
        assert_eq!(id.to_string(), "deadbeef00000007");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "7",
            "deadbeef0000000g",
            "+eadbeef00000007",
            "deadbeef000000070",
        ] {
            assert!(text.parse::<TaskId>().is_err(), "{text}");
        }
    }
}
