//! Ready tasks by priority; low priorities are overtaken but never starved.
//!
//! A priority is a head start: a task competes as if it had arrived `rank · AGING` later than it did, and the earliest
//! runs first. Within a priority the order is first in, first out; under any load a low task is overtaken only by
//! critical ones that arrived at most 3 · [`AGING`] after it.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The head start of each step of priority.
pub(super) const AGING: Duration = Duration::from_secs(5);

/// The priority of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskPriority {
    Critical,
    High,
    #[default]
    Normal,
    Low,
}

/// A first-in, first-out queue for each priority.
pub(super) struct ReadyQueue<T> {
    classes: [VecDeque<Ready<T>>; TaskPriority::ALL.len()],
}

/// A task and the time when it became ready.
pub(super) struct Ready<T> {
    pub(super) since: Instant,
    pub(super) priority: TaskPriority,
    pub(super) item: T,
}

impl TaskPriority {
    /// Most urgent first: the index is the rank of the priority.
    pub(super) const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// The priority with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.name() == name)
    }

    pub(super) fn rank(self) -> usize {
        self as usize
    }
}

impl<T> Default for ReadyQueue<T> {
    fn default() -> Self {
        Self {
            classes: TaskPriority::ALL.map(|_| VecDeque::new()),
        }
    }
}

impl<T> ReadyQueue<T> {
    pub(super) fn len(&self) -> usize {
        self.classes.iter().map(VecDeque::len).sum()
    }

    pub(super) fn push(&mut self, ready: Ready<T>) {
        self.classes[ready.priority.rank()].push_back(ready);
    }

    /// Returns a task that could not run after all.
    pub(super) fn push_front(&mut self, ready: Ready<T>) {
        self.classes[ready.priority.rank()].push_front(ready);
    }

    /// Removes the next task.
    pub(super) fn pop(&mut self) -> Option<Ready<T>> {
        let heads = self.classes.iter().enumerate();
        let turns = heads.filter_map(|(rank, class)| {
            let head = class.front()?;
            Some((head.since + AGING * rank as u32, rank))
        });
        let (_, rank) = turns.min()?;
        self.classes[rank].pop_front()
    }

    /// Time when the oldest ready task became ready.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let heads = self.classes.iter().filter_map(VecDeque::front);
        heads.map(|head| head.since).min()
    }

    pub(super) fn clear(&mut self) {
        self.classes.iter_mut().for_each(VecDeque::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(pushes: &[(TaskPriority, u64)]) -> Vec<usize> {
        let start = Instant::now();
        let mut queue = ReadyQueue::default();
        for (item, &(priority, second)) in pushes.iter().enumerate() {
            queue.push(Ready {
                since: start + Duration::from_secs(second),
                priority,
                item,
            });
        }
        assert_eq!(queue.len(), pushes.len());
        std::iter::from_fn(|| queue.pop().map(|ready| ready.item)).collect()
    }

    #[test]
    fn urgent_tasks_run_first_then_in_order_of_arrival() {
        use TaskPriority::{Critical, High, Low, Normal};
        let pushes = [
            (Low, 0),
            (Normal, 0),
            (Normal, 1),
            (High, 1),
            (Critical, 2),
            (Low, 2),
        ];
        assert_eq!(order(&pushes), [4, 3, 1, 2, 0, 5]);
    }

    #[test]
    fn a_task_that_waited_long_enough_is_not_overtaken() {
        use TaskPriority::{Critical, Low};
        let head_start = 3 * AGING.as_secs();
        assert_eq!(order(&[(Low, 0), (Critical, head_start - 1)]), [1, 0]);
        assert_eq!(order(&[(Low, 0), (Critical, head_start + 1)]), [0, 1]);
    }
}
