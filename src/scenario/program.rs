//! The actions of users: blocks of steps, and the only way to traverse them.
//!
//! A block is a list of steps. A step may contain a block, which it runs several times. [`visit`] traverses a block and
//! its nested blocks and returns how often each step runs; [`each_block`] changes them, and [`with_requests`] copies them.
//! Every count, sum, search and change of steps uses these, so that all of them handle a new kind of step.

use super::{Condition, Delay, Request, SlotId, Template};

/// A step; it runs if its condition holds. `R` is a request: as written in a scenario, or as compiled in a plan.
#[derive(Debug, Clone)]
pub struct Step<R = Request> {
    /// `if:`; absent means always.
    pub condition: Option<Condition>,
    /// The step's action.
    pub action: Action<R>,
}

/// The action of a step.
#[derive(Debug, Clone)]
pub enum Action<R = Request> {
    /// Sends a request.
    Request(Box<R>),
    /// Pauses.
    Think(Delay),
    /// Runs steps several times.
    Repeat {
        /// The number of passes; at least 1.
        times: u32,
        /// The repeated steps; at least one.
        steps: Vec<Step<R>>,
        /// The pause between two passes; a plan puts the default pause here.
        pause: Option<Delay>,
    },
    /// Sets variables, one after the other.
    Set(Vec<(SlotId, Template)>),
}

impl<R> Action<R> {
    /// The block that the step runs, and how often; `None` if it has none.
    pub const fn block(&self) -> Option<(&Vec<Step<R>>, u32)> {
        match self {
            Self::Request(_) | Self::Think(_) | Self::Set(_) => None,
            Self::Repeat { times, steps, .. } => Some((steps, *times)),
        }
    }

    /// As [`Self::block`], mutable.
    const fn block_mut(&mut self) -> Option<&mut Vec<Step<R>>> {
        match self {
            Self::Request(_) | Self::Think(_) | Self::Set(_) => None,
            Self::Repeat { steps, .. } => Some(steps),
        }
    }

    /// True if the step itself takes time, without its block.
    pub const fn takes_time(&self) -> bool {
        match self {
            Self::Request(_) | Self::Think(_) => true,
            Self::Repeat { .. } | Self::Set(_) => false,
        }
    }

    /// The pause of the step, without the pauses in its block, mutable; `None` if it has none.
    pub const fn pause_mut(&mut self) -> Option<&mut Delay> {
        match self {
            Self::Request(_) | Self::Set(_) => None,
            Self::Think(delay) => Some(delay),
            Self::Repeat { pause, .. } => pause.as_mut(),
        }
    }

    /// The mean pause of the step, without the pauses in its block.
    pub fn pause_seconds(&self) -> f64 {
        match self {
            Self::Request(_) | Self::Set(_) => 0.0,
            Self::Think(delay) => delay.mean_seconds(),
            Self::Repeat { times, pause, .. } => {
                let each = pause.map_or(0.0, Delay::mean_seconds);
                each * f64::from(times.saturating_sub(1))
            }
        }
    }

    /// Copies the action; `request` converts its requests.
    fn with_requests<S>(&self, request: &mut dyn FnMut(&R) -> S) -> Action<S> {
        match self {
            Self::Request(written) => Action::Request(Box::new(request(written))),
            Self::Think(delay) => Action::Think(*delay),
            Self::Repeat {
                times,
                steps,
                pause,
            } => Action::Repeat {
                times: *times,
                steps: with_requests(steps, request),
                pause: *pause,
            },
            Self::Set(values) => Action::Set(values.clone()),
        }
    }
}

/// A step and its position in the block.
#[derive(Debug)]
pub struct Visit<'s, R> {
    /// The step.
    pub step: &'s Step<R>,
    /// The number of times it runs in one pass of the outermost block, if every condition holds.
    pub times: u64,
    /// Its nesting depth below the outermost block.
    pub depth: usize,
}

/// Every step of a block and its nested blocks, in order; a step comes before its own block.
pub fn visit<R>(block: &[Step<R>]) -> Vec<Visit<'_, R>> {
    let mut found = Vec::new();
    walk(block, 1, 0, &mut found);
    found
}

fn walk<'s, R>(block: &'s [Step<R>], times: u64, depth: usize, found: &mut Vec<Visit<'s, R>>) {
    for step in block {
        found.push(Visit { step, times, depth });
        if let Some((inner, passes)) = step.action.block() {
            let times = times.saturating_mul(u64::from(passes));
            walk(inner, times, depth + 1, found);
        }
    }
}

/// Every request of a block, and how often it is sent in one pass.
pub fn requests<R>(block: &[Step<R>]) -> impl Iterator<Item = (&R, u64)> {
    visit(block)
        .into_iter()
        .filter_map(|visit| match &visit.step.action {
            Action::Request(request) => Some((&**request, visit.times)),
            Action::Think(_) | Action::Repeat { .. } | Action::Set(_) => None,
        })
}

/// Applies `change` to a block and its nested blocks; nested blocks come before the block that contains them.
pub fn each_block<R>(block: &mut Vec<Step<R>>, change: &mut dyn FnMut(&mut Vec<Step<R>>)) {
    for step in &mut *block {
        if let Some(inner) = step.action.block_mut() {
            each_block(inner, change);
        }
    }
    change(block);
}

/// Copies a block; `request` converts its requests.
pub fn with_requests<R, S>(block: &[Step<R>], request: &mut dyn FnMut(&R) -> S) -> Vec<Step<S>> {
    let steps = block.iter().map(|step| Step {
        condition: step.condition.clone(),
        action: step.action.with_requests(request),
    });
    steps.collect()
}
