//! The waiting room of a gate: a queue for each priority. It decides who is next and who has to go, and counts nothing.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::gate::RequestPriority;

/// What became of one that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitOutcome {
    /// A place inside was handed over.
    Entered,
    /// One with a higher priority needed the room.
    Displaced,
}

/// Who waits, by priority and then by arrival.
#[derive(Default)]
pub(super) struct WaitQueue {
    queues: [VecDeque<Waiter>; 4],
    next_ticket: u64,
}

/// Which waiter of a room.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaiterId {
    priority: RequestPriority,
    ticket: u64,
}

struct Waiter {
    /// Ascends within a queue, so that one who leaves is found by halving.
    ticket: u64,
    turn: oneshot::Sender<WaitOutcome>,
}

impl WaitQueue {
    /// Takes one in behind those of its priority.
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

    /// The oldest of the highest priority.
    pub(super) fn pop(&mut self) -> Option<oneshot::Sender<WaitOutcome>> {
        let mut from_highest = self.queues.iter_mut().rev();
        from_highest
            .find_map(VecDeque::pop_front)
            .map(|waiter| waiter.turn)
    }

    /// Sends the newest of the lowest priority away, if that is below `priority`.
    pub(super) fn displace_below(&mut self, priority: RequestPriority) -> bool {
        let below = &mut self.queues[..priority as usize];
        let Some(waiter) = below.iter_mut().find_map(VecDeque::pop_back) else {
            return false;
        };
        // One that stopped waiting at this moment does not need to be told.
        let _ = waiter.turn.send(WaitOutcome::Displaced);
        true
    }

    /// Lets one go that stopped waiting; false when its turn had come before.
    pub(super) fn remove(&mut self, WaiterId { priority, ticket }: WaiterId) -> bool {
        let queue = &mut self.queues[priority as usize];
        match queue.binary_search_by_key(&ticket, |waiter| waiter.ticket) {
            Ok(position) => queue.remove(position).is_some(),
            Err(_) => false,
        }
    }
}
