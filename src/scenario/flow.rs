//! Flows and their steps: the actions of a user.

use std::collections::BTreeMap;

use http::{HeaderName, Method};

use super::{Capture, Check, Condition, Delay, SlotId, Span, Template, Timeouts};

/// A weighted list of steps.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The flow's name; unique in the scenario.
    pub name: String,
    /// Its probability relative to the other flows' weights; at least 1.
    pub weight: u32,
    /// Each user runs these steps once, before its first iteration of this flow.
    pub start: Vec<Step>,
    /// The steps of an iteration.
    pub steps: Vec<Step>,
}

/// A step; it runs if its condition holds.
#[derive(Debug, Clone)]
pub struct Step {
    /// `if:`; absent means always.
    pub condition: Option<Condition>,
    /// The step's action.
    pub action: Action,
    /// The step's position in the file.
    pub span: Span,
}

/// The action of a step.
#[derive(Debug, Clone)]
pub enum Action {
    /// Sends a request.
    Request(Box<Request>),
    /// Pauses.
    Think(Delay),
    /// Runs steps several times.
    Repeat {
        /// The number of passes; at least 1.
        times: u32,
        /// The repeated steps; at least one.
        steps: Vec<Step>,
    },
    /// Sets variables, one after the other.
    Set(Vec<(SlotId, Template)>),
}

impl Action {
    /// Applies `change` to every pause of the steps, nested steps included.
    pub(super) fn each_delay_mut(steps: &mut [Step], change: &mut dyn FnMut(&mut Delay)) {
        for step in steps {
            match &mut step.action {
                Self::Request(_) | Self::Set(_) => {}
                Self::Think(delay) => change(delay),
                Self::Repeat { steps, .. } => Self::each_delay_mut(steps, change),
            }
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
    /// A path below the target's base URL, or an absolute URL; includes a query that is part of the written URL.
    pub url: Template,
    /// The URL for display: as written in the file, without values of environment variables and `user:password@`.
    pub written: String,
    /// `query:` pairs, encoded and appended to the URL.
    pub query: Vec<(String, Template)>,
    /// Headers of this step, in the order written; they override `http.headers`.
    pub headers: Vec<(HeaderName, Template)>,
    /// The body.
    pub body: Body,
    /// The `authorization` header.
    pub auth: Option<Auth>,
    /// This step's limits, already merged with the defaults.
    pub timeouts: Timeouts,
    /// Tags by which thresholds select series.
    pub tags: BTreeMap<String, String>,
    /// Assertions on the response.
    pub checks: Vec<Check>,
    /// Values captured from the response.
    pub captures: Vec<Capture>,
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
}

/// Credentials for the `authorization` header.
#[derive(Debug, Clone)]
pub enum Auth {
    /// User and password, base64.
    Basic(Template, Template),
    /// A token.
    Bearer(Template),
}
