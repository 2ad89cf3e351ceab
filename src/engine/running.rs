//! A running load, for the code that drives it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::{Builder, Runtime};

use super::level::LevelChange;
use super::offer::Offer;
use super::run::RunState;
use super::tick::tick;
use super::{Ended, EngineError, RunValues, Stop, attack};
use crate::plan::Plan;
use crate::probe;
use crate::record::{Clock, LoadCounts, LoadStarts, Recorder, StopReason};
use crate::transport::Shared;
use crate::units::Micros;

/// The time from the opening of the gate to the run's zero, in which the users pass the gate and queue.
const LEAD: Duration = Duration::from_millis(20);

/// The maximum time that users may take to leave after they are cut off.
const CUT_LIMIT: Duration = Duration::from_secs(1);

/// A running load; dropping it stops the load at once.
#[derive(Debug)]
pub struct Running {
    run: Arc<RunState>,
    clock: Clock,
    /// `None` during the shutdown.
    runtime: Option<Runtime>,
    /// By load, in the plan's order.
    offers: Vec<Offer>,
    /// The time of the last reading.
    read_at: Micros,
    /// The counts that were reported at that time.
    reported: LoadCounts,
}

/// Builds all users and opens the gate when all are ready, which starts [`Running::clock`].
///
/// Blocks the calling thread until then: below a second for 10,000 users.
pub fn launch(
    plan: Arc<Plan>,
    recorder: Arc<Recorder>,
    transport: Arc<Shared>,
    values: RunValues,
) -> Result<Running, EngineError> {
    let offers: Vec<Offer> = plan
        .workload
        .loads
        .iter()
        .map(|load| Offer::of(load, &plan))
        .collect();
    if offers.iter().any(|offer| offer.slots.is_empty()) {
        return Err(EngineError::NoUsers);
    }
    let users = plan
        .workload
        .segment
        .share(plan.workload.loads.peak_users().into()) as usize;
    let runtime = Builder::new_multi_thread()
        // On two cores, one thread costs less CPU time per request than two (no wake-up crosses cores) and wakes up
        // closer to the requested time.
        .worker_threads(probe::user_cores() as usize)
        .thread_name("gander-users")
        .enable_all()
        .build()
        .map_err(EngineError::Runtime)?;
    let run = {
        let _within = runtime.enter();
        Arc::new(RunState::new(plan, recorder, transport, values, users))
    };
    let mut running = Running {
        run: Arc::clone(&run),
        clock: Clock::starting_at(Instant::now()),
        runtime: Some(runtime),
        offers,
        read_at: Micros::ZERO,
        reported: LoadCounts::default(),
    };
    if let Some(runtime) = &running.runtime {
        attack::launch(&run, runtime.handle())?;
        running.clock = Clock::starting_at(Instant::now() + LEAD);
        runtime.spawn(tick(Arc::clone(&run.recorder), running.clock));
        for load in 0..run.paces.len() {
            let run = Arc::clone(&run);
            let clock = running.clock;
            runtime.spawn(async move {
                let pace = &run.paces[load];
                tokio::join!(pace.ring(&run.roster), pace.end_grace(&run.roster, clock))
            });
        }
    }
    run.recorder.begin();
    run.clock.get_or_init(|| running.clock);
    run.roster.wake_all();
    Ok(running)
}

impl Running {
    /// The run's clock. Zero may lie a few milliseconds ahead when the run has just been launched.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The clock's zero on the calendar.
    pub fn began_at(&self) -> DateTime<Utc> {
        let (zero, now) = (self.clock.base(), Instant::now());
        let ahead = TimeDelta::from_std(zero.saturating_duration_since(now));
        let ago = TimeDelta::from_std(now.saturating_duration_since(zero));
        Utc::now() + ahead.unwrap_or_default() - ago.unwrap_or_default()
    }

    /// Counts the iterations that were offered and started since the last call, up to `end`. Gauges are read at `end`, or
    /// at the end of the load if that came first.
    ///
    /// The first call after every user has left accounts for the iterations that will never start.
    pub fn load(&mut self, end: Micros) -> LoadCounts {
        // Read before the counts: once every user has left, they do not change.
        let is_over = self.run.roster.is_empty();
        let gauged_at = self.gauged_at(end);
        // Once every user has left, what is still due will never start.
        let until = self.due_until(if is_over { Micros(u64::MAX) } else { end });
        let (mut sum, mut late) = (LoadCounts::default(), 0);
        for (offer, pace) in self.offers.iter_mut().zip(&self.run.paces) {
            offer.follow(&pace.level);
            let counts = self.run.roster.counts(offer.slots.clone(), gauged_at);
            let (offered, started) = if is_over {
                let unstarted = offer.unstarted(until, counts);
                sum.unstarted += unstarted;
                (counts.started + unstarted, counts.started)
            } else {
                offer.by(until, counts)
            };
            sum.offered += offered;
            sum.started += started;
            sum.active_users += counts.active;
            late += counts.late;
        }
        let drain = self.drain(end);
        self.read_at = end;
        let before = self.reported;
        let started = sum.started - before.started;
        sum.late = before.late + started.min(late - before.late);
        self.reported = sum;
        LoadCounts {
            offered: sum.offered - before.offered,
            started,
            late: sum.late - before.late,
            unstarted: sum.unstarted - before.unstarted,
            backlog: if is_over {
                0
            } else {
                sum.offered - sum.started
            },
            active_users: sum.active_users,
            peak_users: self.run.roster.take_peak().max(sum.active_users),
            all_active_at: self.run.roster.take_all_active(),
            drain,
            ..LoadCounts::default()
        }
    }

