//! A run under way, as the one who drives it sees it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::MissedTickBehavior;

use super::halt::Halt;
use super::pacer::Pace;
use super::request::Origin;
use super::roster::{Census, Roster};
use super::run::Run;
use super::state::Draws;
use super::{Ended, EngineError, RunValues, Stop, attack};
use crate::plan::arrivals::ArrivalTimes;
use crate::plan::{Plan, Schedule};
use crate::probe;
use crate::record::journal::StopReason;
use crate::record::{Clock, LoadCounts, Recorder};
use crate::transport::Shared;
use crate::units::Micros;

/// How long the users have from the opening of the gate to the run's zero: to come through it and to queue.
const LEAD: Duration = Duration::from_millis(20);

/// How often the event loop's delay and the requests in flight are looked at.
const TICK: Duration = Duration::from_millis(10);

/// How long users that are cut have to be gone.
const CUT_LIMIT: Duration = Duration::from_secs(1);

/// A run under way; dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    run: Arc<Run>,
    clock: Clock,
    /// None once it is being shut down.
    runtime: Option<Runtime>,
    /// Open model: the arrivals not counted as offered yet.
    arrivals: Option<ArrivalTimes>,
    due: u64,
    /// When the load was last read.
    read_at: Micros,
    /// What had been reported by then.
    reported: Census,
    offered: u64,
    unstarted: u64,
}

/// Builds all users, and opens the gate when each is ready: from then on [`Running::clock`] goes.
///
/// Blocks the calling thread until then, for the time it takes to build the users: below a second for 10,000.
pub fn launch(
    plan: Arc<Plan>,
    recorder: Arc<Recorder>,
    transport: Arc<Shared>,
    values: RunValues,
) -> Result<Running, EngineError> {
    let peak = u64::from(plan.schedule.peak_users());
    let users = plan.segment.share(peak) as usize;
    if users == 0 {
        return Err(EngineError::NoUsers);
    }
    let runtime = Builder::new_multi_thread()
        // On two cores, one thread costs less CPU time a request than two (nothing is handed from core to core) and
        // wakes up closer to the time it is asked for.
        .worker_threads(probe::user_cores() as usize)
        .thread_name("gander-users")
        .enable_all()
        .build()
        .map_err(EngineError::Runtime)?;
    let pace = {
        let _within = runtime.enter();
        Pace::of(&plan)
    };
    let arrivals = match &plan.schedule {
        Schedule::Arrivals { curve, law, .. } => {
            Some(ArrivalTimes::new(curve, *law, plan.seed, plan.segment))
        }
        Schedule::Users(_) | Schedule::Iterations { .. } => None,
    };
    let run = Arc::new(Run {
        draws: Draws::of(&plan),
        origin: Origin::of(&plan.target),
        plan,
        recorder,
        transport,
        values,
        pace,
        halt: Halt::default(),
        roster: Roster::new(users),
        clock: OnceLock::new(),
        panics: 0.into(),
        interrupted: 0.into(),
    });
    let mut running = Running {
        run: Arc::clone(&run),
        clock: Clock::starting_at(Instant::now()),
        runtime: Some(runtime),
        arrivals,
        due: 0,
        read_at: Micros::ZERO,
        reported: Census::default(),
        offered: 0,
        unstarted: 0,
    };
    if let Some(runtime) = &running.runtime {
        attack::launch(&run, runtime.handle())?;
        running.clock = Clock::starting_at(Instant::now() + LEAD);
        runtime.spawn(tick(Arc::clone(&run.recorder)));
    }
    run.recorder.begin();
    run.clock.get_or_init(|| running.clock);
    run.roster.wake_all();
    Ok(running)
}

/// Looks at the event loop that the users share.
async fn tick(recorder: Arc<Recorder>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let due = interval.tick().await;
        recorder.observe_loop(due.elapsed().into());
    }
}

