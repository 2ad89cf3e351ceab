//! A scenario: what an engineer wrote, read whole, checked and ready to plan.
//!
//! [`load`] goes from a file to a [`Scenario`] or to every [`Diagnostic`] at once. Templates are compiled and
//! variables resolved to slots here, and feeder files are read here, so that nothing later looks up a name or a file.
//! This module does no network I/O and knows nothing of series, schedules or users.

pub mod diagnostic;
pub mod feed;
mod raw;
pub mod template;
mod tree;
mod validate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, Method, StatusCode};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json_path::JsonPath;
use url::Url;

pub use diagnostic::{Diagnostic, Diagnostics, Span};
pub use feed::{Feed, Pick};
pub use template::Template;
pub use validate::{Overrides, load};

use crate::units::{ByteSize, Rate};

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
    /// Feeders; [`template::Expression::Column`] refers to them by index.
    pub feeds: Vec<Feed>,
    /// Steps run once before the load, by one user, not measured.
    pub setup: Vec<Step>,
    /// Steps run once after the load, not measured.
    pub teardown: Vec<Step>,
    /// The weighted flows; at least one.
    pub flows: Vec<Flow>,
    /// Threshold entries as written; their expressions are parsed by the plan.
    pub thresholds: Vec<ThresholdEntry>,
    /// What the command line changed in the file, each as `path = value`, for the report.
    pub overridden: Vec<String>,
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
}

/// What kind of test a scenario is: a label, and a check that the load fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Does it work at all, under next to no load.
    Smoke,
    /// The everyday load, for comparison over time.
    Baseline,
    /// Rising load beyond the everyday.
    Stress,
    /// A sudden surge and back.
    Spike,
    /// A steady load for hours.
    Soak,
    /// Rising until it breaks.
    Breakpoint,
    /// Anything else.
    Custom,
}

/// What a scenario drives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Folio, started by Gander on a free port for the length of the run.
    Bundled,
    /// A service that is already there: scheme, host, port and an optional base path.
    Url(Url),
}

/// How much load, in which model.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// Closed model: stages of concurrent users; a constant load is one stage that starts at its level.
    Users {
        /// In order; at least one.
        stages: Vec<UserStage>,
    },
    /// Closed model: a number of iterations, as fast as the users come back.
    Iterations {
        /// Iterations in all, or by each user.
        count: u64,
        /// Whether `count` is each user's own or shared between all.
        sharing: Sharing,
        /// Concurrent users.
        users: u32,
        /// The run ends here even if iterations are left.
        max_duration: Option<Duration>,
    },
    /// Open model: iterations start by a schedule, whether or not earlier ones have ended.
    Arrivals {
        /// In order; at least one.
        stages: Vec<RateStage>,
        /// The most users there may be; when all are busy, starts are late.
        max_users: u32,
        /// How starts are spread within the rate.
        law: ArrivalLaw,
    },
}

/// Whose an iteration count is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// One count that all users draw from.
    Shared,
    /// Each user has the whole count.
    PerUser,
}

/// How arrivals are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalLaw {
    /// Evenly: gap = 1 / rate.
    Constant,
    /// A Poisson process: exponential gaps from the seed.
    Poisson,
}

/// A stage of a closed load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UserStage {
    /// Users at the end of the stage.
    pub users: u32,
    /// How long the stage lasts.
    pub duration: Duration,
    /// How the level gets there.
    pub shape: Shape,
}

/// A stage of an open load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateStage {
    /// Arrival rate at the end of the stage.
    pub rate: Rate,
    /// How long the stage lasts.
    pub duration: Duration,
    /// How the level gets there.
    pub shape: Shape,
}

/// How a stage reaches its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `for:` at once, then held.
    Hold,
    /// `over:` linearly from the level before (0 before the first stage).
    Ramp,
}

/// A pause drawn anew each time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always the same.
    Constant(Duration),
    /// Anything between the two, alike.
    Uniform(Duration, Duration),
    /// Normal with this mean and standard deviation, cut off at zero.
    Normal(Duration, Duration),
    /// Exponential with this mean.
    Exponential(Duration),
}

/// What to do with the iteration after a step that failed to capture or had no value to insert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The iteration ends; the user goes on with the next.
    #[default]
    StopIteration,
    /// The next step runs all the same.
    Continue,
    /// The user ends.
    StopUser,
    /// The run ends.
    Abort,
}

