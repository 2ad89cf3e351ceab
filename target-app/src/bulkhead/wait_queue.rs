//! The wait queue of a gate: a queue for each priority. It decides which waiter is next and which is displaced.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::gate::RequestPriority;

/// The end of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitOutcome {
    /// A permit was handed over.
    Entered,
    /// A waiter with a higher priority took its place in the queue.
    Displaced,
}

/// The waiters by priority, then by arrival.
#[derive(Default)]
pub(super) struct WaitQueue {
    queues: [VecDeque<Waiter>; 4],
    next_ticket: u64,
}

/// Id of a waiter in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaiterId {
    priority: RequestPriority,
    ticket: u64,
}

struct Waiter {
    /// Increases within a queue, so that a waiter that leaves is found by binary search.
    ticket: u64,
    turn: oneshot::Sender<WaitOutcome>,
}

impl WaitQueue {
    /// Appends a waiter behind those of its priority.
    pub(super) fn push(
        &mut self,
        priority: RequestPriority,
        turn: oneshot::Sender<WaitOutcome>,
    ) -> WaiterId {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.queues[priority as usize].push_back(Waiter { ticket, turn });
        WaiterId { priority, ticket }
    }

    /// Removes the oldest waiter of the highest priority.
    pub(super) fn pop(&mut self) -> Option<oneshot::Sender<WaitOutcome>> {
        let mut from_highest = self.queues.iter_mut().rev();
        from_highest
            .find_map(VecDeque::pop_front)
            .map(|waiter| waiter.turn)
    }

    /// Displaces the newest waiter of the lowest priority, if that is below `priority`.
    pub(super) fn displace_below(&mut self, priority: RequestPriority) -> bool {
        let below = &mut self.queues[..priority as usize];
        let Some(waiter) = below.iter_mut().find_map(VecDeque::pop_back) else {
            return false;
        };
        // A waiter that stopped waiting at this moment needs no message.
        let _ = waiter.turn.send(WaitOutcome::Displaced);
        true
    }

    /// Removes a waiter that stopped waiting; false if it was already removed.
    pub(super) fn remove(&mut self, WaiterId { priority, ticket }: WaiterId) -> bool {
        let queue = &mut self.queues[priority as usize];
        match queue.binary_search_by_key(&ticket, |waiter| waiter.ticket) {
            Ok(position) => queue.remove(position).is_some(),
            Err(_) => false,
        }
    }
}
