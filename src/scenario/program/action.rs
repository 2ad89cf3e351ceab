//! The actions of steps, and the blocks that they contain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Block, Loop, Passes, Reacting, Reaction, Rendezvous, Retry, Step, Wait, with_requests,
};
use crate::format::words::{StopScope, Then};
use crate::scenario::{Condition, Delay, Recording, Request, SlotId, Template};
use crate::source::Span;

/// The action of a step.
#[derive(Debug, Clone)]
pub enum Action<R = Request> {
    /// Sends a request.
    Request(Box<R>),
    /// Sends a request and reacts to its end.
    Reacting(Box<Reacting<R>>),
    /// Pauses.
    Think(Delay),
    /// Waits for other users.
    Rendezvous(Rendezvous),
    /// Sets variables, one after the other.
    Set(Vec<(SlotId, Template)>),
    /// Runs steps if a condition holds, and others if not.
    If(Box<Branches<R>>),
    /// Runs steps several times.
    Loop(Box<Loop<R>>),
    /// Runs steps again if a request in them fails.
    Retry(Box<Retry<R>>),
    /// Draws one of several lists of steps by weight and runs it.
    Choose(Vec<Alternative<R>>),
    /// Runs steps and measures them together.
    Group(Box<Group<R>>),
    /// Sends the requests of its steps at the same time.
    Parallel(Box<Parallel<R>>),
    /// Loads what the last page embeds, several requests at the same time.
    Assets(Box<Assets<R>>),
    /// Sets the parameters of a block and runs it.
    Call(Box<Call<R>>),
    /// Ends the iteration as failed, for the reason in this text.
    Fail(Template),
    /// Ends the iteration, the user or the run.
    Stop(StopScope),
    /// Writes a text to the log of the run.
    Log(Template),
    /// Records values into metrics of the scenario's own.
    Record(Vec<Recording>),
}

/// Steps for each result of a condition.
#[derive(Debug, Clone)]
pub struct Branches<R> {
    /// The condition.
    pub condition: Condition,
    /// The steps if the condition is true; at least one.
    pub steps: Vec<Step<R>>,
    /// The steps if the condition is false; may be empty.
    pub otherwise: Vec<Step<R>>,
}

/// One of the lists of steps that [`Action::Choose`] draws from.
#[derive(Debug, Clone)]
pub struct Alternative<R> {
    /// Its probability, relative to the weights of the others; at least 1.
    pub weight: u32,
    /// Its steps; at least one.
    pub steps: Vec<Step<R>>,
}

/// Steps that are measured together.
#[derive(Debug, Clone)]
pub struct Group<R> {
    /// The name as written, without those of the groups around it.
    pub name: String,
    /// Tags by which thresholds select its series.
    pub tags: BTreeMap<String, String>,
    /// The group's position in the file.
    pub span: Span,
    /// The number of the series that a plan gives it; `None` in setup and teardown, which are not measured.
    pub series: Option<u32>,
    /// Its steps; at least one.
    pub steps: Vec<Step<R>>,
}

/// The maximum number of steps that a parallel block runs to prepare its requests, which are all in memory before the
/// first is sent.
pub const MAX_PARALLEL_STEPS: u64 = 20_000;

/// Requests at the same time.
#[derive(Debug, Clone)]
pub struct Parallel<R> {
    /// The maximum number of requests at the same time; at least 2.
    pub at_once: u32,
    /// The steps that make the requests; at least one.
    pub steps: Vec<Step<R>>,
}

/// The requests for what a page embeds.
#[derive(Debug, Clone)]
pub struct Assets<R> {
    /// The request for each asset; its URL is a template without a meaning.
    pub request: R,
    /// The maximum number of requests at the same time; at least 1.
    pub at_once: u32,
    /// True if only assets from the page's host are loaded.
    pub same_host: bool,
}

/// A call of a block.
#[derive(Debug, Clone)]
pub struct Call<R> {
    /// The parameters with their values, which are evaluated before any of them is set.
    pub with: Vec<(SlotId, Template)>,
    /// The steps of the block; at least one.
    pub steps: Vec<Step<R>>,
}

impl Action {
    /// The tags of the step's own series, mutable; `None` if it has no series.
    pub(crate) fn tags_mut(&mut self) -> Option<&mut BTreeMap<String, String>> {
        match self {
            Self::Group(group) => Some(&mut group.tags),
            other => other.request_mut().map(|request| &mut request.tags),
        }
    }
}

