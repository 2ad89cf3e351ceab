//! A trial: setup, one iteration of a flow by one user, teardown, with everything told that happens.
//!
//! The steps run as in a load, by the same code; only the schedule is left out, and with it pauses and rendezvous.
//! Nothing is measured. A load has none of this: its users leave no trail.

pub mod event;
mod trail;

use std::sync::Arc;

use event::{Event, Happening, Part, PartEnd, StepName};
pub(super) use event::{Note, Tone};
pub(super) use trail::{Trail, assigned};

use super::backoff::Backoff;
use super::iteration::{iterate, leave};
use super::pacer::Start;
use super::run::RunState;
use super::state::{User, UserState};
use super::{CutShort, RunValues, Stop, hook};
use crate::outcome::Outcome;
use crate::plan::{LoadProfile, Plan, PlannedRequest};
use crate::record::{Clock, Log, Recorder, StopReason};
use crate::scenario::{Action, Span, Step};
use crate::transport::{Client, Shared};

/// A trial of a plan.
#[derive(Debug)]
pub struct Trial {
    plan: Arc<Plan>,
    transport: Arc<Shared>,
    trail: Trail,
}

/// The flows of a trial.
#[derive(Debug)]
pub struct FlowTrial {
    run: RunState,
    trail: Trail,
}

impl Trial {
    /// A trial that tells what happens to this listener.
    pub fn new(
        plan: Arc<Plan>,
        transport: Arc<Shared>,
        listener: impl FnMut(Event) + Send + 'static,
    ) -> Self {
        Self {
            trail: Trail::new(&plan, listener),
            plan,
            transport,
        }
    }

    /// Runs setup, as [`super::setup`].
    pub async fn setup(&self, stop: impl Future<Output = ()>) -> (RunValues, Result<(), CutShort>) {
        let steps = &self.plan.workload.setup;
        let initial = RunValues::initial(&self.plan);
        self.hook(Part::Setup, steps, &initial, stop).await
    }

    /// Runs teardown, as [`super::teardown`].
    pub async fn teardown(
        &self,
        values: &RunValues,
        stop: impl Future<Output = ()>,
    ) -> Result<(), CutShort> {
        let steps = &self.plan.workload.teardown;
        self.hook(Part::Teardown, steps, values, stop).await.1
    }

    async fn hook(
        &self,
        part: Part,
        steps: &[Step<PlannedRequest>],
        values: &RunValues,
        stop: impl Future<Output = ()>,
    ) -> (RunValues, Result<(), CutShort>) {
        if steps.is_empty() {
            return (values.clone(), Ok(()));
        }
        self.trail.forget_steps();
        self.trail.tell(Happening::Begin(part));
        let log = Log::default();
        let trail = Some(self.trail.clone());
        let ended = hook::run(
            &self.plan,
            steps,
            values,
            &self.transport,
            &log,
            trail,
            stop,
        )
        .await;
        let outcome = match &ended.1 {
            Ok(()) => Outcome::Ok,
            Err(CutShort::Failed(failure)) => failure.outcome,
            Err(CutShort::Stopped) => Outcome::Interrupted,
        };
        let not_run = not_run(steps, &self.trail);
        self.trail
            .tell(Happening::End(PartEnd { outcome, not_run }));
        ended
    }

    /// The flows, with the values that setup returned. Needs a tokio runtime with I/O and time.
    pub fn flows(&self, values: RunValues) -> FlowTrial {
        let plan = &self.plan;
        let workload = &plan.workload;
        let recorder = Recorder::new(
            &workload.metrics,
            &workload.series,
            workload.checks.len(),
            1,
        )
        .with_values(&workload.custom_metrics, plan.server_timing());
        let users = workload.loads.peak_users() as usize;
        let (plan, transport) = (Arc::clone(plan), Arc::clone(&self.transport));
        let run = RunState::new(plan, Arc::new(recorder), transport, values, users);
        FlowTrial {
            run,
            trail: self.trail.clone(),
        }
    }
}

