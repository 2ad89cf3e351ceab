//! A plan: a scenario with every decision that does not need the run.
//!
//! [`Plan::compile`] resolves URLs against the target, replaces every series, check and threshold by a number, and
//! turns the load into [`Loads`]. After that no code looks up a name, and no file is read.

mod auth;
mod body;
mod canonical;
mod compile;
mod fingerprint;
mod load;
mod loads_of;
pub mod metrics;
mod monitor;
pub mod outline;
mod refusal;
mod request;
mod search;
pub mod secrets;
mod selection;
mod session;
mod think;
pub mod threshold;
mod totals;
mod trace_context;
mod uses;
mod vars;
mod workload;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Uri};
use serde::{Deserialize, Serialize};

pub use auth::{Address, PlannedAuth, basic};
pub use body::gzipped;
pub use load::schedule::Schedule;
pub use load::{LoadProfile, Loads, Mix, arrivals, curve, schedule};
pub use metrics::{MetricEntry, MetricId, Metrics, Timing};
pub use monitor::{MonitorPlan, PlannedSource};
pub use search::SearchPlan;
pub use secrets::Secrets;
pub use selection::leave_out_unmeasured;
pub use session::{AuthSeries, PlannedSession, TOKEN, TokenPlan, is_auth_step};
pub use threshold::Threshold;
pub use trace_context::{TRACEPARENT, TraceContext};
pub use workload::{HttpPlan, PlannedFlow, Players, Workload};

use crate::expr::PartSet;
use crate::scenario::{
    BodyCoding, Capture, Check, Delay, FailedStatuses, Kind, Recording, SlotId, Span, Template,
    Timeouts, UploadFile,
};

/// The part of a run on this machine: arrival k, row r and user i belong to segment `index` if they are `index` modulo
/// `count`. A run on one machine is segment 0 of 1.
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

    /// The number in the run of this segment's `local`-th item.
    pub const fn global(self, local: u64) -> u64 {
        self.index as u64 + local * self.count as u64
    }

    /// The number of items of this segment among the run's first `total`.
    pub const fn share(self, total: u64) -> u64 {
        total
            .saturating_sub(self.index as u64)
            .div_ceil(self.count as u64)
    }
}

/// A compiled run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// The scenario's kind.
    pub kind: Kind,
    /// The pause between steps, and in closed models between iterations. The flows already contain it; this copy is for
    /// the outline.
    pub think_time: Option<Delay>,
    /// The actions of users, when they happen, and what is recorded of them.
    pub workload: Workload,
    /// The thresholds; built-in ones come last.
    pub thresholds: Vec<Threshold>,
    /// Where the target's own metrics are read.
    pub monitor: MonitorPlan,
    /// The search for the capacity, if the load is one.
    pub search: Option<SearchPlan>,
    /// Values that no output may show.
    pub secrets: Secrets,
    /// SHA-256, in hex, of the load and the requests, without the seed, the target's address and the values of secrets:
    /// equal for all runs of one file.
    pub workload_hash: String,
    /// The workload hash combined with the seed: two plans with the same hash send the same load, except for the values of
    /// secrets.
    pub hash: String,
}

impl Plan {
    /// If `server-timing` headers are recorded: the names in them that thresholds judge.
    pub fn server_timing(&self) -> Option<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        let rules = self.search.iter().flat_map(|search| &search.rules);
        let rules = self.thresholds.iter().chain(rules);
        for name in rules.flat_map(Threshold::server_timing) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        self.workload.http.server_timing.then_some(names)
    }
}

/// The number of a series: the index into [`Workload::series`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeriesId(pub u32);

/// The number of a check: the index into [`Workload::checks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CheckId(pub u32);

/// The maximum number of series of a plan; further steps are recorded under [`OTHER`].
pub const MAX_SERIES: usize = 1_000;

/// The series of steps beyond [`MAX_SERIES`].
pub const OTHER: &str = "__other__";

/// A series: the requests of a step, the iterations of a flow, or the runs of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The step's name, or the flow's for iterations; the group's with those around it, `checkout / pay`.
    pub name: String,
    /// The flow it belongs to.
    pub flow: String,
    /// The kind of events counted.
    pub subject: Subject,
    /// The step's tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// The kind of events that a series counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The requests of a step.
    Requests,
    /// The requests of a silent step: counted in the totals of requests, and in nothing else; they have no times.
    Silent,
    /// The iterations of a flow.
    Iterations,
    /// The runs of a group of steps.
    Groups,
}

