//! The events of a trial. Their texts are as they were found: whoever shows them applies the mask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::mask::Mask;
use crate::outcome::Outcome;
use crate::scenario::Span;
use crate::transport::TracedHop;

/// Something that happened in a trial.
#[derive(Debug)]
pub struct Event {
    /// The place of its step; in no file for what no step caused.
    pub at: Span,
    /// Masks every secret that is known by now.
    pub mask: Arc<Mask>,
    /// The event itself.
    pub happening: Happening,
}

/// The kinds of events.
#[derive(Debug)]
pub enum Happening {
    /// A part begins.
    Begin(Part),
    /// A step explains what it did.
    Note(Note),
    /// A request has ended.
    Exchange(Box<Exchanged>),
    /// The part is over.
    End(PartEnd),
}

/// A part of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// `setup`
    Setup,
    /// `start` of a flow.
    Start(String),
    /// The steps of a flow, by the user with this number.
    Flow(String, u64),
    /// `stop` of a flow.
    Stop(String),
    /// `teardown`
    Teardown,
}

/// The words of a step about what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The kind of step, or the name of a request.
    pub kind: String,
    /// The words.
    pub text: String,
    /// What it means for the trial.
    pub tone: Tone,
}

/// What a note means for the trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It explains the way that the steps took.
    Plain,
    /// A step, or a pause, was left out.
    Skipped,
    /// The scenario reacts to the failure of the request before it, which therefore does not count.
    Handled,
    /// The step failed.
    Failed,
    /// The text of a `log` step.
    Log,
}

/// The end of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartEnd {
    /// Its outcome.
    pub outcome: Outcome,
    /// The steps that did not run, because the part ended before them.
    pub not_run: Vec<StepName>,
}

/// A step and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepName {
    /// The name of a request or a group, or the kind of another step.
    pub name: String,
    /// Its place.
    pub at: Span,
    /// The number of steps around it that did not run either.
    pub depth: usize,
}

/// A request that has ended.
#[derive(Debug)]
pub struct Exchanged {
    /// The name of its step.
    pub step: String,
    /// Its requests and responses; one more for each redirect.
    pub hops: Vec<TracedHop>,
    /// The decompressed body of the last response, if the step reads it.
    pub body: Option<bytes::Bytes>,
    /// When it started.
    pub started: Instant,
    /// From its start to its last byte, over all redirects.
    pub took: Duration,
    /// The number of times that it was sent again, because the target had closed its connection.
    pub resent: u64,
    /// Its outcome.
    pub outcome: Outcome,
    /// The failure in words.
    pub failure: Option<String>,
    /// Its checks, in their order.
    pub checks: Vec<Checked>,
    /// Its captures, in their order.
    pub captures: Vec<Captured>,
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it expects: `status is 200`.
    pub expected: String,
    /// The value found; `None` if there was no complete response.
    pub found: Option<String>,
    /// True if it held.
    pub holds: bool,
}

/// A capture and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The variable.
    pub name: String,
    /// The source: `JSON path $.id`.
    pub from: String,
    /// True if the value is secret, whatever it is.
    pub is_secret: bool,
    /// The result.
    pub result: CaptureResult,
}

/// The result of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureResult {
    /// The value found.
    Value(String),
    /// Nothing was found, so the variable has its default, or no value if there is none.
    Default {
        /// The default.
        value: Option<String>,
        /// What was found instead, if there was a response.
        found: Option<String>,
    },
    /// Nothing was found, and the request failed; what was found instead, if there was a response.
    Missing(Option<String>),
}

impl Note {
    /// A note of this tone.
    pub fn new(tone: Tone, kind: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            text: text.into(),
            tone,
        }
    }

    /// A note that explains the way that the steps took.
    pub fn plain(kind: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Tone::Plain, kind, text)
    }
}
