//! The workload: the actions of users, when they happen, and what is recorded of them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{
    CheckEntry, LoadProfile, Loads, MeasuredRequest, Metrics, Mix, PlannedRequest, PlannedSession,
    RequestUrl, Segment, Series, SeriesId,
};
use crate::scenario::program::{requests, visit};
use crate::scenario::{
    Action, Cookies, CustomMetric, Delay, Feed, OnError, Recording, Share, Step, Targets,
    TlsOptions, TraceSampling, Variable,
};
use crate::script::Scripts;
use crate::units::ByteSize;

/// The actions of users, when they happen, and what is recorded of them.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The base URL of paths.
    pub target: Url,
    /// Further targets, by name.
    pub targets: Targets,
    /// The loads: schedules, users and flows.
    pub loads: Loads,
    /// The length of the warm-up, which totals and thresholds leave out.
    pub warm_up: Duration,
    /// The reaction to a failed capture or a missing value.
    pub on_error: OnError,
    /// Transport settings of all requests.
    pub http: HttpPlan,
    /// The table of variables.
    pub variables: Vec<Variable>,
    /// By variable: true if a request uses its value as its URL, so that the page it was captured from is kept.
    pub links: Box<[bool]>,
    /// The modules whose functions expressions call.
    pub scripts: Arc<Scripts>,
    /// The feeders.
    pub feeds: Vec<Feed>,
    /// The schemes with requests of their own, by the numbers of their sessions.
    pub sessions: Vec<Arc<PlannedSession>>,
    /// Steps before the load; not measured.
    pub setup: Vec<Step<PlannedRequest>>,
    /// Steps after the load; not measured.
    pub teardown: Vec<Step<PlannedRequest>>,
    /// The flows.
    pub flows: Vec<PlannedFlow>,
    /// The metrics that series have, by [`MetricId`](super::MetricId).
    pub metrics: Metrics,
    /// Metrics of the scenario's own; a [`Recording`](crate::scenario::Recording) refers to them by index.
    pub custom_metrics: Vec<CustomMetric>,
    /// The recorded series, by [`SeriesId`].
    pub series: Vec<Series>,
    /// Every check of a measured step, by [`CheckId`](super::CheckId).
    pub checks: Vec<CheckEntry>,
    /// The seed of all random numbers.
    pub seed: u64,
    /// This machine's share.
    pub segment: Segment,
    /// The identifier of the run, for `run.id`; empty if there is none.
    pub run_id: String,
}

/// Transport settings of all requests.
#[derive(Debug, Clone)]
pub struct HttpPlan {
    /// The maximum number of redirects to follow.
    pub redirects: u8,
    /// The cookies that a user keeps.
    pub cookies: Cookies,
    /// The maximum size of a body, as received.
    pub body_limit: ByteSize,
    /// True if a request is sent once more when its reused connection was closed.
    pub resend: bool,
    /// True if the durations in `server-timing` headers are recorded.
    pub server_timing: bool,
    /// The share of sampled requests, if requests send trace context.
    pub trace_context: Option<TraceSampling>,
    /// TLS settings.
    pub tls: TlsOptions,
}

/// A compiled flow.
#[derive(Debug, Clone)]
pub struct PlannedFlow {
    /// Its name.
    pub name: String,
    /// The users that play it, and how often.
    pub share: Share,
    /// The series of its iterations.
    pub series: SeriesId,
    /// The steps that each user runs once.
    pub start: Vec<Step<MeasuredRequest>>,
    /// The steps of an iteration.
    pub steps: Vec<Step<MeasuredRequest>>,
    /// The steps that each user runs once, when it leaves the load.
    pub stop: Vec<Step<MeasuredRequest>>,
    /// Closed models: the pause between an iteration and its user's next.
    pub rest: Option<Delay>,
    /// Closed models: the minimum time from the start of an iteration to its user's next.
    pub pacing: Option<Delay>,
}

impl PlannedFlow {
    /// Its lists of steps, in the order in which a user runs them.
    pub const fn blocks(&self) -> [&Vec<Step<MeasuredRequest>>; 3] {
        [&self.start, &self.steps, &self.stop]
    }
}

/// The users of a load and the flows that they play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Players {
    /// Users, numbered among all users of the run, that play one flow each, and its index.
    pub alone: Vec<(Range<u32>, usize)>,
    /// The flows of the other users, each with its weight.
    pub mixed: Vec<(usize, u32)>,
    /// The other users.
    pub others: Range<u32>,
}