    /// The part of the time since the last reading that lies after the end of the load: its planned end, or its stop.
    fn drain(&self, now: Micros) -> Micros {
        let end = self.run.length.into_iter().chain(self.run.halt.at()).min();
        end.map_or(Micros::ZERO, |end| {
            now.saturating_sub(end.max(self.read_at))
        })
    }

    /// The time at which active users are counted for `end`: at the latest when the load ended. After that users leave,
    /// and those still in an iteration no longer belong to the level of the load.
    fn gauged_at(&self, end: Micros) -> Micros {
        let ends = [self.run.end(), self.run.halt.at()];
        ends.into_iter().flatten().fold(end, Micros::min)
    }

    /// The time until which arrivals are due for `end`: at the latest the stop of the load. Users that leave early do
    /// not stop the load; the arrivals that they do not start are still due.
    fn due_until(&self, end: Micros) -> Micros {
        let stop = self.run.halt.at().filter(|_| self.run.halt.is_stopping());
        stop.map_or(end, |at| at.min(end))
    }

    /// The starts of each load, when every user has left.
    fn starts(&mut self) -> Vec<LoadStarts> {
        let until = self.due_until(Micros(u64::MAX));
        let run = &self.run;
        let each = self.offers.iter_mut().zip(&run.paces);
        each.zip(run.plan.workload.loads.iter())
            .map(|((offer, pace), load)| {
                offer.follow(&pace.level);
                let counts = run.roster.counts(offer.slots.clone(), Micros::ZERO);
                LoadStarts {
                    flow: load.name.clone(),
                    due: counts.started + offer.unstarted(until, counts),
                    started: counts.started,
                }
            })
            .collect()
    }

    /// Advances the stop to at least this level. Returns at once; see [`Running::finished`].
    pub fn stop(&self, stop: Stop) {
        self.run.stop(stop);
    }

    /// Changes the level of a load, by its place in the plan, from now on. Returns the time of the change.
    pub fn change(&self, load: usize, change: LevelChange) -> Micros {
        let at = self.clock.now();
        self.run.paces[load].level.change(change, at.as_duration());
        self.run.roster.wake_all();
        at
    }

    /// True while a load is paused.
    pub fn is_paused(&self, load: usize) -> bool {
        self.run.paces[load].level.is_paused()
    }

    /// True if every user has left: the schedule is over or was stopped, and the requests in flight have ended.
    pub fn is_finished(&self) -> bool {
        self.run.roster.is_empty()
    }

    /// Waits until every user has left. May be dropped and called again.
    pub async fn finished(&self) {
        self.run.roster.emptied().await;
    }

    /// The reason, if the engine itself stopped the run: a panic, or `on_error: abort`.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.run.halt.reason().cloned()
    }

    /// Waits for the users to leave, for `grace` at most; requests still in flight have failed then.
    ///
    /// It does not stop the load before that: a load that neither ended nor was stopped is cut off after `grace`.
    pub async fn join(mut self, grace: Duration) -> Ended {
        let mut limit = grace;
        for stop in [Stop::GraceOver, Stop::AtOnce] {
            if tokio::time::timeout(limit, self.finished()).await.is_ok() {
                break;
            }
            self.stop(stop);
            limit = CUT_LIMIT;
        }
        // A user that does not drop its request within this time is no longer counted.
        let _ = tokio::time::timeout(limit, self.finished()).await;
        let loads = self.starts();
        let unstarted = loads.iter().map(|load| load.due - load.started).sum();
        let (run, users) = (&self.run, self.run.roster.size() as u64);
        Ended {
            panics: run.panics.load(Ordering::Relaxed),
            interrupted: run.interrupted.load(Ordering::Relaxed),
            lost: run
                .early_exits
                .summary(&run.plan, users, unstarted, &run.halt),
            unstarted,
            loads,
            stop: self.stop_reason(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.run.stop(Stop::AtOnce);
        if let Some(runtime) = self.runtime.take() {
            // Not awaited: users that have left are parked, and goose checks for the end only twice a second.
            runtime.shutdown_background();
        }
    }
}
