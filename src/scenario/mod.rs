//! A scenario: the content of a scenario file, completely read and checked, from which a plan can be compiled.
//!
//! [`load`] converts a file to a [`Scenario`] or to all its [`Diagnostic`]s. It compiles templates, resolves variables
//! to slots and reads feeder files, so that later code looks up no name and reads no file. This module does no network
//! I/O and does not know series, schedules or users.

mod auth;
mod css;
mod custom_metric;
mod embedded;
mod ends;
pub mod feed;
mod flow;
mod html;
mod http_options;
mod json_path;
mod json_schema;
mod load_model;
mod monitor;
pub mod program;
mod response;
mod secret;
mod steps;
mod target;
#[cfg(test)]
mod tests;
mod trace_context;
mod upload;
mod validate;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::expr::{Comparator, Condition, Number, SlotId, Template, Value};
use crate::expr::{Context, Missing, threshold};
pub use crate::format::words::{
    ArrivalLaw, BodyCoding, CapturePick, ClientAuth, Cookies, EndWord, HmacAlgorithm, JsonType,
    Kind, MetricType, OnError, OnFail, Per, Pick, RowFormat, Severity, SignatureEncoding,
    StopScope, Then, TokenPer, WhenUsedUp,
};
use crate::format::{Format, reference, schema, tables};
use crate::mask::Mask;
use crate::script::Scripts;
pub use crate::source::{Diagnostic, Diagnostics, Sources, Span};

pub use auth::{Auth, AwsSigning, Grant, HmacSigning, KeyPlace, Login, OAuth2, RequestAuth};
pub use css::CssQuery;
pub use custom_metric::{CustomMetric, Recording};
pub use embedded::{Embedded, embedded};
pub use ends::{Ends, RequestEnd};
pub use feed::Feed;
pub use flow::{Body, Flow, Part, PartContent, Request, Share};
pub use html::HtmlDocument;
pub use http_options::{Compression, HttpOptions, Timeouts, TlsOptions, Trust};
pub use json_path::{JsonPath, TooManyVisits};
pub use json_schema::JsonSchema;
pub use load_model::{
    Bounds, CapacitySearch, Delay, Load, LoadModel, SearchStep, Shape, Sharing, Stage,
};
pub use monitor::{KeptKind, KeptMetric, KeptSelector, MonitorSource, SourceFormat, SourceUrl};
pub use program::{Action, Step};
pub use response::{
    Capture, CaptureDefault, CaptureFrom, CaptureSelection, Check, CheckRule, CssRule,
    FailedStatuses, JsonRule, StatusRange, TextRule,
};
pub use secret::{Secret, SecretCommand, SecretOrigin};
pub(crate) use steps::query_at;
pub use target::{PortText, Target, TargetCommand, Targets};
pub use trace_context::{TRACE_ID, TraceSampling};
pub use upload::UploadFile;
pub use validate::{
    Checked, LARGEST_TIME_SCALE, MAX_RATE, MAX_USERS, NOT_KEPT, Overrides, Variables, check, load,
    load_text,
};

/// The format of a scenario file.
pub(crate) static FORMAT: Format = Format {
    root: &tables::scenario::TABLE,
    steps: &steps::TABLES,
};

/// The format of a scenario file, as JSON Schema.
pub fn schema() -> String {
    schema::render(&FORMAT)
}

/// The format of a scenario file, as a Markdown page.
pub fn reference() -> String {
    reference::render(&FORMAT)
}

/// A valid scenario with all names resolved.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The files, their texts and the digest.
    pub source: Source,
    /// The scenario's name, shown in every output.
    pub name: String,
    /// The kind of test.
    pub kind: Kind,
    /// A description, shown in the report.
    pub description: Option<String>,
    /// The target.
    pub target: Target,
    /// Further targets, by name.
    pub targets: Targets,
    /// The load that all flows without a load of their own share; `None` if there is no such flow.
    pub load: Option<Load>,
    /// The length of the warm-up: the first part of the load, shown but not counted in totals and thresholds.
    pub warm_up: Duration,
    /// The pause between the steps of an iteration; a `think` step replaces it.
    pub think_time: Option<Delay>,
    /// The minimum time between two starts of a user's iterations.
    pub pacing: Option<Delay>,
    /// Defaults of every request.
    pub http: HttpOptions,
    /// The reaction to a failed capture or a missing value.
    pub on_error: OnError,
    /// Every variable a template can name: slot `i` is `variables[i]`.
    pub variables: Vec<Variable>,
    /// The modules whose functions expressions call.
    pub scripts: Arc<Scripts>,
    /// The variables of `secrets`.
    pub secrets: Vec<Secret>,
    /// Feeders; [`crate::expr::Expression::Column`] refers to them by index.
    pub feeds: Vec<Feed>,
    /// Metrics of its own; a [`Recording`] refers to them by index.
    pub metrics: Vec<CustomMetric>,
    /// Where the target's own metrics are read.
    pub monitor: Vec<MonitorSource>,
    /// Steps that one user runs once before the load; not measured.
    pub setup: Vec<Step>,
    /// Steps that run once after the load; not measured.
    pub teardown: Vec<Step>,
    /// The weighted flows; at least one.
    pub flows: Vec<Flow>,
    /// Flows that the command line leaves out.
    pub left_out: Vec<Flow>,
    /// Thresholds; the plan resolves their series.
    pub thresholds: Vec<ThresholdEntry>,
    /// The address of a trace in reports, with [`TRACE_ID`] in it.
    pub trace_url: Option<String>,
    /// Whether the run is judged.
    pub judging: Judging,
    /// The changes made by the command line, each as `path = value`, for the report. A value that may be a secret is
    /// left out.
    pub overridden: Vec<String>,
    /// Masks values of the environment and the command line that may be secret.
    pub mask: Mask,
}

