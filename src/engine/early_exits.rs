//! Users that leave before the load is over.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::halt::Halt;
use crate::plan::{LoadProfile, Plan, Schedule};
use crate::record::LostUsers;
use crate::scenario::WhenUsedUp;
use crate::units::Micros;

/// The number of users that left early, and the reasons.
#[derive(Debug, Default)]
pub(super) struct EarlyExits {
    stopped: AtomicU64,
    left: AtomicU64,
    out_of_rows: AtomicU64,
    /// The index of the feeder whose rows were used up first.
    feeder: OnceLock<usize>,
}

impl EarlyExits {
    /// A user left because `on_error` is `stop_user`.
    pub(super) fn stopped(&self) {
        self.stopped.fetch_add(1, Relaxed);
    }

    /// A user left because of a step `stop: user`.
    pub(super) fn left(&self) {
        self.left.fetch_add(1, Relaxed);
    }

    /// A user left because this feeder had no row for it.
    pub(super) fn out_of_rows(&self, feeder: usize) {
        self.feeder.get_or_init(|| feeder);
        self.out_of_rows.fetch_add(1, Relaxed);
    }

    /// The lost users for the verdict, once every user has left; `unstarted` iterations were not started.
    pub(super) fn summary(
        &self,
        plan: &Plan,
        users: u64,
        unstarted: u64,
        halt: &Halt,
    ) -> LostUsers {
        let stopped = self.stopped.load(Relaxed);
        let feeder = self.feeder.get().map(|&index| &plan.workload.feeds[index]);
        let lost = LostUsers {
            of: users,
            planned: plan.workload.loads.duration().map(Micros::from),
            stopped,
            left: self.left.load(Relaxed),
            out_of_rows: self.out_of_rows.load(Relaxed),
            feeder: feeder.map(|feeder| feeder.name.clone()),
            ended_the_load: false,
            may_end_the_load: false,
        };
        // A user that a stop or the end of the grace period cuts off did not leave early.
        if lost.is_none() || halt.is_stopping() {
            return lost;
        }
        let is_before_its_end = match (plan.workload.loads.duration(), halt.at()) {
            (Some(length), Some(at)) => at < Micros::from(length),
            _ => true,
        };
        let is_counted = |load: &LoadProfile| matches!(load.schedule, Schedule::Iterations { .. });
        let is_undone = unstarted > 0 || !plan.workload.loads.iter().all(is_counted);
        let may_end = feeder.is_none_or(|feeder| feeder.when_used_up == WhenUsedUp::End);
        LostUsers {
            ended_the_load: is_before_its_end && is_undone,
            may_end_the_load: may_end && stopped == 0,
            ..lost
        }
    }
}
