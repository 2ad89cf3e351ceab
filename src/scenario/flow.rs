//! Flows and requests, as a scenario defines them.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, Method};

use super::{
    BodyCoding, Capture, Check, Delay, FailedStatuses, Load, Recording, RequestAuth, Span, Step,
    Template, Timeouts, UploadFile,
};

/// The part of a load's users that play a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All users that play no other flow alone, in proportion to this weight; at least 1.
    Weight(u32),
    /// Exactly this many users play the flow and no other; at least 1.
    Users {
        /// The number of users.
        count: u32,
        /// The place of the number in the file.
        span: Span,
    },
}

/// A list of steps, and how often it runs.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The flow's name; unique in the scenario.
    pub name: String,
    /// The users that play it, and how often.
    pub share: Share,
    /// A load of the flow alone; `None` if it shares that of the scenario.
    pub load: Option<Load>,
    /// The pauses between its steps.
    pub think_time: Option<Delay>,
    /// The minimum time from the start of one of its iterations to the user's next start.
    pub pacing: Option<Delay>,
    /// Tags by which thresholds select the series of its iterations.
    pub tags: BTreeMap<String, String>,
    /// Each user runs these steps once, before its first iteration of this flow.
    pub start: Vec<Step>,
    /// The steps of an iteration.
    pub steps: Vec<Step>,
    /// Each user runs these steps once, when it leaves the load.
    pub stop: Vec<Step>,
}

impl Flow {
    /// Its lists of steps, in the order in which a user runs them.
    pub const fn blocks(&self) -> [&Vec<Step>; 3] {
        [&self.start, &self.steps, &self.stop]
    }

    /// As [`Self::blocks`], mutable.
    pub(crate) const fn blocks_mut(&mut self) -> [&mut Vec<Step>; 3] {
        [&mut self.start, &mut self.steps, &mut self.stop]
    }
}

/// A request as written.
#[derive(Debug, Clone)]
pub struct Request {
    /// The series name: `name:`, else method and path as written, e.g. `GET /documents/${id}`.
    pub name: String,
    /// The method.
    pub method: Method,
    /// A path below the target's base URL, or an absolute URL; includes a query that is part of the written URL.
    pub url: Template,
    /// The URL for display: as written in the file, without values of environment variables and `user:password@`.
    pub written: String,
    /// `query:` pairs, encoded and appended to the URL.
    pub query: Vec<(String, Template)>,
    /// Headers of this step, in the order written; they override `http.headers`.
    pub headers: Vec<(HeaderName, Template)>,
    /// Header names as written, for those with capital letters: they are sent in this case.
    pub header_cases: Vec<String>,
    /// Cookies for the user's jar.
    pub cookies: Vec<(String, Template)>,
    /// The body.
    pub body: Body,
    /// The coding in which the body is sent.
    pub coding: BodyCoding,
    /// The credentials.
    pub auth: RequestAuth,
    /// This step's limits, already merged with the defaults.
    pub timeouts: Timeouts,
    /// The maximum number of redirects, if not that of `http`.
    pub redirects: Option<u8>,
    /// The statuses that make it fail: `fail_on` or `expect`, else those of `http`.
    pub failed: FailedStatuses,
    /// True if it is counted in the totals of requests only.
    pub is_silent: bool,
    /// Tags by which thresholds select series.
    pub tags: BTreeMap<String, String>,
    /// Assertions on the response.
    pub checks: Vec<Check>,
    /// Values captured from the response.
    pub captures: Vec<Capture>,
    /// Values recorded after that.
    pub records: Vec<Recording>,
    /// The request's position in the file.
    pub span: Span,
}

/// A request's body.
#[derive(Debug, Clone)]
pub enum Body {
    /// No body.
    Empty,
    /// `body:` with values inserted; no content type is added.
    Text(Template),
    /// `json:`; values are inserted as JSON. Adds `content-type: application/json`.
    Json(Template),
    /// `form:`; URL-encoded pairs. Adds `content-type: application/x-www-form-urlencoded`.
    Form(Vec<(String, Template)>),
    /// `file:`; read while it is sent. Adds `content-type: application/octet-stream`.
    File(Arc<UploadFile>),
    /// `multipart:`. Adds `content-type: multipart/form-data`.
    Multipart(Vec<Part>),
}

/// A part of a multipart body.
#[derive(Debug, Clone)]
pub struct Part {
    /// The name of the form's field.
    pub name: String,
    /// The name of the file, for the target.
    pub filename: Option<String>,
    /// The content type, if it is not the default.
    pub content_type: Option<String>,
    /// The content.
    pub content: PartContent,
}

/// The content of a part.
#[derive(Debug, Clone)]
pub enum PartContent {
    /// A text with values inserted.
    Text(Template),
    /// A JSON document.
    Json(Template),
    /// A file, read while it is sent.
    File(Arc<UploadFile>),
}