impl Scenario {
    /// The shared load, then those of flows.
    pub fn loads(&self) -> impl Iterator<Item = &Load> {
        let own = self.flows.iter().filter_map(|flow| flow.load.as_ref());
        self.load.iter().chain(own)
    }

    /// The shared load, then those of flows, to change them.
    pub(crate) fn loads_mut(&mut self) -> impl Iterator<Item = &mut Load> {
        let own = self.flows.iter_mut().filter_map(|flow| flow.load.as_mut());
        self.load.iter_mut().chain(own)
    }

    /// The time until the last load ends; `None` if the end of one depends on the target.
    pub fn duration(&self) -> Option<Duration> {
        let ends = self
            .loads()
            .map(|load| Some(load.from + load.model.duration()?));
        ends.reduce(|last, end| Some(last?.max(end?)))?
    }
}

/// Whether a run is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judging {
    /// By its thresholds and the built-in ones.
    Thresholds,
    /// By none: the command line leaves out every threshold.
    Nothing,
}

/// The file of a scenario.
#[derive(Debug, Clone)]
pub struct Source {
    /// The scenario's files with their texts, for diagnostics of the plan.
    pub texts: Sources,
    /// SHA-256 of the text of the scenario file and those that it uses, in hex.
    pub sha256: String,
    /// The canonical paths of the files that it names.
    pub files: Vec<PathBuf>,
}

/// A value that templates insert by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The name between `${` and `}`.
    pub name: String,
    /// Its value at the start of each iteration: from `vars`, or `None` until it is captured or drawn.
    pub initial: Option<Value>,
    /// The expression in `vars` from which a plan draws its value.
    pub drawn: Option<Drawn>,
    /// Its lifetime.
    pub scope: Scope,
}

impl Variable {
    /// True if it has a value before anything is captured or set.
    pub const fn is_first_value_known(&self) -> bool {
        self.initial.is_some() || self.drawn.is_some()
    }
}

/// A value of `vars` with expressions in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The value; for a list or a mapping its JSON.
    pub template: Template,
    /// Whether it is the value, or its JSON.
    pub form: DrawnForm,
    /// The position of the value in the file.
    pub span: Span,
}

/// The form of a drawn value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawnForm {
    /// The value itself.
    Value,
    /// A list or a mapping, as JSON.
    Json,
}

impl Drawn {
    /// The value in a context, or the reason why there is none.
    pub(crate) fn value(&self, context: &mut dyn Context) -> Result<Value, Missing> {
        match self.form {
            DrawnForm::Value => self.template.evaluate(context),
            DrawnForm::Json => {
                let mut json = String::new();
                self.template.render(context, &mut json)?;
                Ok(Value::from_json(&json).unwrap_or(Value::Null))
            }
        }
    }
}

/// The lifetime of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// From `vars` or captured in `setup`: the whole run, shared by all users.
    Run,
    /// Captured in a flow's `start`: the life of the user.
    User,
    /// Captured in a flow's `steps`: until the iteration ends.
    Iteration,
}

/// A threshold as written, before its names are resolved.
#[derive(Debug, Clone)]
pub struct ThresholdEntry {
    /// `p95(response_time) < 500ms`
    pub expression: String,
    /// The expression, parsed and type-checked.
    pub parsed: threshold::Rule,
    /// The part of the run that it covers.
    pub window: Window,
    /// With fewer samples the verdict is `NoData`, which fails the run. Zero if the file does not set it.
    pub min_samples: u64,
    /// Stops the run when the threshold fails, but not before this time has passed.
    pub abort_after: Option<Duration>,
    /// The effect of a failure.
    pub severity: Severity,
    /// The position of the expression in the file.
    pub span: Span,
    /// The position of its first character; `None` if the file does not contain the expression as it is.
    pub start: Option<Span>,
}

/// The part of the run over which a threshold is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The whole run without the warm-up.
    #[default]
    Total,
    /// Every window of this length must satisfy the limit.
    Rolling(Duration),
    /// The limit must be broken for this long to count as a failure.
    Sustained(Duration),
}
