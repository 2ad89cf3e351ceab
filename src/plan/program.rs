//! The actions of users: blocks of steps, and the only way to traverse them.
//!
//! A block is a list of steps. A step may contain a block, which it runs several times. [`visit`] traverses a block and
//! its nested blocks and returns how often each step runs. Every count, sum and search over steps uses it, so that all
//! of them handle a new kind of step.

use std::sync::Arc;

use super::{Plan, Request};
use crate::scenario::{self, Condition, Delay, SlotId, Span, Template};

/// A compiled step.
#[derive(Debug, Clone)]
pub struct Step {
    /// The condition; `None` means always.
    pub condition: Option<Condition>,
    /// Its action.
    pub action: Action,
}

/// The action of a step.
#[derive(Debug, Clone)]
pub enum Action {
    /// Sends a request.
    Request(Arc<Request>),
    /// Pauses.
    Think(Delay),
    /// Runs steps several times.
    Repeat {
        /// The number of passes.
        times: u32,
        /// The repeated steps.
        steps: Vec<Step>,
        /// The pause between two passes.
        pause: Option<Delay>,
    },
    /// Sets variables, one after the other.
    Set(Vec<(SlotId, Template)>),
}

impl Action {
    /// The block that the step runs, and how often; `None` if it has none.
    pub(super) const fn block(&self) -> Option<(&Vec<Step>, u32)> {
        match self {
            Self::Request(_) | Self::Think(_) | Self::Set(_) => None,
            Self::Repeat { times, steps, .. } => Some((steps, *times)),
        }
    }

    /// Compiles an action of a scenario; `request` compiles its requests.
    pub(super) fn of(
        action: &scenario::Action,
        span: Span,
        request: &mut dyn FnMut(&scenario::Request, Span) -> Request,
    ) -> Self {
        match action {
            scenario::Action::Request(written) => Self::Request(Arc::new(request(written, span))),
            scenario::Action::Think(delay) => Self::Think(*delay),
            scenario::Action::Repeat { times, steps } => Self::Repeat {
                times: *times,
                steps: block_of(steps, request),
                pause: None,
            },
            scenario::Action::Set(values) => Self::Set(values.clone()),
        }
    }

    /// The kind and a canonical text of the step's settings, for the hash; `None` for a request, which is hashed
    /// separately.
    pub(super) fn settings(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Request(_) => None,
            Self::Think(delay) => Some(("think", format!("{delay:?}"))),
            Self::Repeat { times, pause, .. } => Some(("repeat", format!("{times} {pause:?}"))),
            Self::Set(values) => {
                let values = values.iter().map(|(slot, value)| (slot, &value.segments));
                Some(("set", format!("{:?}", values.collect::<Vec<_>>())))
            }
        }
    }

    /// As [`Self::block`], mutable.
    const fn block_mut(&mut self) -> Option<&mut Vec<Step>> {
        match self {
            Self::Request(_) | Self::Think(_) | Self::Set(_) => None,
            Self::Repeat { steps, .. } => Some(steps),
        }
    }

    /// True if the step takes no time, so that no pause belongs before or after it.
    pub(super) fn is_instant(&self) -> bool {
        match self {
            Self::Request(_) | Self::Think(_) => false,
            Self::Repeat { steps, .. } => steps.iter().all(|step| step.action.is_instant()),
            Self::Set(_) => true,
        }
    }

    /// The mean pause of the step, without the pauses in its block.
    pub(super) fn pause_seconds(&self) -> f64 {
        match self {
            Self::Request(_) | Self::Set(_) => 0.0,
            Self::Think(delay) => delay.mean_seconds(),
            Self::Repeat { times, pause, .. } => {
                let each = pause.map_or(0.0, Delay::mean_seconds);
                each * f64::from(times.saturating_sub(1))
            }
        }
    }
}

/// Compiles a scenario's steps; `request` compiles their requests.
pub(super) fn block_of(
    steps: &[scenario::Step],
    request: &mut dyn FnMut(&scenario::Request, Span) -> Request,
) -> Vec<Step> {
    let steps = steps.iter().map(|step| Step {
        condition: step.condition.clone(),
        action: Action::of(&step.action, step.span, request),
    });
    steps.collect()
}

/// A step and its position in the block.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'p> {
    /// The step.
    pub step: &'p Step,
    /// The number of times it runs in one pass of the outermost block, if every condition holds.
    pub times: u64,
    /// Its nesting depth below the outermost block.
    pub depth: usize,
}

/// Every step of a block and its nested blocks, in order; a step comes before its own block.
pub fn visit(block: &[Step]) -> Vec<Visit<'_>> {
    let mut found = Vec::new();
    walk(block, 1, 0, &mut found);
    found
}

fn walk<'p>(block: &'p [Step], times: u64, depth: usize, found: &mut Vec<Visit<'p>>) {
    for step in block {
        found.push(Visit { step, times, depth });
        if let Some((inner, passes)) = step.action.block() {
            let times = times.saturating_mul(u64::from(passes));
            walk(inner, times, depth + 1, found);
        }
    }
}

/// Every request of a block, and how often it is sent in one pass.
pub fn requests(block: &[Step]) -> impl Iterator<Item = (&Request, u64)> {
    visit(block).into_iter().filter_map(|visit| {
        let Action::Request(request) = &visit.step.action else {
            return None;
        };
        Some((&**request, visit.times))
    })
}

impl Plan {
    /// Every request of the flows.
    pub fn measured_requests(&self) -> impl Iterator<Item = &Request> {
        let blocks = self
            .flows
            .iter()
            .flat_map(|flow| [&flow.start, &flow.steps]);
        blocks.flat_map(|block| requests(block).map(|(request, _)| request))
    }

    /// Every request of the plan.
    pub fn all_requests(&self) -> impl Iterator<Item = &Request> {
        let around = [&self.setup, &self.teardown].into_iter();
        around
            .flat_map(|block| requests(block).map(|(request, _)| request))
            .chain(self.measured_requests())
    }

    /// Applies `change` to every request; called before the plan is shared.
    pub(super) fn each_request_mut(&mut self, mut change: impl FnMut(&mut Request)) {
        change_in(&mut self.setup, &mut change);
        change_in(&mut self.teardown, &mut change);
        for flow in &mut self.flows {
            change_in(&mut flow.start, &mut change);
            change_in(&mut flow.steps, &mut change);
        }
    }
}

fn change_in(block: &mut [Step], change: &mut dyn FnMut(&mut Request)) {
    for step in block {
        if let Action::Request(request) = &mut step.action
            && let Some(request) = Arc::get_mut(request)
        {
            change(request);
        }
        if let Some(inner) = step.action.block_mut() {
            change_in(inner, change);
        }
    }
}