impl<R> Action<R> {
    /// The key that identifies a step with this action; requests have several.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Request(_) | Self::Reacting(_) => "request",
            Self::Think(_) => "think",
            Self::Rendezvous(_) => "rendezvous",
            Self::Set(_) => "set",
            Self::If(_) => "if",
            Self::Loop(repeated) => repeated.passes.word(),
            Self::Retry(_) => "retry",
            Self::Choose(_) => "choose",
            Self::Group(_) => "group",
            Self::Parallel(_) => "parallel",
            Self::Assets(_) => "assets",
            Self::Call(_) => "call",
            Self::Fail(_) => "fail",
            Self::Stop(_) => "stop",
            Self::Log(_) => "log",
            Self::Record(_) => "record",
        }
    }

    /// The request that the step sends itself, without those of its blocks.
    pub fn request(&self) -> Option<&R> {
        match self {
            Self::Request(request) => Some(request),
            Self::Reacting(reacting) => Some(&reacting.request),
            Self::Assets(assets) => Some(&assets.request),
            Self::Think(_)
            | Self::Rendezvous(_)
            | Self::Set(_)
            | Self::If(_)
            | Self::Loop(_)
            | Self::Retry(_)
            | Self::Choose(_)
            | Self::Group(_)
            | Self::Parallel(_)
            | Self::Call(_)
            | Self::Fail(_)
            | Self::Stop(_)
            | Self::Log(_)
            | Self::Record(_) => None,
        }
    }

    /// As [`Self::request`], mutable.
    pub(crate) fn request_mut(&mut self) -> Option<&mut R> {
        match self {
            Self::Request(request) => Some(request),
            Self::Reacting(reacting) => Some(&mut reacting.request),
            Self::Assets(assets) => Some(&mut assets.request),
            Self::Think(_)
            | Self::Rendezvous(_)
            | Self::Set(_)
            | Self::If(_)
            | Self::Loop(_)
            | Self::Retry(_)
            | Self::Choose(_)
            | Self::Group(_)
            | Self::Parallel(_)
            | Self::Call(_)
            | Self::Fail(_)
            | Self::Stop(_)
            | Self::Log(_)
            | Self::Record(_) => None,
        }
    }

    /// The maximum number of times that the step sends its request.
    pub fn most_sent(&self) -> u64 {
        let Self::Reacting(reacting) = self else {
            return 1;
        };
        let mut reactions = reacting.reactions.iter();
        if reactions.any(|reaction| reaction.then == Then::Retry) {
            2
        } else {
            1
        }
    }

    /// The conditions and the templates that the step evaluates itself, without those of its request and its blocks.
    pub fn inputs(&self) -> (Vec<&Condition>, Vec<&Template>) {
        match self {
            Self::Request(_)
            | Self::Reacting(_)
            | Self::Think(_)
            | Self::Rendezvous(_)
            | Self::Retry(_)
            | Self::Choose(_)
            | Self::Group(_)
            | Self::Parallel(_)
            | Self::Assets(_)
            | Self::Stop(_) => (Vec::new(), Vec::new()),
            Self::Set(values) => (Vec::new(), values.iter().map(|(_, value)| value).collect()),
            Self::Call(call) => (
                Vec::new(),
                call.with.iter().map(|(_, value)| value).collect(),
            ),
            Self::If(branches) => (vec![&branches.condition], Vec::new()),
            Self::Loop(repeated) => repeated.passes.inputs(),
            Self::Fail(text) | Self::Log(text) => (Vec::new(), vec![text]),
            Self::Record(recordings) => {
                let values = recordings.iter().map(|recording| &recording.value);
                (Vec::new(), values.collect())
            }
        }
    }

    /// The blocks that the step runs, in the order written.
    pub fn blocks(&self) -> Vec<Block<'_, R>> {
        match self {
            Self::Request(_)
            | Self::Think(_)
            | Self::Rendezvous(_)
            | Self::Set(_)
            | Self::Assets(_)
            | Self::Fail(_)
            | Self::Stop(_)
            | Self::Log(_)
            | Self::Record(_) => Vec::new(),
            Self::Reacting(reacting) => {
                let reactions = reacting.reactions.iter();
                let blocks = reactions.map(|reaction| Block::perhaps(&reaction.steps, 0.0));
                blocks.collect()
            }
            Self::If(branches) => {
                let Branches {
                    steps, otherwise, ..
                } = &**branches;
                if otherwise.is_empty() {
                    return vec![Block::once(steps)];
                }
                [steps, otherwise]
                    .map(|steps| Block::perhaps(steps, 0.5))
                    .into()
            }
            Self::Loop(repeated) => vec![Block {
                steps: &repeated.steps,
                times: repeated.passes.expected(),
                most: repeated.passes.most(),
            }],
            Self::Retry(retry) => vec![Block {
                most: Some(retry.times.into()),
                ..Block::once(&retry.steps)
            }],
            Self::Group(group) => vec![Block::once(&group.steps)],
            Self::Parallel(parallel) => vec![Block::once(&parallel.steps)],
            Self::Call(call) => vec![Block::once(&call.steps)],
            Self::Choose(alternatives) => {
                let weight = |one: &Alternative<R>| f64::from(one.weight);
                let total: f64 = alternatives.iter().map(weight).sum();
                let blocks = alternatives.iter();
                let blocks = blocks.map(|one| Block::perhaps(&one.steps, weight(one) / total));
                blocks.collect()
            }
        }
    }

    /// As [`Self::blocks`], mutable.
    pub(crate) fn blocks_mut(&mut self) -> Vec<&mut Vec<Step<R>>> {
        match self {
            Self::Request(_)
            | Self::Think(_)
            | Self::Rendezvous(_)
            | Self::Set(_)
            | Self::Assets(_)
            | Self::Fail(_)
            | Self::Stop(_)
            | Self::Log(_)
            | Self::Record(_) => Vec::new(),
            Self::Reacting(reacting) => {
                let reactions = reacting.reactions.iter_mut();
                reactions.map(|reaction| &mut reaction.steps).collect()
            }
            Self::If(branches) => vec![&mut branches.steps, &mut branches.otherwise],
            Self::Loop(repeated) => vec![&mut repeated.steps],
            Self::Retry(retry) => vec![&mut retry.steps],
            Self::Group(group) => vec![&mut group.steps],
            Self::Parallel(parallel) => vec![&mut parallel.steps],
            Self::Call(call) => vec![&mut call.steps],
            Self::Choose(alternatives) => {
                let blocks = alternatives.iter_mut().map(|one| &mut one.steps);
                blocks.collect()
            }
        }
    }

    /// True if the step itself takes time, without its blocks.
    pub const fn takes_time(&self) -> bool {
        match self {
            Self::Request(_)
            | Self::Reacting(_)
            | Self::Think(_)
            | Self::Rendezvous(_)
            | Self::Parallel(_)
            | Self::Assets(_) => true,
            Self::Set(_)
            | Self::If(_)
            | Self::Loop(_)
            | Self::Retry(_)
            | Self::Choose(_)
            | Self::Group(_)
            | Self::Call(_)
            | Self::Fail(_)
            | Self::Stop(_)
            | Self::Log(_)
            | Self::Record(_) => false,
        }
    }

    /// The pause of the step, without the pauses in its blocks, mutable; `None` if it has none.
    pub fn pause_mut(&mut self) -> Option<&mut Delay> {
        match self {
            Self::Think(delay) => Some(delay),
            Self::Loop(repeated) => repeated.pause.as_mut(),
            Self::Retry(retry) => match &mut retry.wait {
                Wait::Pause(delay) => Some(delay),
                Wait::Backoff { .. } => None,
            },
            Self::Request(_)
            | Self::Reacting(_)
            | Self::Rendezvous(_)
            | Self::Set(_)
            | Self::If(_)
            | Self::Choose(_)
            | Self::Group(_)
            | Self::Parallel(_)
            | Self::Assets(_)
            | Self::Call(_)
            | Self::Fail(_)
            | Self::Stop(_)
            | Self::Log(_)
            | Self::Record(_) => None,
        }
    }

    /// The durations between the blocks of the step that are no [`Delay`], mutable.
    pub fn intervals_mut(&mut self) -> Vec<&mut Duration> {
        match self {
            Self::Loop(repeated) => match &mut repeated.passes {
                Passes::Until { every, .. } => every.iter_mut().collect(),
                Passes::Times(_) | Passes::Count(_) | Passes::While { .. } | Passes::Each(_) => {
                    Vec::new()
                }
            },
            Self::Retry(retry) => match &mut retry.wait {
                Wait::Backoff { first, at_most } => vec![first, at_most],
                Wait::Pause(_) => Vec::new(),
            },
            Self::Request(_)
            | Self::Reacting(_)
            | Self::Think(_)
            | Self::Rendezvous(_)
            | Self::Set(_)
            | Self::If(_)
            | Self::Choose(_)
            | Self::Group(_)
            | Self::Parallel(_)
            | Self::Assets(_)
            | Self::Call(_)
            | Self::Fail(_)
            | Self::Stop(_)
            | Self::Log(_)
            | Self::Record(_) => Vec::new(),
        }
    }

    /// The mean pause of the step, without the pauses in its blocks; of `retry` none, as if no attempt failed.
    pub fn pause_seconds(&self) -> f64 {
        match self {
            Self::Think(delay) => delay.mean_seconds(),
            Self::Loop(repeated) => {
                let each = repeated.pause.map_or(0.0, Delay::mean_seconds);
                each * (repeated.passes.expected() - 1.0).max(0.0)
            }
            Self::Request(_)
            | Self::Reacting(_)
            | Self::Rendezvous(_)
            | Self::Set(_)
            | Self::If(_)
            | Self::Retry(_)
            | Self::Choose(_)
            | Self::Group(_)
            | Self::Parallel(_)
            | Self::Assets(_)
            | Self::Call(_)
            | Self::Fail(_)
            | Self::Stop(_)
            | Self::Log(_)
            | Self::Record(_) => 0.0,
        }
    }

    /// Copies the action; `request` converts its requests.
    pub(super) fn with_requests<S>(&self, request: &mut dyn FnMut(&R) -> S) -> Action<S> {
        match self {
            Self::Request(written) => Action::Request(Box::new(request(written))),
            Self::Reacting(reacting) => {
                // First, so that the series of the request comes before those of its reactions.
                let own = request(&reacting.request);
                let reactions = reacting.reactions.iter().map(|reaction| Reaction {
                    on: reaction.on,
                    steps: with_requests(&reaction.steps, request),
                    then: reaction.then,
                });
                Action::Reacting(Box::new(Reacting {
                    reactions: reactions.collect(),
                    request: own,
                }))
            }
            Self::Think(delay) => Action::Think(*delay),
            Self::Rendezvous(rendezvous) => Action::Rendezvous(*rendezvous),
            Self::Set(values) => Action::Set(values.clone()),
            Self::If(branches) => Action::If(Box::new(Branches {
                condition: branches.condition.clone(),
                steps: with_requests(&branches.steps, request),
                otherwise: with_requests(&branches.otherwise, request),
            })),
            Self::Loop(repeated) => Action::Loop(Box::new(Loop {
                passes: repeated.passes.clone(),
                steps: with_requests(&repeated.steps, request),
                pause: repeated.pause,
            })),
            Self::Retry(retry) => Action::Retry(Box::new(Retry {
                times: retry.times,
                on: Arc::clone(&retry.on),
                wait: retry.wait,
                steps: with_requests(&retry.steps, request),
            })),
            Self::Choose(alternatives) => {
                let copies = alternatives.iter().map(|one| Alternative {
                    weight: one.weight,
                    steps: with_requests(&one.steps, request),
                });
                Action::Choose(copies.collect())
            }
            Self::Group(group) => Action::Group(Box::new(Group {
                name: group.name.clone(),
                tags: group.tags.clone(),
                span: group.span,
                series: group.series,
                steps: with_requests(&group.steps, request),
            })),
            Self::Parallel(parallel) => Action::Parallel(Box::new(Parallel {
                at_once: parallel.at_once,
                steps: with_requests(&parallel.steps, request),
            })),
            Self::Assets(assets) => Action::Assets(Box::new(Assets {
                request: request(&assets.request),
                at_once: assets.at_once,
                same_host: assets.same_host,
            })),
            Self::Call(call) => Action::Call(Box::new(Call {
                with: call.with.clone(),
                steps: with_requests(&call.steps, request),
            })),
            Self::Fail(text) => Action::Fail(text.clone()),
            Self::Stop(scope) => Action::Stop(*scope),
            Self::Log(text) => Action::Log(text.clone()),
            Self::Record(recordings) => Action::Record(recordings.clone()),
        }
    }
}
