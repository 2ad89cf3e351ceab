//! Decides when a user's next iteration starts, for every load model.
//!
//! Closed: a user starts when the curve includes it (the last user stops first when the curve falls), its think time is
//! over and its pacing allows it; it waits for neither when no iteration is left for it. Open: free users queue in order;
//! the first takes the next ticket, waits for it on the one precise timer, passes the queue on and starts. A ticket that
//! is already due starts at once, so none is ever dropped and lateness counts from the intended start. The end of the
//! schedule, or a stop, ends every wait; a change of the level begins it again.

use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Mutex;

use super::Stop;
use super::alarms::Alarms;
use super::halt::Halt;
use super::level::LiveLevel;
use super::roster::{Activity, Roster};
use super::throttle::Throttle;
use super::timer::PreciseTimer;
use crate::plan::arrivals::ArrivalTimes;
use crate::plan::curve::Curve;
use crate::plan::{LoadProfile, Plan, Schedule};
use crate::record::Clock;
use crate::scenario::Sharing;
use crate::units::Micros;

/// One iteration's start; times are readings of the run's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// The intended start; in a closed model, `started` or the start that pacing allows.
    pub(super) intended: Micros,
    /// The time since which the user was free.
    pub(super) free_since: Micros,
    /// The actual start.
    pub(super) started: Micros,
}

/// The schedule of a load, shared by the pacers of its users.
#[derive(Debug)]
pub(super) struct Pace {
    /// The users of the load.
    pub(super) slots: Range<usize>,
    /// The number of the load's first user among all segments and loads.
    first_user: u32,
    model: LoadModel,
    /// The users that may be active, or the starts per second.
    pub(super) level: LiveLevel,
    /// The end of the schedule; `None` if it ends with its iterations.
    length: Option<Micros>,
    /// The time at which requests in flight are cut off, if the load has a grace period of its own.
    grace_over: Option<Micros>,
    /// The stop, as the users of this load see it: that of the run, or the end of the load's grace period.
    pub(super) halt: Halt,
    /// The limit on its requests per second.
    pub(super) throttle: Option<Throttle>,
    /// Closed models: true if pacing decides when an iteration may start.
    is_paced: bool,
    /// Wakes users whose pacing allows their next iteration; needs [`Pace::ring`] to be polled.
    alarms: Alarms,
    /// The time when a user took the last shared iteration; from then on users leave one by one.
    used_up: OnceLock<Micros>,
}

/// The rule that decides the starts of iterations.
#[derive(Debug)]
enum LoadModel {
    Users,
    /// Iterations that all users share, and the number taken so far.
    Shared {
        count: u64,
        taken: AtomicU64,
    },
    PerUser {
        count: u64,
    },
    Arrivals(Mutex<Tickets>),
}

/// The next arrival and the timer to wait for it; the user that holds both starts next.
#[derive(Debug)]
struct Tickets {
    arrivals: ArrivalTimes,
    /// The number of changes of the level that the arrivals follow.
    changes: u64,
    timer: PreciseTimer,
}

impl Pace {
    /// Must be called within the users' runtime, because it creates a timer.
    pub(super) fn of(load: &LoadProfile, plan: &Plan) -> Self {
        let (seed, segment) = (plan.workload.seed, plan.workload.segment);
        let model = match &load.schedule {
            Schedule::Users(_) => LoadModel::Users,
            &Schedule::Iterations { count, sharing, .. } => match sharing {
                Sharing::Shared => LoadModel::Shared {
                    count: segment.share(count),
                    taken: AtomicU64::new(0),
                },
                Sharing::PerUser => LoadModel::PerUser { count },
            },
            Schedule::Arrivals { curve, law, .. } => LoadModel::Arrivals(Mutex::new(Tickets {
                arrivals: load.arrivals(curve, *law, seed, segment),
                changes: 0,
                timer: PreciseTimer::new(),
            })),
        };
        Self {
            slots: load.slots(segment),
            first_user: load.users.start,
            model,
            level: LiveLevel::of(load),
            length: load.end().map(Micros::from),
            grace_over: load
                .grace
                .and_then(|grace| Some(Micros::from(load.end()? + grace))),
            halt: Halt::default(),
            throttle: load
                .throughput
                .map(|rate| Throttle::of(rate, segment.count)),
            is_paced: plan.workload.is_paced(load),
            alarms: Alarms::default(),
            used_up: OnceLock::new(),
        }
    }

