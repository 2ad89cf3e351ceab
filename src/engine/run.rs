//! The state that all users of a run share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Stop;
use super::base_url::BaseUrl;
use super::early_exits::EarlyExits;
use super::halt::Halt;
use super::pacer::{Pace, unless_stopped};
use super::rendezvous::MeetingPoints;
use super::roster::Roster;
use super::state::{Draws, RunValues};
use super::turns::Turns;
use crate::plan::Plan;
use crate::record::{Clock, Recorder, StopReason};
use crate::transport;
use crate::units::Micros;

/// A run, as seen by its users.
#[derive(Debug)]
pub(super) struct RunState {
    pub(super) plan: Arc<Plan>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) transport: Arc<transport::Shared>,
    pub(super) values: RunValues,
    pub(super) draws: Draws,
    pub(super) base: BaseUrl,
    /// By load, in the plan's order.
    pub(super) paces: Box<[Pace]>,
    /// By load, in the plan's order.
    pub(super) turns: Box<[Turns]>,
    /// The end of the last load; `None` if the end of one depends on its iterations.
    pub(super) length: Option<Micros>,
    /// The stop of the whole run; users read that of their load.
    pub(super) halt: Halt,
    pub(super) roster: Roster,
    pub(super) meeting_points: MeetingPoints,
    /// Set once every user is ready: the gate.
    pub(super) clock: OnceLock<Clock>,
    pub(super) panics: AtomicU64,
    pub(super) early_exits: EarlyExits,
    /// Requests that were in flight at the end of the grace period, or cut off.
    pub(super) interrupted: AtomicU64,
}

impl RunState {
    /// A run with this many users that has not begun. Needs a tokio runtime with I/O and time.
    pub(super) fn new(
        plan: Arc<Plan>,
        recorder: Arc<Recorder>,
        transport: Arc<transport::Shared>,
        values: RunValues,
        users: usize,
    ) -> Self {
        let loads = &plan.workload.loads;
        Self {
            draws: Draws::of(&plan),
            meeting_points: MeetingPoints::of(&plan),
            base: BaseUrl::of(&plan.workload.target),
            length: loads.duration().map(Micros::from),
            paces: loads.iter().map(|load| Pace::of(load, &plan)).collect(),
            turns: loads
                .iter()
                .map(|load| Turns::of(load, &plan.workload))
                .collect(),
            plan,
            recorder,
            transport,
            values,
            halt: Halt::default(),
            roster: Roster::new(users),
            clock: OnceLock::new(),
            panics: 0.into(),
            early_exits: EarlyExits::default(),
            interrupted: 0.into(),
        }
    }

    /// Advances the stop to at least this level; every user notices at once.
    pub(super) fn stop(&self, stop: Stop) {
        let now = self.now();
        for halt in self.paces.iter().map(|pace| &pace.halt).chain([&self.halt]) {
            halt.advance(stop, now);
        }
        self.roster.wake_all();
    }

    /// Zero before the gate opens.
    pub(super) fn now(&self) -> Micros {
        self.clock.get().map_or(Micros::ZERO, |clock| clock.now())
    }

    /// The index of a user's load.
    pub(super) fn load_of(&self, user: usize) -> usize {
        self.paces.partition_point(|pace| pace.slots.end <= user)
    }

    /// The schedule of a user's load.
    pub(super) fn pace_of(&self, user: usize) -> &Pace {
        &self.paces[self.load_of(user)]
    }

    /// True if a time lies after the planned end of every load.
    pub(super) fn is_over(&self, now: Micros) -> bool {
        self.length.is_some_and(|length| now >= length)
    }

    /// The end of the last load: as planned, or with its iterations; `None` if not known yet.
    pub(super) fn end(&self) -> Option<Micros> {
        let ends = self.paces.iter().map(Pace::end);
        ends.reduce(|last, end| Some(last?.max(end?)))?
    }

    /// A user panicked: the run stops, since its load no longer matches the plan.
    pub(super) fn panicked(&self, message: String) {
        self.panics.fetch_add(1, Ordering::Relaxed);
        self.halt.because(StopReason::Panic { message });
        self.stop(Stop::Graceful);
    }

    /// A user's task has ended, for any reason.
    pub(super) fn left(&self, user: usize) {
        if self.roster.leave(user, self.now()) {
            self.halt.ended(self.now());
            self.roster.close();
        }
        self.meeting_points.left(self.roster.present());
    }

    /// Waits after a failure to connect, unless the schedule decides when the next start is due (open model). The wait
    /// ends with the load; none if the run stops.
    pub(super) async fn back_off(&self, user: usize, pause: Duration) -> Option<()> {
        let pace = self.pace_of(user);
        let left = pace.left(self.now());
        let pause = if pace.is_open() {
            Duration::ZERO
        } else {
            left.map_or(pause, |left| pause.min(left))
        };
        unless_stopped(&pace.halt, tokio::time::sleep(pause)).await
    }
}