impl FlowTrial {
    /// Runs one iteration of this flow by a new user, with the flow's `start` and `stop`.
    pub async fn flow(&self, index: usize) {
        let run = &self.run;
        let clock = *run
            .clock
            .get_or_init(|| Clock::starting_at(std::time::Instant::now()));
        let flow = &run.plan.workload.flows[index];
        // Each flow has a user of its own, as far as its load has so many.
        let loads = &run.plan.workload.loads;
        let of_flow = |load: &LoadProfile| load.flows.iter().position(|flow| *flow == index);
        let mut places = loads.iter().map(of_flow).enumerate();
        let found = places.find_map(|(load, place)| Some((load, place?)));
        let (load, place) = found.unwrap_or_default();
        let slot = run.paces[load].slots.start;
        let users = loads.get(load).map_or(0..1, |load| load.users.clone());
        let last = users.end.saturating_sub(1);
        let number = u64::from(users.start.saturating_add(place as u32).min(last));
        let state = UserState::new(&run.plan, &run.values, &run.draws, number).with_clock(clock);
        let mut user = User {
            client: Client::new(Arc::clone(&run.transport)),
            lanes: Vec::new(),
            state,
            backoff: Backoff::default(),
            trail: Some(self.trail.clone()),
        };
        let now = clock.now();
        let start = Start {
            intended: now,
            free_since: now,
            started: now,
        };
        self.trail.forget_steps();
        let has_start = !flow.start.is_empty();
        self.trail.tell(Happening::Begin(if has_start {
            Part::Start(flow.name.clone())
        } else {
            Part::Flow(flow.name.clone(), number)
        }));
        iterate(run, &mut user, slot, 0, index, clock, start).await;
        let outcome = self.trail.take_outcome().unwrap_or(Outcome::Interrupted);
        let mut left = not_run(&flow.start, &self.trail);
        left.extend(not_run(&flow.steps, &self.trail));
        self.trail.tell(Happening::End(PartEnd {
            outcome,
            not_run: left,
        }));
        if !flow.stop.is_empty() && user.state.has_begun(index) {
            self.trail
                .tell(Happening::Begin(Part::Stop(flow.name.clone())));
            leave(run, &mut user, slot, 1, clock).await;
            let not_run = not_run(&flow.stop, &self.trail);
            let outcome = self.trail.take_outcome().unwrap_or(Outcome::Ok);
            self.trail
                .tell(Happening::End(PartEnd { outcome, not_run }));
        }
    }

    /// Stops it, as [`super::Running::stop`]. A future of [`Self::flow`] must be polled again to notice it.
    pub fn stop(&self, stop: Stop) {
        self.run.stop(stop);
    }

    /// True if no further flow may begin: it was stopped, also by the scenario itself.
    pub fn is_stopped(&self) -> bool {
        self.run.halt.is_stopping()
    }

    /// The reason, if the scenario itself stopped it.
    pub fn stop_reason(&self) -> Option<&StopReason> {
        self.run.halt.reason()
    }
}

/// The steps of a block that did not run although their turn would have come.
///
/// A block in which no step has begun was left out by the step around it, which says so.
fn not_run<R: AsRef<PlannedRequest>>(block: &[Step<R>], trail: &Trail) -> Vec<StepName> {
    let mut found = Vec::new();
    for step in block {
        if trail.has_begun(step.span) {
            for inner in step.action.blocks() {
                if inner.steps.iter().any(|step| trail.has_begun(step.span)) {
                    found.extend(not_run(inner.steps, trail));
                }
            }
        } else {
            add(step, 0, &mut found);
        }
    }
    found
}

/// Adds a step that did not run, and those in its blocks.
fn add<R: AsRef<PlannedRequest>>(step: &Step<R>, depth: usize, found: &mut Vec<StepName>) {
    if step.span == Span::NOWHERE {
        return;
    }
    found.push(StepName {
        name: name(step),
        at: step.span,
        depth,
    });
    for inner in step.action.blocks().iter().flat_map(|block| block.steps) {
        if inner.span != step.span {
            add(inner, depth + 1, found);
        }
    }
}

/// The name of a request or a group, or the kind of another step.
pub(super) fn name<R: AsRef<PlannedRequest>>(step: &Step<R>) -> String {
    match &step.action {
        Action::Group(group) => format!("group {}", group.name),
        // The pause before a step under its condition is in a loop with that step.
        Action::Loop(repeated) if repeated.steps.iter().any(|inner| inner.span == step.span) => {
            repeated.steps.last().map(name).unwrap_or_default()
        }
        action => match action.request() {
            Some(request) => request.as_ref().name.clone(),
            None => action.word().to_owned(),
        },
    }
}
