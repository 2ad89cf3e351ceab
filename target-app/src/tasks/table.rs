//! The dispatcher's table of unfinished tasks and the places where they wait. Everything here happens under one lock
//! that is held for a few instructions; no task runs in here.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::SubmitError;
use super::meters::TaskMetrics;
use super::queue::{Ready, ReadyQueue};
use super::record::{Owner, TaskId, TaskRecord};
use super::registry::{Job, TaskShare};

/// Maximum dead letters; the oldest is removed.
pub(super) const MOST_DEAD: usize = 1_000;

/// An unfinished task, owned by a queue, an attempt or the dead letters.
pub(super) struct Task {
    pub(super) record: Arc<TaskRecord>,
    /// Index of the kind in the registry.
    pub(super) kind: usize,
    pub(super) job: Job,
    /// Attempts before the last manual retry, which do not count any more.
    pub(super) spent: u32,
}

/// The sources from which tasks are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    Everyone,
    /// The service is stopping: only tasks caused by requests in progress.
    Service,
    Nobody,
}

pub(super) struct TaskTable {
    intake: Intake,
    ready: ReadyQueue<Task>,
    later: BinaryHeap<Reverse<DelayedTask>>,
    /// By index of the kind in the registry.
    kinds: Vec<KindUsage>,
    unfinished: HashMap<TaskId, Arc<TaskRecord>>,
    dead: VecDeque<Task>,
}

/// The use of a kind's share.
struct KindUsage {
    share: TaskShare,
    unfinished: usize,
    running: usize,
    /// Tasks that were ready while the kind already had its maximum of workers.
    parked: VecDeque<Ready<Task>>,
}

struct DelayedTask {
    due: Instant,
    task: Task,
}

impl Ord for DelayedTask {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |later: &Self| (later.due, later.task.record.id);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for DelayedTask {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DelayedTask {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for DelayedTask {}

impl TaskTable {
    pub(super) fn new(shares: impl Iterator<Item = TaskShare>) -> Self {
        let unused = shares.map(|share| KindUsage {
            share,
            unfinished: 0,
            running: 0,
            parked: VecDeque::new(),
        });
        Self {
            intake: Intake::Everyone,
            ready: ReadyQueue::default(),
            later: BinaryHeap::new(),
            kinds: unused.collect(),
            unfinished: HashMap::new(),
            dead: VecDeque::new(),
        }
    }

    /// Accepts `task`, to run at `due` or as soon as possible, unless `most` already wait.
    pub(super) fn admit(
        &mut self,
        task: Task,
        due: Option<Instant>,
        most: usize,
        meters: &TaskMetrics,
    ) -> Result<(), SubmitError> {
        self.room(task.record.owner, task.kind, most, meters)?;
        self.accept(task, due, meters);
        Ok(())
    }

    /// Checks that one more task can be accepted. Tasks that wait for a retry count, but are never rejected themselves.
    fn room(
        &self,
        owner: Owner,
        kind: usize,
        most: usize,
        meters: &TaskMetrics,
    ) -> Result<(), SubmitError> {
        let is_open = match self.intake {
            Intake::Everyone => true,
            Intake::Service => owner == Owner::Service,
            Intake::Nobody => false,
        };
        if !is_open {
            meters.refused_draining.inc();
            return Err(SubmitError::Draining);
        }
        let parked: usize = self.kinds.iter().map(|kind| kind.parked.len()).sum();
        let of_kind = &self.kinds[kind];
        if self.ready.len() + self.later.len() + parked >= most
            || of_kind.unfinished >= of_kind.share.unfinished
        {
            meters.refused_full.inc();
            return Err(SubmitError::Full);
        }
        Ok(())
    }

    fn accept(&mut self, task: Task, due: Option<Instant>, meters: &TaskMetrics) {
        self.kinds[task.kind].unfinished += 1;
        self.unfinished
            .insert(task.record.id, Arc::clone(&task.record));
        match due {
            None => self.enqueue(task, Instant::now(), meters),
            Some(due) => self.postpone(task, due, meters),
        }
    }

    /// Delays `task` until `due`.
    pub(super) fn postpone(&mut self, task: Task, due: Instant, meters: &TaskMetrics) {
        self.later.push(Reverse(DelayedTask { due, task }));
        meters.delayed.inc();
    }