    /// True if only the schedule decides when starts are due (open model).
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.model, LoadModel::Arrivals(_))
    }

    /// The remaining duration of the schedule; `None` if it ends with its iterations.
    pub(super) fn left(&self, now: Micros) -> Option<Duration> {
        let left = self.length?.saturating_sub(now);
        Some(left.as_duration())
    }

    /// True if a time lies after the planned end of the load.
    fn is_over(&self, now: Micros) -> bool {
        self.length.is_some_and(|length| now >= length)
    }

    /// The end of the load: as planned, or with its last shared iteration; `None` if not known yet.
    pub(super) fn end(&self) -> Option<Micros> {
        let used_up = self.used_up.get().copied();
        self.length.into_iter().chain(used_up).min()
    }

    /// Wakes the users of a paced load when their pacing allows the next iteration.
    pub(super) async fn ring(&self, roster: &Roster) {
        if self.is_paced {
            self.alarms.ring(roster).await;
        }
    }

    /// Cuts off the load's requests at the end of its own grace period, if it has one.
    pub(super) async fn end_grace(&self, roster: &Roster, clock: Clock) {
        if let Some(at) = self.grace_over {
            let until = clock.base() + at.as_duration();
            tokio::time::sleep_until(until.into()).await;
            self.halt.advance(Stop::GraceOver, at);
            roster.wake_all();
        }
    }
}

/// One user's view of the schedule.
#[derive(Debug)]
pub(super) struct Pacer<'a> {
    pace: &'a Pace,
    roster: &'a Roster,
    clock: Clock,
    user: usize,
    /// Its number among the users of the load.
    number: u32,
    /// Iterations started.
    iterations: u64,
    /// The level that it knows, and the number of changes that it contains.
    curve: Arc<Curve>,
    changes: u64,
    /// The time until which the curve includes this user, as far as computed.
    active_until: Micros,
    /// The earliest intended start that pacing allows.
    paced: Micros,
    /// The end of the think time after the last iteration.
    rested: Micros,
}

impl<'a> Pacer<'a> {
    /// `user` is its slot, `number` its number among all segments and loads.
    pub(super) fn new(
        pace: &'a Pace,
        roster: &'a Roster,
        clock: Clock,
        user: usize,
        number: u32,
    ) -> Self {
        let (curve, changes) = pace.level.current();
        Self {
            pace,
            curve,
            changes,
            roster,
            clock,
            user,
            number: number - pace.first_user,
            iterations: 0,
            active_until: Micros::ZERO,
            paced: Micros::ZERO,
            rested: Micros::ZERO,
        }
    }

    /// The user's next iteration may start at the earliest this long after `start`.
    pub(super) fn pace(&mut self, start: &Start, pacing: Duration) {
        self.paced = start.intended + pacing.into();
    }

    /// The user thinks before its next iteration.
    pub(super) fn rest(&mut self, pause: Duration) {
        self.rested = self.clock.now() + pause.into();
    }

    /// Waits for the start of the user's next iteration; `None` if there is no further one.
    pub(super) async fn next(&mut self) -> Option<Start> {
        let free_since = self.clock.now();
        let start = loop {
            if self.pace.level.changes() != self.changes {
                (self.curve, self.changes) = self.pace.level.current();
                self.active_until = Micros::ZERO;
            }
            let found = match &self.pace.model {
                LoadModel::Arrivals(tickets) => self.next_ticket(tickets, free_since).await,
                LoadModel::Users => self.next_active().await,
                LoadModel::Shared { count, taken } => self.next_shared(*count, taken).await,
                LoadModel::PerUser { count } if self.iterations < *count => {
                    self.next_active().await
                }
                LoadModel::PerUser { .. } => Err(Disturbed::Over),
            };
            match found {
                Ok(start) => break start,
                Err(Disturbed::Changed) => {}
                Err(Disturbed::Over) => return None,
            }
        };
        if self.pace.halt.is_stopping() {
            return None;
        }
        self.iterations += 1;
        self.roster.set(self.user, Activity::Active, start.started);
        let lag = start.started.saturating_sub(start.intended);
        self.roster.started(self.user, lag);
        Some(start)
    }

    async fn next_ticket(
        &self,
        tickets: &Mutex<Tickets>,
        free_since: Micros,
    ) -> Result<Start, Disturbed> {
        // A user that was free before the end still takes the tickets due by then: the target did not cause the delay.
        if self.pace.is_over(free_since) {
            return Err(Disturbed::Over);
        }
        // Starts that are late already wait, too.
        if self.changes > 0 && self.pace.level.is_paused() {
            self.roster.set(self.user, Activity::Parked, free_since);
            return self.unless_disturbed(std::future::pending()).await;
        }
        let mut now = self.clock.now();
        let mut tickets = if let Ok(tickets) = tickets.try_lock() {
            tickets
        } else {
            self.roster.set(self.user, Activity::Parked, free_since);
            let tickets = self.unless_disturbed(tickets.lock()).await?;
            now = self.clock.now();
            tickets
        };
        if tickets.changes < self.changes {
            tickets.changes = self.changes;
            tickets.arrivals.follow(&self.curve);
        }
        let Some(due) = tickets.arrivals.peek() else {
            drop(tickets);
            self.roster.set(self.user, Activity::Parked, free_since);
            self.wait_for_end().await?;
            return Err(Disturbed::Over);
        };
        if now <= due {
            self.roster.set(self.user, Activity::Parked, free_since);
            let at = self.clock.base() + due.as_duration();
            self.unless_disturbed(tickets.timer.sleep_until(at)).await?;
            now = self.clock.now();
        }
        tickets.arrivals.next();
        Ok(Start {
            intended: due,
            free_since,
            started: now,
        })
    }

