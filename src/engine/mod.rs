//! The users: launched on goose, paced by the schedule, each running flows over its own connections.
//!
//! [`setup`] runs once before the load, [`launch`] starts the load, [`Running`] observes and stops it, [`teardown`] runs
//! once after it. Measurements go to the recorder; the engine does not judge a run.

mod alarms;
mod answer;
mod attack;
mod auth;
mod backoff;
mod base_url;
pub mod capture;
pub mod check;
mod content;
mod early_exits;
mod group_guard;
mod halt;
mod hook;
mod in_flight;
mod iteration;
mod judge;
mod last_response;
mod level;
mod link;
mod offer;
mod pacer;
mod place;
mod rendezvous;
mod request;
pub mod response;
mod roster;
mod run;
mod running;
mod server_timing;
mod slow_request;
mod state;
mod throttle;
mod tick;
mod timer;
mod trace_ids;
pub mod trial;
mod turns;
mod user_task;
mod walk;

use std::io;
use std::sync::Arc;

pub use attack::silence;
pub use level::LevelChange;
pub use running::{Running, launch};
pub use state::RunValues;

use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::record::{LoadStarts, Log, LostUsers, StopReason};
use crate::transport::Shared;

/// A way to stop a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// No new request starts; those in flight may end. Users that wait or think leave now.
    Graceful,
    /// The grace period is over: requests in flight fail, because they had no complete response in that time.
    GraceOver,
    /// Requests in flight are cut off and count as interrupted.
    AtOnce,
}

/// The result of the load, once all users have left.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Users that panicked.
    pub panics: u64,
    /// Requests that were cut off in flight.
    pub interrupted: u64,
    /// Iterations that the schedule planned and that never started.
    pub unstarted: u64,
    /// The starts of each load, in the plan's order.
    pub loads: Vec<LoadStarts>,
    /// Users that left early.
    pub lost: LostUsers,
    /// The reason, if the engine itself stopped the run.
    pub stop: Option<StopReason>,
}

/// The reason why users could not be launched.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The schedule, or this segment's share of it, has no users.
    #[error(
        "there are no users to launch: expected at least one in each segment; lower the number of segments"
    )]
    NoUsers,
    /// The users' threads could not be started.
    #[error("cannot start the users' threads")]
    Runtime(#[source] io::Error),
    /// The users could not be built.
    #[error("cannot launch the users: {0}")]
    Users(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl EngineError {
    fn users(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Users(Box::new(error))
    }
}

/// A step of setup or teardown that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step `{step}` failed ({outcome}){}: {detail}", request.as_ref().map(|request| format!(" at {request}")).unwrap_or_default())]
pub struct StepFailure {
    /// The step's name.
    pub step: String,
    /// Method and URL; a URL with expressions is shown as written in the scenario, since its values may be secrets.
    pub request: Option<String>,
    /// The outcome of its request.
    pub outcome: Outcome,
    /// The response's status, if there was one.
    pub status: Option<u16>,
    /// The failure in words.
    pub detail: String,
}

/// The reason why setup or teardown did not complete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CutShort {
    /// A step failed.
    #[error(transparent)]
    Failed(#[from] StepFailure),
    /// The caller stopped it.
    #[error("it was stopped before it was complete")]
    Stopped,
}

/// Runs the plan's setup with one user, unmeasured, until it ends or `stop` completes; its texts go to `log`. Returns the values for all users;
/// after a failure, those that were set until then.
pub async fn setup(
    plan: &Plan,
    transport: &Arc<Shared>,
    log: &Log,
    stop: impl Future<Output = ()>,
) -> (RunValues, Result<(), CutShort>) {
    hook::run(
        plan,
        &plan.workload.setup,
        &RunValues::initial(plan),
        transport,
        log,
        None,
        stop,
    )
    .await
}

/// Runs the plan's teardown with one user, unmeasured, until it ends or `stop` completes; its texts go to `log`.
pub async fn teardown(
    plan: &Plan,
    transport: &Arc<Shared>,
    values: &RunValues,
    log: &Log,
    stop: impl Future<Output = ()>,
) -> Result<(), CutShort> {
    let steps = &plan.workload.teardown;
    hook::run(plan, steps, values, transport, log, None, stop)
        .await
        .1
}
