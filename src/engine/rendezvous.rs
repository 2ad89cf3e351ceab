//! Rendezvous: users wait at a step until enough of them are there, then go on together.
//!
//! The last user of a round wakes the others; nothing polls. A round that is not complete ends when `within` has
//! passed since its first user came, at the end of the load, or when too few users are left to complete it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::halt::Halt;
use super::pacer::unless_stopped;
use crate::plan::{Plan, PlannedFlow};
use crate::scenario::Action;
use crate::scenario::program::{Rendezvous, visit};

/// The rendezvous of a run, by their numbers in the plan.
#[derive(Debug)]
pub(super) struct MeetingPoints(Box<[MeetingPoint]>);

/// The users that wait at one rendezvous.
#[derive(Debug)]
pub(super) struct MeetingPoint {
    /// The number of users of a round.
    users: u32,
    round: Mutex<Round>,
    /// The number of rounds that have ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Round {
    waiting: u32,
    /// When it ends without being complete; `None` before its first user.
    closes: Option<Instant>,
    /// True if too few users are left: nobody waits any more.
    is_off: bool,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// The round ended.
    GoOn,
    /// This user ended a round with so many users, because its time was over before the load.
    Incomplete(u32),
    /// The run stopped.
    Stopped,
}

impl MeetingPoints {
    pub(super) fn of(plan: &Plan) -> Self {
        let blocks = plan.workload.flows.iter().flat_map(PlannedFlow::blocks);
        let steps = blocks.flat_map(|block| visit(block));
        let found = steps.filter_map(|visit| {
            let Action::Rendezvous(one) = &visit.step.action else {
                return None;
            };
            Some((one.number, one.users))
        });
        let mut found: Vec<(u32, u32)> = found.collect();
        found.sort_unstable();
        let points = found.into_iter().map(|(_, users)| MeetingPoint {
            users,
            round: Mutex::default(),
            ended: watch::Sender::new(0),
        });
        Self(points.collect())
    }

    /// Only this many users are left: those that wait for more go on.
    pub(super) fn left(&self, present: usize) {
        for point in self.0.iter().filter(|point| point.users as usize > present) {
            let mut round = lock(&point.round);
            round.is_off = true;
            point.end(&mut round);
        }
    }

    /// Waits at a rendezvous, but not after `end`, the end of the load.
    pub(super) async fn meet(
        &self,
        rendezvous: &Rendezvous,
        end: Option<Instant>,
        halt: &Halt,
    ) -> Met {
        let point = &self.0[rendezvous.number as usize];
        let (mut ended, this, closes) = {
            let mut round = lock(&point.round);
            round.waiting += 1;
            if round.waiting >= point.users || round.is_off {
                point.end(&mut round);
                return Met::GoOn;
            }
            let by = Instant::now() + rendezvous.within;
            let by = end.map_or(by, |end| by.min(end));
            let closes = *round.closes.get_or_insert(by);
            // Of this round, since no round ends without the lock.
            let ended = point.ended.subscribe();
            let this = *ended.borrow();
            (ended, this, closes)
        };
        match timeout_at(closes, unless_stopped(halt, ended.changed())).await {
            Ok(Some(_)) => Met::GoOn,
            Ok(None) => Met::Stopped,
            Err(_) => {
                let mut round = lock(&point.round);
                if *point.ended.borrow() != this {
                    return Met::GoOn;
                }
                let waiting = round.waiting;
                point.end(&mut round);
                if end.is_some_and(|end| Instant::now() >= end) {
                    return Met::GoOn;
                }
                Met::Incomplete(waiting)
            }
        }
    }
}

impl MeetingPoint {
    /// Lets the users of the round go on.
    fn end(&self, round: &mut Round) {
        round.waiting = 0;
        round.closes = None;
        self.ended.send_modify(|ended| *ended += 1);
    }
}

fn lock(round: &Mutex<Round>) -> MutexGuard<'_, Round> {
    round.lock().unwrap_or_else(PoisonError::into_inner)
}
