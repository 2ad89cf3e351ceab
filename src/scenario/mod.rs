//! A scenario: what an engineer wrote, read whole, checked and ready to plan.
//!
//! [`load`] goes from a file to a [`Scenario`] or to every [`Diagnostic`] at once. Templates are compiled and
//! variables resolved to slots here, and feeder files are read here, so that nothing later looks up a name or a file.
//! This module does no network I/O and knows nothing of series, schedules or users.

pub mod feed;
mod flow;
mod http_options;
mod json_path;
mod load_model;
mod response;
mod steps;
#[cfg(test)]
mod tests;
mod validate;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::expr::threshold;
pub use crate::expr::{Comparator, Condition, Number, SlotId, Template, Value};
pub use crate::format::words::{
    ArrivalLaw, CapturePick, Cookies, Kind, OnError, Pick, Severity, WhenUsedUp,
};
use crate::format::{Format, reference, schema, tables};
use crate::mask::Mask;
pub use crate::source::{Diagnostic, Diagnostics, Span};

pub use feed::Feed;
pub use flow::{Action, Auth, Body, Flow, Request, Step};
pub use http_options::{Compression, HttpOptions, Timeouts, TlsOptions, Trust};
pub use json_path::{JsonPath, TooManyVisits};
pub use load_model::{Delay, Load, RateStage, Shape, Sharing, UserStage};
pub use response::{Capture, CaptureFrom, Check, CheckRule, JsonRule, StatusRange, TextRule};
pub use validate::{Checked, LARGEST_TIME_SCALE, MAX_RATE, MAX_USERS, Overrides, check, load};

/// What a scenario file may say.
pub(crate) static FORMAT: Format = Format {
    root: &tables::scenario::TABLE,
    steps: &steps::TABLES,
};

/// What a scenario file may say, as JSON Schema.
pub fn schema() -> String {
    schema::render(&FORMAT)
}

/// What a scenario file may say, as a page in Markdown.
pub fn reference() -> String {
    reference::render(&FORMAT)
}

/// One scenario file, valid and resolved.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Where it was read from, and its text's digest.
    pub source: Source,
    /// The scenario's name, as shown in every output.
    pub name: String,
    /// What kind of test this is.
    pub kind: Kind,
    /// A sentence for the report's reader.
    pub description: Option<String>,
    /// What is driven.
    pub target: Target,
    /// How much is driven, and for how long.
    pub load: Load,
    /// The first part of the run that is shown but left out of totals and thresholds.
    pub warm_up: Duration,
    /// Pause between the steps of an iteration, unless a step brings its own.
    pub think_time: Option<Delay>,
    /// An iteration of a user starts at most once in this time.
    pub pacing: Option<Duration>,
    /// Defaults of every request.
    pub http: HttpOptions,
    /// What happens when a request fails to capture, or a template has no value.
    pub on_error: OnError,
    /// Every variable a template can name: slot `i` is `variables[i]`.
    pub variables: Vec<Variable>,
    /// Feeders; [`crate::expr::Expression::Column`] refers to them by index.
    pub feeds: Vec<Feed>,
    /// Steps run once before the load, by one user, not measured.
    pub setup: Vec<Step>,
    /// Steps run once after the load, not measured.
    pub teardown: Vec<Step>,
    /// The weighted flows; at least one.
    pub flows: Vec<Flow>,
    /// Threshold entries; which series they are about is for the plan.
    pub thresholds: Vec<ThresholdEntry>,
    /// What the command line changed in the file, each as `path = value`, for the report; where a value may be a
    /// secret, by its path alone.
    pub overridden: Vec<String>,
    /// Hides what came from the environment and the command line and may be secret.
    pub mask: Mask,
}

/// Where a scenario came from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path as given on the command line.
    pub path: PathBuf,
    /// The text, for diagnostics found later by the plan.
    pub text: String,
    /// SHA-256 of the text, in hex.
    pub sha256: String,
    /// The files that it names, by their true paths.
    pub files: Vec<PathBuf>,
}

/// What a scenario drives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Folio, started by Gander on a free port for the length of the run.
    Bundled,
    /// A service that is already there: scheme, host, port and an optional base path.
    Url(Url),
}

/// A value a template can insert by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The name between `${` and `}`.
    pub name: String,
    /// Its value at the start of each iteration: from `vars`, or absent until captured.
    pub initial: Option<Value>,
    /// How long a captured value lives.
    pub scope: Scope,
}

/// How long a captured value lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// From `vars` or from `setup`: the whole run, the same for all users.
    Run,
    /// Captured in a flow's `start`: as long as the user.
    User,
    /// Captured in a flow's `steps`: until the iteration ends.
    Iteration,
}

/// A threshold as written, before its names are resolved.
#[derive(Debug, Clone)]
pub struct ThresholdEntry {
    /// `p95(response_time) < 500ms`
    pub expression: String,
    /// The same, parsed and type-checked.
    pub parsed: threshold::Rule,
    /// Over which part of the run.
    pub window: Window,
    /// Fewer samples than this: no verdict, which fails. Zero where the file does not say: a count of nothing is a number.
    pub min_samples: u64,
    /// Stop the run when it breaks, but not before this much of it has passed.
    pub abort_after: Option<Duration>,
    /// What a breach means.
    pub severity: Severity,
    /// Where the expression stands in the file.
    pub span: Span,
}

/// Over which part of the run a threshold is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// All of it but the warm-up.
    #[default]
    Total,
    /// Every window of this length must hold.
    Rolling(Duration),
    /// A breach must last this long to count.
    Sustained(Duration),
}