/// A check, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckEntry {
    /// `status is 200`
    pub name: String,
    /// The step it belongs to.
    pub step: String,
    /// The flow of that step.
    pub flow: String,
}

/// A request of a flow; it is measured.
#[derive(Debug, Clone)]
pub struct MeasuredRequest {
    /// The series of its samples.
    pub series: SeriesId,
    /// The series of the requests that its credentials need.
    pub auth_series: Option<AuthSeries>,
    /// The number of each of its checks, in their order.
    pub checks: Vec<CheckId>,
    /// The request itself.
    pub request: PlannedRequest,
}

/// A compiled request: its literal parts have their final form.
#[derive(Debug, Clone)]
pub struct PlannedRequest {
    /// The step's name.
    pub name: String,
    /// The method.
    pub method: Method,
    /// Its URL.
    pub url: RequestUrl,
    /// Pairs for the query of [`RequestUrl::Whole`], whose rendered URL may already have a query.
    pub query: Option<Template>,
    /// The variable in [`RequestUrl::Whole`]; a relative link is resolved against the page from which it was captured.
    pub link: Option<SlotId>,
    /// Method and URL for display, without possible secrets: as written, with a query without its values.
    pub shown: String,
    /// Headers with literal values: defaults, the step's own, content type, literal credentials.
    pub headers: HeaderMap,
    /// Headers with values to render for each request.
    pub rendered_headers: Vec<(HeaderName, Template)>,
    /// Credentials to render for each request.
    pub auth: Option<PlannedAuth>,
    /// The header `traceparent`.
    pub trace_context: TraceContext,
    /// The names of its headers that are not in lower case, if there are any.
    pub header_case: Option<Arc<HeaderCase>>,
    /// Cookies for the user's jar, to render for each request.
    pub cookies: Vec<(String, Template)>,
    /// The body.
    pub body: RequestBody,
    /// The coding in which the body is sent.
    pub coding: BodyCoding,
    /// A literal body in its coding.
    pub coded: Option<Bytes>,
    /// The maximum number of redirects, if not that of the run.
    pub redirects: Option<u8>,
    /// Time limits.
    pub timeouts: Timeouts,
    /// The statuses that make it fail.
    pub failed: FailedStatuses,
    /// Checks.
    pub checks: Vec<Check>,
    /// Captures.
    pub captures: Vec<Capture>,
    /// Values recorded after that.
    pub records: Box<[Recording]>,
    /// The parts of its response that expressions read.
    pub keeps: PartSet,
    /// Whether a check or a capture reads the body, so that it must be kept and decompressed.
    pub reads_body: ReadsBody,
    /// The place of the step in its file.
    pub span: Span,
}

impl AsRef<Self> for PlannedRequest {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsRef<PlannedRequest> for MeasuredRequest {
    fn as_ref(&self) -> &PlannedRequest {
        &self.request
    }
}

/// Whether the body's bytes are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadsBody {
    /// The body is kept and decompressed.
    Yes,
    /// The body is counted and dropped.
    No,
}

/// The URL of a request.
#[derive(Debug, Clone)]
pub enum RequestUrl {
    /// An absolute literal URL.
    Literal(Uri),
    /// The target's origin with a path and query to render; the template includes the base path.
    Path(Template),
    /// A URL to render: any link, absolute or relative, depending on the value.
    Whole(Template),
}

/// A request's body.
#[derive(Debug, Clone)]
pub enum RequestBody {
    /// No body.
    Empty,
    /// The same bytes for each request.
    Literal(Bytes),
    /// Rendered for each request. JSON, form and text are all one template; the encodings are in its expressions.
    Rendered(Template),
    /// Pieces, one after the other.
    Pieces(Box<[BodyPiece]>),
}

/// A piece of a body.
#[derive(Debug, Clone)]
pub enum BodyPiece {
    /// A text to render.
    Text {
        /// The text.
        template: Template,
        /// True if the name of its part marks it as secret.
        is_secret: bool,
    },
    /// A file, read while it is sent.
    File(Arc<UploadFile>),
}

/// Names of headers as they are written, for those that are not in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderCase(pub Vec<String>);