    fn enqueue(&mut self, task: Task, since: Instant, meters: &TaskMetrics) {
        let priority = task.record.priority;
        meters.queued[priority.rank()].inc();
        self.ready.push(Ready {
            since,
            priority,
            item: task,
        });
    }

    /// The next task to run, if there is one; it counts as running until [`TaskTable::released`].
    pub(super) fn next(&mut self, meters: &TaskMetrics) -> Option<Ready<Task>> {
        let now = Instant::now();
        while self.next_due().is_some_and(|due| due <= now) {
            if let Some(Reverse(DelayedTask { due, task })) = self.later.pop() {
                meters.delayed.dec();
                self.enqueue(task, due, meters);
            }
        }
        loop {
            let ready = self.ready.pop()?;
            let of_kind = &mut self.kinds[ready.item.kind];
            if of_kind.running < of_kind.share.running {
                of_kind.running += 1;
                meters.queued[ready.priority.rank()].dec();
                return Some(ready);
            }
            of_kind.parked.push_back(ready);
        }
    }

    /// Time when the next delayed task becomes ready.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.peek().map(|Reverse(later)| later.due)
    }

    /// Time since which the oldest ready task has been waiting.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let parked = self.kinds.iter().filter_map(|kind| kind.parked.front());
        let parked = parked.map(|ready| ready.since);
        parked.chain(self.ready.oldest()).min()
    }

    /// An attempt of this kind has ended.
    pub(super) fn released(&mut self, kind: usize) {
        let of_kind = &mut self.kinds[kind];
        of_kind.running -= 1;
        if let Some(next) = of_kind.parked.pop_front() {
            self.ready.push_front(next);
        }
    }

    /// Removes a finished task.
    pub(super) fn finished(&mut self, kind: usize, id: TaskId) {
        if self.unfinished.remove(&id).is_some() {
            self.kinds[kind].unfinished -= 1;
        }
    }

    pub(super) fn add_dead_letter(&mut self, task: Task, meters: &TaskMetrics) {
        if self.dead.len() == MOST_DEAD {
            self.dead.pop_front();
        }
        self.dead.push_back(task);
        meters.dead.set(self.dead.len() as i64);
    }

    /// The dead letters, oldest first.
    pub(super) fn dead(&self) -> impl ExactSizeIterator<Item = &Arc<TaskRecord>> {
        self.dead.iter().map(|task| &task.record)
    }

    /// Accepts a dead task again, with all its attempts.
    pub(super) fn revive(
        &mut self,
        id: TaskId,
        most: usize,
        meters: &TaskMetrics,
    ) -> Result<(), SubmitError> {
        let mut dead = self.dead.iter();
        let place = dead.position(|task| task.record.id == id);
        let place = place.ok_or(SubmitError::Unknown)?;
        let Task { record, kind, .. } = &self.dead[place];
        self.room(record.owner, *kind, most, meters)?;
        if let Some(mut task) = self.dead.remove(place) {
            task.spent = task.record.attempts();
            task.record.revive();
            self.accept(task, None, meters);
        }
        meters.dead.set(self.dead.len() as i64);
        Ok(())
    }

    pub(super) fn unfinished(&self, id: TaskId) -> Option<Arc<TaskRecord>> {
        self.unfinished.get(&id).map(Arc::clone)
    }

    pub(super) fn set_intake(&mut self, intake: Intake) {
        self.intake = intake;
    }

    /// Whether nothing runs, nothing is ready and nothing becomes ready by `deadline`.
    pub(super) fn is_quiet(&self, deadline: Instant) -> bool {
        self.ready.len() == 0
            && self.kinds.iter().all(|kind| kind.running == 0)
            && self.next_due().is_none_or(|due| due > deadline)
    }

    /// Abandons the unfinished tasks; returns their number per kind, by index in the registry.
    pub(super) fn abandon(&mut self) -> Vec<usize> {
        self.ready.clear();
        self.later.clear();
        self.unfinished.clear();
        let kinds = self.kinds.iter_mut();
        kinds
            .map(|kind| {
                kind.parked.clear();
                std::mem::take(&mut kind.unfinished)
            })
            .collect()
    }
}
