//! The books of the dispatcher: which tasks are not finished and where each of them waits. Everything here happens under
//! one lock that is held for a few instructions; nothing in here runs a task.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::SubmitError;
use super::meters::TaskMetrics;
use super::queue::{Ready, ReadyQueue};
use super::record::{Owner, TaskId, TaskRecord};
use super::registry::{Job, TaskShare};

/// Dead letters that are kept; the oldest makes room.
pub(super) const MOST_DEAD: usize = 1_000;

/// A task that is not finished, owned by whoever has it: a queue, an attempt, the dead letters.
pub(super) struct Task {
    pub(super) record: Arc<TaskRecord>,
    /// Place of the kind in the registry.
    pub(super) kind: usize,
    pub(super) job: Job,
    /// Attempts that do not count against this life of the task.
    pub(super) spent: u32,
}

/// From whom tasks are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    Everyone,
    /// The service is stopping: only what requests under way still cause.
    Service,
    Nobody,
}

pub(super) struct TaskTable {
    intake: Intake,
    ready: ReadyQueue<Task>,
    later: BinaryHeap<Reverse<DelayedTask>>,
    /// By place of the kind in the registry.
    kinds: Vec<KindUsage>,
    unfinished: HashMap<TaskId, Arc<TaskRecord>>,
    dead: VecDeque<Task>,
}

/// What a kind has of its share.
struct KindUsage {
    share: TaskShare,
    unfinished: usize,
    running: usize,
    /// Whose turn came while the kind had all the workers that it may have.
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

    /// Takes `task` on, to run at `due` or as soon as it can, unless `most` wait already.
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

    /// Whether one more is taken on. What failed and waits for another attempt counts, but is itself never refused.
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

    /// Has `task` wait until `due`.
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

    /// The next task to run, if one can; it counts as running until [`Book::released`].
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

    /// When the next task becomes ready by itself.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.peek().map(|Reverse(later)| later.due)
    }

    /// Since when the task that waits longest for a worker could have run.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let parked = self.kinds.iter().filter_map(|kind| kind.parked.front());
        let parked = parked.map(|ready| ready.since);
        parked.chain(self.ready.oldest()).min()
    }

    /// An attempt of this kind is over.
    pub(super) fn released(&mut self, kind: usize) {
        let of_kind = &mut self.kinds[kind];
        of_kind.running -= 1;
        if let Some(next) = of_kind.parked.pop_front() {
            self.ready.push_front(next);
        }
    }

    /// Strikes a finished task off.
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

    /// The dead, oldest first.
    pub(super) fn dead(&self) -> impl ExactSizeIterator<Item = &Arc<TaskRecord>> {
        self.dead.iter().map(|task| &task.record)
    }

    /// Takes a dead task on again, with all its attempts before it.
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

    /// Gives up what is not finished: how many of each kind, by its place in the registry.
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