impl Players {
    /// The flow that this user plays alone.
    pub fn flow_of(&self, user: u32) -> Option<usize> {
        let alone = self.alone.iter().find(|(users, _)| users.contains(&user));
        alone.map(|(_, flow)| *flow)
    }
}

impl Workload {
    /// The users of a load and their flows. A load's first users play the flows with a fixed number of users.
    pub fn players(&self, load: &LoadProfile) -> Players {
        let mut first = load.users.start;
        let (mut alone, mut mixed) = (Vec::new(), Vec::new());
        for &flow in &load.flows {
            match self.flows[flow].share {
                Share::Weight(weight) => mixed.push((flow, weight)),
                Share::Users { count, .. } => {
                    let end = first.saturating_add(count);
                    alone.push((first..end, flow));
                    first = end;
                }
            }
        }
        Players {
            alone,
            mixed,
            others: first..load.users.end.max(first),
        }
    }

    /// The mix of a load's flows with a weight, for this segment.
    pub fn mix(&self, load: &LoadProfile) -> Mix {
        let weights: Vec<u32> = self.players(load).mixed.iter().map(|(_, w)| *w).collect();
        let seed = self.seed.wrapping_add(u64::from(load.users.start));
        Mix::new(&weights, seed, self.segment)
    }

    /// True if pacing decides when a user of this load starts.
    pub fn is_paced(&self, load: &LoadProfile) -> bool {
        let mut flows = load.flows.iter();
        flows.any(|&flow| self.flows[flow].pacing.is_some())
    }

    /// The mean of the first pacing of a flow.
    pub fn pacing(&self) -> Option<Duration> {
        let pacing = self.flows.iter().find_map(|flow| flow.pacing)?;
        Some(Duration::from_secs_f64(pacing.mean_seconds()))
    }

    /// The number of iterations of this segment; `None` if users decide it.
    pub fn planned_iterations(&self) -> Option<u64> {
        self.loads.planned_iterations(self.seed, self.segment)
    }

    /// Every request of the flows.
    pub fn measured_requests(&self) -> impl Iterator<Item = &MeasuredRequest> {
        let blocks = self.flows.iter().flat_map(PlannedFlow::blocks);
        blocks.flat_map(|block| requests(block).map(|(request, _)| request))
    }

    /// True if a step of a flow records into this metric.
    pub fn records(&self, metric: usize) -> bool {
        let blocks = self.flows.iter().flat_map(PlannedFlow::blocks);
        let mut visits = blocks.flat_map(|block| visit(block));
        visits.any(|visit| {
            let mut recordings = recordings(&visit.step.action).iter();
            recordings.any(|recording| recording.metric == metric)
        })
    }

    /// The requests for tokens.
    pub fn token_requests(&self) -> impl Iterator<Item = &PlannedRequest> {
        let tokens = self
            .sessions
            .iter()
            .filter_map(|session| session.token.as_ref());
        tokens.flat_map(|token| [&token.initial, &token.renewal])
    }

    /// Every request of the workload, but for those of its credentials.
    pub fn all_requests(&self) -> impl Iterator<Item = &PlannedRequest> {
        let around = [&self.setup, &self.teardown].into_iter();
        around
            .flat_map(|block| requests(block).map(|(request, _)| request))
            .chain(self.measured_requests().map(AsRef::as_ref))
    }

    /// True if a request of a flow uses an `https` URL, or a URL that is unknown before the run.
    pub fn may_use_tls(&self) -> bool {
        let is_secure = self.target.scheme() == "https";
        let uses_tls = |request: &PlannedRequest| match &request.url {
            RequestUrl::Literal(uri) => uri.scheme_str() == Some("https"),
            RequestUrl::Path(_) => is_secure,
            RequestUrl::Whole(_) => true,
        };
        self.http.redirects > 0 && is_secure
            || self
                .measured_requests()
                .any(|measured| uses_tls(&measured.request))
            || self.token_requests().any(uses_tls)
    }
}

/// The values that a step records itself.
pub(super) fn recordings(action: &Action<MeasuredRequest>) -> &[Recording] {
    match action {
        Action::Record(recordings) => recordings,
        action => action
            .request()
            .map_or(&[], |measured| &measured.request.records),
    }
}
