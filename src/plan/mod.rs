//! A plan: a scenario with everything decided that can be decided before the run.
//!
//! [`Plan::compile`] resolves URLs against the target, interns every series, check and threshold to a number, and
//! turns the load into [`Loads`]. After it nothing looks up a name, and no file is read.

mod compile;
mod fingerprint;
mod load;
pub mod metrics;
pub mod outline;
pub mod program;
mod request;
pub mod secrets;
mod think;
pub mod threshold;
mod tls;
mod totals;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Uri};
use serde::{Deserialize, Serialize};
use url::Url;

pub use load::schedule::Schedule;
pub use load::{LoadProfile, Loads, arrivals, curve, schedule};
pub use metrics::{MetricEntry, MetricId, Metrics, Timing};
pub use program::{Action, Step};
pub use secrets::Secrets;
pub use threshold::Threshold;

use crate::scenario::{
    Auth, Capture, Check, Cookies, Delay, Feed, Kind, OnError, SlotId, Template, Timeouts,
    TlsOptions, Variable,
};
use crate::units::ByteSize;

/// Which part of a run this machine carries: arrival k, row r and user i belong to segment `index` when they are
/// `index` modulo `count`. A run on one machine is segment 0 of 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// From 0.
    pub index: u32,
    /// At least 1.
    pub count: u32,
}

impl Segment {
    /// The whole run.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// The number in the run of this segment's `local`-th thing.
    pub const fn global(self, local: u64) -> u64 {
        self.index as u64 + local * self.count as u64
    }

    /// How many of the run's first `total` things belong to this segment.
    pub const fn share(self, total: u64) -> u64 {
        total
            .saturating_sub(self.index as u64)
            .div_ceil(self.count as u64)
    }
}

/// A run, decided.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// The scenario's kind.
    pub kind: Kind,
    /// The base that paths are resolved against.
    pub target: Url,
    /// When users are active or iterations start, and which flows they run.
    pub loads: Loads,
    /// The part of the run that is left out of totals and thresholds.
    pub warm_up: Duration,
    /// An iteration of a user starts at most once in this time.
    pub pacing: Option<Duration>,
    /// Pause between steps, and in closed models between iterations; already placed into the flows, kept for the outline.
    pub think_time: Option<Delay>,
    /// What follows a failed capture or an absent value.
    pub on_error: OnError,
    /// Transport settings that hold for every request.
    pub http: HttpPlan,
    /// The table of variables.
    pub variables: Vec<Variable>,
    /// The feeders.
    pub feeds: Vec<Feed>,
    /// Steps before the load; their requests have no series.
    pub setup: Vec<Step>,
    /// Steps after the load; their requests have no series.
    pub teardown: Vec<Step>,
    /// The flows.
    pub flows: Vec<Flow>,
    /// The metrics that series have, by [`MetricId`].
    pub metrics: Metrics,
    /// What is recorded, by [`SeriesId`].
    pub series: Vec<Series>,
    /// Every check of a measured step, by [`CheckId`].
    pub checks: Vec<CheckEntry>,
    /// The rules to judge the run by, built-in ones last.
    pub thresholds: Vec<Threshold>,
    /// The seed of everything random.
    pub seed: u64,
    /// This machine's share.
    pub segment: Segment,
    /// What no output may show.
    pub secrets: Secrets,
    /// SHA-256, in hex, of what decides what is sent, the seed and the target's address left out: two runs of one file
    /// have the same.
    pub workload_hash: String,
    /// The same with the seed: two plans with one hash send the same load.
    pub hash: String,
}

/// Transport settings that hold for every request.
#[derive(Debug, Clone)]
pub struct HttpPlan {
    /// How many redirects are followed.
    pub redirects: u8,
    /// Whether each user keeps cookies.
    pub cookies: Cookies,
    /// The most bytes of one body read off the wire.
    pub body_limit: ByteSize,
    /// Whether a request is sent once more when a kept connection was closed under it.
    pub resend: bool,
    /// TLS settings.
    pub tls: TlsOptions,
}

/// A number for a series; the index into [`Plan::series`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub u32);

/// A number for a check; the index into [`Plan::checks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CheckId(pub u32);

/// The most series a plan may have; what is beyond is recorded under [`OTHER`].
pub const MAX_SERIES: usize = 1_000;

/// The series that takes what is beyond [`MAX_SERIES`].
pub const OTHER: &str = "__other__";

/// What one histogram is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The step's name, or the flow's for iterations.
    pub name: String,
    /// The flow it belongs to.
    pub flow: String,
    /// What is counted.
    pub subject: Subject,
    /// The step's tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// What a series counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The requests of a step.
    Requests,
    /// The iterations of a flow.
    Iterations,
}

/// A check as reports show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckEntry {
    /// `status is 200`
    pub name: String,
    /// The step it belongs to.
    pub step: String,
    /// The flow of that step.
    pub flow: String,
}

/// A flow, decided.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// Its weight; at least 1.
    pub weight: u32,
    /// The series of its iterations.
    pub series: SeriesId,
    /// Once per user.
    pub start: Vec<Step>,
    /// An iteration.
    pub steps: Vec<Step>,
    /// Closed models: the pause between an iteration and its user's next.
    pub rest: Option<Delay>,
}

/// A request, prepared: what is literal is already in its final form.
#[derive(Debug, Clone)]
pub struct Request {
    /// The step's name.
    pub name: String,
    /// Where its samples go; none for setup and teardown.
    pub series: Option<SeriesId>,
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: RequestUrl,
    /// Pairs for the query of [`RequestUrl::Whole`], which may turn out to have one already.
    pub query: Option<Template>,
    /// The variable in [`RequestUrl::Whole`]: a relative link leads on from the page it was captured from.
    pub link: Option<SlotId>,
    /// Captured variables that a request has as its `link`.
    pub captured_links: Box<[SlotId]>,
    /// Method and URL for people, without anything that may be a secret: as written, and a query without its values.
    pub shown: String,
    /// Headers with literal values: defaults, the step's own, content type, literal credentials.
    pub headers: HeaderMap,
    /// Headers with values to render for each request.
    pub rendered_headers: Vec<(HeaderName, Template)>,
    /// Credentials to render for each request.
    pub auth: Option<Auth>,
    /// The body.
    pub body: RequestBody,
    /// Limits in time.
    pub timeouts: Timeouts,
    /// Checks with their numbers (the number is meaningless when `series` is none).
    pub checks: Vec<(CheckId, Check)>,
    /// Captures.
    pub captures: Vec<Capture>,
    /// Whether a check or a capture reads the body, so that it must be kept and inflated.
    pub reads_body: ReadsBody,
}

/// Whether the body's bytes are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadsBody {
    /// Kept and inflated.
    Yes,
    /// Counted and dropped.
    No,
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub enum RequestUrl {
    /// Absolute and literal.
    Literal(Uri),
    /// The target's origin, and a path and query to render (the base path is part of the template).
    Path(Template),
    /// A URL to render: a link as pages have them, whatever the value turns out to be.
    Whole(Template),
}

/// A request's body.
#[derive(Debug, Clone)]
pub enum RequestBody {
    /// None.
    Empty,
    /// The same bytes each time.
    Literal(Bytes),
    /// Rendered each time: JSON, form and text alike are one template with the encodings in its expressions.
    Rendered(Template),
}
