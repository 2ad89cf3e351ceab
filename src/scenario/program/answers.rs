//! Steps that depend on how a request ends, and on other users.

use std::sync::Arc;
use std::time::Duration;

use super::Step;
use crate::format::words::Then;
use crate::scenario::{Delay, Ends, RequestEnd, Span};

/// A request with reactions.
#[derive(Debug, Clone)]
pub struct Reacting<R> {
    /// The request.
    pub request: R,
    /// The reactions, in the order written; the first one whose end fits counts.
    pub reactions: Vec<Reaction<R>>,
}

/// A reaction to the end of a request.
#[derive(Debug, Clone)]
pub struct Reaction<R> {
    /// The end.
    pub on: RequestEnd,
    /// The steps; may be empty.
    pub steps: Vec<Step<R>>,
    /// What follows them.
    pub then: Then,
}

/// Steps that run again, from the first one, if a request in them ends in a certain way.
#[derive(Debug, Clone)]
pub struct Retry<R> {
    /// The maximum number of attempts, the first one included; at least 2.
    pub times: u32,
    /// The ends of a request that end an attempt.
    pub on: Arc<Ends>,
    /// The pause between two attempts.
    pub wait: Wait,
    /// The steps of an attempt; at least one.
    pub steps: Vec<Step<R>>,
}

/// The pause between two attempts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wait {
    /// A pause as between other steps.
    Pause(Delay),
    /// Exponential backoff with full jitter: before retry n = 1, 2 …, a time between zero and
    /// min(`at_most`, `first` · 2^(n - 1)), each equally likely.
    Backoff {
        /// The upper bound before the first retry.
        first: Duration,
        /// The maximum upper bound. Also that of a wait that the target asks for.
        at_most: Duration,
    },
}

/// Users that wait for each other at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rendezvous {
    /// The number of users that go on together; at least 2.
    pub users: u32,
    /// The maximum wait of the first of them.
    pub within: Duration,
    /// Its number among the rendezvous of a plan, from 0; a plan gives it.
    pub number: u32,
    /// The place of the number of users in the file.
    pub span: Span,
}