/// Defaults of every request: `http:` in the file.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Headers sent with every request unless the step sets the same name.
    pub headers: Vec<(HeaderName, Template)>,
    /// Limits in time.
    pub timeouts: Timeouts,
    /// How many redirects are followed; 0 hands the redirect itself to the checks.
    pub redirects: u8,
    /// Whether each user keeps a cookie jar.
    pub cookies: Cookies,
    /// The most bytes of one body that are read off the wire.
    pub body_limit: ByteSize,
    /// Whether to ask for compressed bodies (`accept-encoding: gzip, br, zstd`).
    pub compression: Compression,
    /// TLS settings.
    pub tls: TlsOptions,
}

/// Whether each user keeps cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookies {
    /// A jar of its own for each user.
    PerUser,
    /// `set-cookie` is ignored.
    Off,
}

/// Whether a compressed body is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `accept-encoding: gzip, br, zstd` unless the scenario sets the header itself.
    Accept,
    /// No header is added.
    Off,
}

/// TLS settings: `http.tls`.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Whom to trust.
    pub trust: Trust,
}

/// Which certificates are accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// The system's roots.
    #[default]
    System,
    /// The system's roots and those in this PEM text (`http.tls.ca: file`).
    SystemAnd(Vec<u8>),
    /// Any certificate at all (`http.tls.insecure: true`).
    Anything,
}

/// Limits in time of one request; each starts a failure of its own when it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To resolve, connect and shake hands.
    pub connect: Duration,
    /// From the request being sent to the first byte of the response.
    pub first_byte: Duration,
    /// Between two reads of the body.
    pub idle: Duration,
    /// The whole request, redirects included.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect, 30 s for each of the others.
    fn default() -> Self {
        let limit = Duration::from_secs(30);
        Self {
            connect: Duration::from_secs(10),
            first_byte: limit,
            idle: limit,
            total: limit,
        }
    }
}

/// A value a template can insert by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The name between `${` and `}`.
    pub name: String,
    /// Its value at the start of each iteration: from `vars`, or absent until captured.
    pub initial: Option<serde_json::Value>,
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

/// A slot in the table of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub u32);

/// A weighted list of steps.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The flow's name; unique in the scenario.
    pub name: String,
    /// How often it is picked, against the other flows' weights; at least 1.
    pub weight: u32,
    /// Run once by each user before its first iteration of this flow.
    pub start: Vec<Step>,
    /// An iteration.
    pub steps: Vec<Step>,
}

/// One step, run when its condition holds.
#[derive(Debug, Clone)]
pub struct Step {
    /// `if:`; absent means always.
    pub condition: Option<Condition>,
    /// What the step does.
    pub action: Action,
    /// Where the step stands in the file.
    pub span: Span,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Sends a request.
    Request(Box<Request>),
    /// Pauses.
    Think(Delay),
    /// Runs steps several times.
    Repeat {
        /// How often; at least 1.
        times: u32,
        /// What is repeated; at least one step.
        steps: Vec<Step>,
    },
}

/// `if:` — one operand alone (is there a value that is not empty, false or zero?) or a comparison.
#[derive(Debug, Clone)]
pub enum Condition {
    /// True unless the value is absent, null, false, zero, or an empty text or list.
    Truthy(Template),
    /// Both sides rendered, then compared: as numbers when both are, as text otherwise.
    Compare(Template, Comparator, Template),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparator {
    /// `<`
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[serde(rename = "<=")]
    LessOrEqual,
    /// `>`
    #[serde(rename = ">")]
    Greater,
    /// `>=`
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `!=`
    #[serde(rename = "!=")]
    NotEqual,
}

impl Comparator {
    /// Whether `left self right` holds.
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }

    /// The operator as written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }
}

