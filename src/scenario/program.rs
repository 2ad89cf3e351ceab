//! The actions of users: blocks of steps, and the only way to traverse them.
//!
//! A block is a list of steps. A step may contain blocks, which it runs several times, or of which it chooses one.
//! [`visit`] traverses a block and its nested blocks and returns how often each step runs; [`each_block`] changes them,
//! and [`with_requests`] copies them. Every count, sum, search and change of steps uses these, so that all of them handle
//! a new kind of step.

mod action;
mod answers;
mod passes;

pub use action::{
    Action, Alternative, Assets, Branches, Call, Group, MAX_PARALLEL_STEPS, Parallel,
};
pub use answers::{Reacting, Reaction, Rendezvous, Retry, Wait};
pub use passes::{Each, Items, Loop, MAX_PASSES, Passes};

use super::{Condition, Request};
use crate::source::Span;

/// A step; it runs if its condition holds. `R` is a request: as written in a scenario, or as compiled in a plan.
#[derive(Debug, Clone)]
pub struct Step<R = Request> {
    /// `if:`; absent means always.
    pub condition: Option<Condition>,
    /// The step's action.
    pub action: Action<R>,
    /// The place of its identifying key; that of a pause between two steps is in no file.
    pub span: Span,
}

impl<R> Step<R> {
    /// A step of the plan itself, which always runs.
    pub const fn always(action: Action<R>) -> Self {
        Self {
            condition: None,
            action,
            span: Span::NOWHERE,
        }
    }
}

/// A block that a step runs.
#[derive(Debug)]
pub struct Block<'s, R> {
    /// Its steps.
    pub steps: &'s [Step<R>],
    /// The number of times the step runs it, if every condition holds: exact, or the mean. A number that the plan cannot
    /// know counts as one; of `steps` and `else` each counts as a half. Steps that react to a request count as never.
    pub times: f64,
    /// The maximum number of times; `None` if the plan does not limit it.
    pub most: Option<u64>,
}

impl<'s, R> Block<'s, R> {
    /// A block that the step runs once.
    pub(super) const fn once(steps: &'s [Step<R>]) -> Self {
        Self {
            steps,
            times: 1.0,
            most: Some(1),
        }
    }

    /// A block that the step may run once, with this probability.
    pub(super) const fn perhaps(steps: &'s [Step<R>], times: f64) -> Self {
        Self {
            times,
            ..Self::once(steps)
        }
    }
}

/// A step and its position in the block.
#[derive(Debug)]
pub struct Visit<'s, R> {
    /// The step.
    pub step: &'s Step<R>,
    /// The number of times it runs in one pass of the outermost block; see [`Block::times`].
    pub times: f64,
    /// The maximum of that number; see [`Block::most`].
    pub most: Option<u64>,
    /// Its nesting depth below the outermost block.
    pub depth: usize,
    /// The index of its block among those of the step around it; 0 in the outermost block.
    pub branch: usize,
}

/// Every step of a block and its nested blocks, in order; a step comes before its own blocks.
pub fn visit<R>(block: &[Step<R>]) -> Vec<Visit<'_, R>> {
    let mut found = Vec::new();
    walk(block, (1.0, Some(1)), (0, 0), &mut found);
    found
}

fn walk<'s, R>(
    block: &'s [Step<R>],
    (times, most): (f64, Option<u64>),
    (depth, branch): (usize, usize),
    found: &mut Vec<Visit<'s, R>>,
) {
    for step in block {
        found.push(Visit {
            step,
            times,
            most,
            depth,
            branch,
        });
        for (branch, inner) in step.action.blocks().into_iter().enumerate() {
            let most = most.zip(inner.most);
            let most = most.map(|(outer, inner)| outer.saturating_mul(inner));
            walk(
                inner.steps,
                (times * inner.times, most),
                (depth + 1, branch),
                found,
            );
        }
    }
}

/// Every request of a block, and how often it is sent in one pass; see [`Block::times`].
pub fn requests<R>(block: &[Step<R>]) -> impl Iterator<Item = (&R, f64)> {
    visit(block).into_iter().filter_map(|visit| {
        let request = visit.step.action.request()?;
        Some((request, visit.times))
    })
}

/// Applies `change` to a block and its nested blocks; nested blocks come before the block that contains them.
pub fn each_block<R>(block: &mut Vec<Step<R>>, change: &mut dyn FnMut(&mut Vec<Step<R>>)) {
    for step in &mut *block {
        for inner in step.action.blocks_mut() {
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
        span: step.span,
    });
    steps.collect()
}