    /// Closed, by a curve: waits until the curve includes this user, and for its pauses.
    async fn next_active(&mut self) -> Result<Start, Disturbed> {
        loop {
            self.wait_for_zero().await?;
            let now = self.clock.now();
            if self.pace.is_over(now) {
                return Err(Disturbed::Over);
            }
            if now >= self.active_until {
                match self.curve.next_active(self.number, now.as_duration()) {
                    Some(from) if Micros::from(from) <= now => {
                        let until = self.curve.inactive_after(self.number, from);
                        self.active_until = until.into();
                    }
                    Some(from) => {
                        self.roster.set(self.user, Activity::Parked, now);
                        self.wait(from).await?;
                        continue;
                    }
                    None => {
                        self.roster.set(self.user, Activity::Parked, now);
                        self.wait_for_end().await?;
                        return Err(Disturbed::Over);
                    }
                }
            }
            if self.rested > now {
                // Its think time may end after the time for which the curve includes it.
                let until = self.rested.min(self.active_until);
                self.wait(until.as_duration()).await?;
                continue;
            }
            if self.paced < self.active_until {
                return self.paced_start(now).await;
            }
            // Its pacing ends after the time for which the curve includes it.
            self.wait(self.active_until.as_duration()).await?;
        }
    }

    /// Closed, by a number of shared iterations: waiting users leave when another user takes the last one.
    async fn next_shared(&mut self, count: u64, taken: &AtomicU64) -> Result<Start, Disturbed> {
        let is_left = || taken.load(Ordering::Relaxed) < count;
        let start = only_while(is_left, self.next_active()).await;
        let start = start.unwrap_or(Err(Disturbed::Over))?;
        let number = taken.fetch_add(1, Ordering::Relaxed);
        if number + 1 == count {
            self.pace.used_up.get_or_init(|| start.started);
            self.roster.wake_all();
        }
        if number < count {
            Ok(start)
        } else {
            Err(Disturbed::Over)
        }
    }

    /// A start now, or when pacing allows. A late wake-up would count as response time, so the wait is precise.
    async fn paced_start(&self, now: Micros) -> Result<Start, Disturbed> {
        let (mut intended, mut started) = (now, now);
        if self.paced > now {
            intended = self.paced;
            let due = self.clock.base() + intended.as_duration();
            let alarm = self.pace.alarms.sleep_until(self.user, due);
            self.unless_disturbed(alarm).await?;
            started = self.clock.now();
        }
        Ok(Start {
            intended,
            free_since: now,
            started,
        })
    }

    /// Waits for the run's zero.
    async fn wait_for_zero(&self) -> Result<(), Disturbed> {
        if self.iterations == 0 && self.clock.now() == Micros::ZERO {
            self.wait(Duration::ZERO).await?;
        }
        Ok(())
    }

    /// Waits for the end of the load; one that ends with its iterations has no other end.
    async fn wait_for_end(&self) -> Result<(), Disturbed> {
        match self.pace.length {
            Some(length) => self.wait(length.as_duration()).await,
            None => self.unless_disturbed(std::future::pending()).await,
        }
    }

    /// Waits, to the millisecond, until `t` after the run's zero.
    async fn wait(&self, t: Duration) -> Result<(), Disturbed> {
        let until = tokio::time::Instant::from_std(self.clock.base() + t);
        self.unless_disturbed(tokio::time::sleep_until(until)).await
    }

    /// The future's output, unless the run stops or the level changes before: both wake every user's task.
    async fn unless_disturbed<F: Future>(&self, future: F) -> Result<F::Output, Disturbed> {
        let halt = &self.pace.halt;
        let is_quiet = || !halt.is_stopping() && self.pace.level.changes() == self.changes;
        let output = only_while(is_quiet, future).await;
        output.ok_or_else(|| {
            if halt.is_stopping() {
                Disturbed::Over
            } else {
                Disturbed::Changed
            }
        })
    }
}

/// The reason why a wait for a start ended without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disturbed {
    /// No iteration of the user follows.
    Over,
    /// The level of the load changed.
    Changed,
}

/// The future's output, or none once the run stops: a stop wakes every user's task.
pub(super) async fn unless_stopped<F: Future>(halt: &Halt, future: F) -> Option<F::Output> {
    only_while(|| !halt.is_stopping(), future).await
}

/// The future's output, or none once `holds` is false; the code that changes it must wake every user's task.
async fn only_while<F: Future>(holds: impl Fn() -> bool, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if holds() {
            future.as_mut().poll(cx).map(Some)
        } else {
            Poll::Ready(None)
        }
    })
    .await
}