/// A request as written.
#[derive(Debug, Clone)]
pub struct Request {
    /// The series name: `name:`, else method and path as written, e.g. `GET /documents/${id}`.
    pub name: String,
    /// The method.
    pub method: Method,
    /// A path below the target's base, or an absolute URL; query as written included.
    pub url: Template,
    /// `query:` pairs, appended to the URL, encoded.
    pub query: Vec<(String, Template)>,
    /// Headers of this step alone, in the order written; they win over `http.headers`.
    pub headers: Vec<(HeaderName, Template)>,
    /// The body.
    pub body: Body,
    /// The `authorization` header.
    pub auth: Option<Auth>,
    /// This step's limits, already merged with the defaults.
    pub timeouts: Timeouts,
    /// Tags that thresholds can select by.
    pub tags: BTreeMap<String, String>,
    /// Assertions on the response.
    pub checks: Vec<Check>,
    /// Values to take from the response.
    pub captures: Vec<Capture>,
}

/// A request's body.
#[derive(Debug, Clone)]
pub enum Body {
    /// None.
    Empty,
    /// `body:` as it stands; no content type is added.
    Text(Template),
    /// `json:`; values are inserted as JSON. Adds `content-type: application/json`.
    Json(Template),
    /// `form:`; URL-encoded pairs. Adds `content-type: application/x-www-form-urlencoded`.
    Form(Vec<(String, Template)>),
}

/// Credentials for the `authorization` header.
#[derive(Debug, Clone)]
pub enum Auth {
    /// User and password, base64.
    Basic(Template, Template),
    /// A token.
    Bearer(Template),
}

/// An assertion on one response.
#[derive(Debug, Clone)]
pub struct Check {
    /// The check as shown in reports: `status is 200`, `$.items length >= 1`.
    pub name: String,
    /// What must hold.
    pub rule: CheckRule,
}

/// What a check asks of a response.
#[derive(Debug, Clone)]
pub enum CheckRule {
    /// The status is one of these (`200`, `[200, 201]`, `2xx`).
    Status(Vec<StatusRange>),
    /// The header is there and its value matches.
    Header(HeaderName, TextRule),
    /// The body, inflated, matches.
    Body(TextRule),
    /// The value at the path satisfies the rule.
    Json(JsonPath, JsonRule),
    /// The inflated body's size in bytes.
    Size(Comparator, ByteSize),
    /// The service time.
    Time(Comparator, Duration),
}

impl CheckRule {
    /// Whether judging this needs the body's bytes.
    pub const fn reads_body(&self) -> bool {
        matches!(self, Self::Body(_) | Self::Json(..) | Self::Size(..))
    }
}

/// Statuses from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    /// The lowest status accepted.
    pub first: StatusCode,
    /// The highest status accepted.
    pub last: StatusCode,
}

/// What a text must be like.
#[derive(Debug, Clone)]
pub enum TextRule {
    /// It is there.
    Exists,
    /// It is this.
    Equals(Template),
    /// This is in it.
    Contains(Template),
    /// The expression matches somewhere in it (linear time).
    Matches(Regex),
}

/// What the value at a JSON path must be like.
#[derive(Debug, Clone)]
pub enum JsonRule {
    /// There is a value, and it is not null.
    Exists,
    /// `equals:`, or a comparison with a number or a text; templates allowed.
    Compare(Comparator, Template),
    /// Length of a list, an object or a text.
    Length(Comparator, u64),
}

/// A value to take from one response.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The variable that receives it.
    pub slot: SlotId,
    /// Where it is.
    pub from: CaptureFrom,
    /// Which, if there are several.
    pub pick: CapturePick,
}

/// Where a captured value is.
#[derive(Debug, Clone)]
pub enum CaptureFrom {
    /// At a JSON path of the body.
    Json(JsonPath),
    /// A response header.
    Header(HeaderName),
    /// The first group of the expression (the whole match if it has none), in the body.
    Regex(Regex),
    /// A cookie the response set.
    Cookie(String),
}

impl CaptureFrom {
    /// Whether taking this needs the body's bytes.
    pub const fn reads_body(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Regex(_))
    }
}

/// Which of several values is captured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CapturePick {
    /// The first.
    #[default]
    First,
    /// Any, from the seed.
    Random,
    /// All, as a list.
    All,
}

/// A threshold as written, before its expression is parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdEntry {
    /// `p95(response_time) < 500ms`
    pub expression: String,
    /// Over which part of the run.
    pub window: Window,
    /// Fewer samples than this: no verdict, which fails.
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

/// What a breached threshold means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run fails.
    #[default]
    Fail,
    /// The run passes with a warning.
    Warn,
}