impl Running {
    /// The run's clock. Zero may lie a few milliseconds ahead when the run has just been launched.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// What was offered and started since the last call; gauges are as of `now`.
    ///
    /// The first call after every user has left accounts for the iterations that will never start.
    pub fn load(&mut self, now: Micros) -> LoadCounts {
        // Before the census: once everyone has left, it does not change any more.
        let is_over = self.run.roster.is_empty();
        let census = self.run.roster.census();
        let unstarted = if is_over { self.unstarted(census) } else { 0 };
        let offered = census.started + self.backlog(census, now).max(unstarted);
        let load = LoadCounts {
            offered: offered - self.offered,
            started: census.started - self.reported.started,
            late: census.late - self.reported.late,
            unstarted: unstarted - self.unstarted,
            backlog: if is_over { 0 } else { offered - census.started },
            active_users: census.active,
            drain: self.drain(now),
            ..LoadCounts::default()
        };
        self.read_at = now;
        self.offered = offered;
        self.unstarted = unstarted;
        self.reported = census;
        load
    }

    /// How much of the time since the last reading lies after the end of the load: its planned end, or its stop.
    fn drain(&self, now: Micros) -> Micros {
        let planned = self.run.plan.schedule.duration().map(Micros::from);
        let end = planned.into_iter().chain(self.run.halt.at()).min();
        end.map_or(Micros::ZERO, |end| {
            now.saturating_sub(end.max(self.read_at))
        })
    }

    /// Arrivals that were due by `now`, or by the end of the load, and have not started.
    fn backlog(&mut self, census: Census, now: Micros) -> u64 {
        let Some(arrivals) = &mut self.arrivals else {
            return 0;
        };
        let end = self.run.halt.at().map_or(now, |at| at.min(now));
        self.due += arrivals.take_until(end);
        self.due.saturating_sub(census.started)
    }

    /// What the schedule asked for and will not get, when every user has left.
    fn unstarted(&mut self, census: Census) -> u64 {
        let plan = &self.run.plan;
        match plan.schedule {
            Schedule::Users(_) => 0,
            Schedule::Arrivals { .. } => self.backlog(census, Micros(u64::MAX)),
            Schedule::Iterations { .. } => plan
                .schedule
                .planned_iterations(plan.seed, plan.segment)
                .map_or(0, |planned| planned.saturating_sub(census.started)),
        }
    }

    /// Takes the stop at least this far. Returns at once; see [`Running::finished`].
    pub fn stop(&self, stop: Stop) {
        self.run.stop(stop);
    }

    /// Whether every user has left: the schedule is over, or was stopped, and what was in flight has ended.
    pub fn is_finished(&self) -> bool {
        self.run.roster.is_empty()
    }

    /// Returns when every user has left. May be dropped and asked for again.
    pub async fn finished(&self) {
        self.run.roster.emptied().await;
    }

    /// Why the engine itself stopped the run, if it did: a panic, or `on_error: abort`.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.run.halt.reason().cloned()
    }

    /// Waits for the users to leave, for `grace` at most; then cuts off what is still in flight.
    ///
    /// It does not stop the run by itself: unless that is over or being stopped, it is cut when `grace` has passed.
    pub async fn join(mut self, grace: Duration) -> Ended {
        if tokio::time::timeout(grace, self.finished()).await.is_err() {
            self.stop(Stop::AtOnce);
            // A user that does not even drop its request within this time is counted no more.
            let _ = tokio::time::timeout(CUT_LIMIT, self.finished()).await;
        }
        let census = self.run.roster.census();
        Ended {
            panics: self.run.panics.load(Ordering::Relaxed),
            interrupted: self.run.interrupted.load(Ordering::Relaxed),
            unstarted: self.unstarted(census),
            stop: self.stop_reason(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.run.stop(Stop::AtOnce);
        if let Some(runtime) = self.runtime.take() {
            // Not waited for: users that have left are parked, and goose itself would look up only twice a second.
            runtime.shutdown_background();
        }
    }
}
