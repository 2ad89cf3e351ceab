//! Flows and their steps: what a user does.

use std::collections::BTreeMap;

use http::{HeaderName, Method};

use super::{Capture, Check, Condition, Delay, SlotId, Span, Template, Timeouts};

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
    /// Sets variables, one after the other.
    Set(Vec<(SlotId, Template)>),
}

impl Action {
    /// Changes every pause of the steps and of their own steps.
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
    /// A path below the target's base, or an absolute URL; query as written included.
    pub url: Template,
    /// The same for people: as it stands in the file, without values of the environment and `user:password@`.
    pub written: String,
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
