//! Compiles a scenario to a plan: literal parts get their final form, names become numbers.

use std::collections::HashMap;
use std::sync::Arc;

use url::Url;

use super::auth::Address;
use super::body;
use super::loads_of::{is_closed, loads, search_of};
use super::request::{self, Base};
use super::session::{challenge_step, token_requests};
use super::threshold::resolve;
use super::{
    AuthSeries, CheckEntry, CheckId, HttpPlan, MAX_SERIES, MeasuredRequest, Metrics, OTHER, Plan,
    PlannedFlow, PlannedRequest, PlannedSession, ReadsBody, RequestUrl, Secrets, Segment, Series,
    SeriesId, Subject, TOKEN, TokenPlan, TraceContext, Workload, fingerprint, monitor, refusal,
    think, uses, vars,
};
use crate::expr::PartSet;
use crate::scenario::program::{Group, each_block, with_requests};
use crate::scenario::{
    self, Action, Auth, Diagnostic, Diagnostics, HttpOptions, Judging, Scenario, Span, Step,
};

impl Plan {
    /// Compiles a scenario for a target. The error contains all diagnostics.
    pub fn compile(
        scenario: &Scenario,
        target: &Url,
        seed: u64,
        segment: Segment,
    ) -> Result<Self, Diagnostics> {
        let compiler = WorkloadCompiler::new(scenario, target);
        let (mut workload, mut problems) = compiler.workload(scenario, target, seed, segment);
        problems.extend(vars::draw(&mut workload));
        let monitor = monitor::compile(&scenario.monitor, &workload, &mut problems);
        problems.extend(refusal::of_load(&workload));
        problems.extend(refusal::of_counts(&workload));
        problems.extend(refusal::of_rendezvous(&workload));
        let mut thresholds = Vec::new();
        for entry in &scenario.thresholds {
            match resolve::resolve(entry, &workload, &scenario.target) {
                Ok(threshold) => thresholds.push(threshold),
                Err(error) => {
                    problems.push(error.in_file(&entry.expression, entry.span, entry.start));
                }
            }
        }
        let search = search_of(scenario, &workload, &mut problems);
        match scenario.judging {
            // A search overloads the target on purpose.
            Judging::Thresholds if search.is_some() => {}
            Judging::Thresholds => thresholds.extend(resolve::built_in(&thresholds, &workload)),
            Judging::Nothing => {}
        }
        if !problems.is_empty() {
            for problem in &mut problems {
                problem.hide(&scenario.mask);
            }
            return Err(Diagnostics::new(scenario.source.texts.clone(), problems));
        }
        let secrets = Secrets::of(&workload, scenario);
        let workload_hash = fingerprint::workload(&workload, &secrets);
        Ok(Self {
            name: scenario.name.clone(),
            kind: scenario.kind,
            think_time: scenario.think_time,
            thresholds,
            monitor,
            search,
            secrets,
            hash: fingerprint::plan(&workload_hash, seed),
            workload_hash,
            workload,
        })
    }
}

/// The workload of a scenario, as far as it can be compiled.
pub(super) fn workload_of(scenario: &Scenario, target: &Url) -> Workload {
    let compiler = WorkloadCompiler::new(scenario, target);
    compiler.workload(scenario, target, 0, Segment::WHOLE).0
}

struct WorkloadCompiler<'s> {
    base: Base,
    /// The addresses of the targets, to which inherited credentials are sent.
    addresses: Arc<[Address]>,
    http: &'s HttpOptions,
    series: Vec<Series>,
    /// By flow and name.
    steps: HashMap<(String, String), SeriesId>,
    /// By flow and name.
    groups: HashMap<(String, String), SeriesId>,
    other: Option<SeriesId>,
    /// The number of rendezvous so far.
    rendezvous: u32,
    checks: Vec<CheckEntry>,
    /// The schemes with requests of their own.
    sessions: Vec<Arc<PlannedSession>>,
    /// See [`Workload::links`].
    links: Box<[bool]>,
    problems: Vec<Diagnostic>,
}

impl<'s> WorkloadCompiler<'s> {
    fn new(scenario: &'s Scenario, target: &Url) -> Self {
        let mut problems = Vec::new();
        if scenario.flows.len() >= MAX_SERIES {
            let message = format!(
                "there are {} flows; the maximum is {}",
                scenario.flows.len(),
                MAX_SERIES - 1
            );
            problems.push(Diagnostic::new(None, message));
        }
        Self {
            base: Base::of(target),
            addresses: std::iter::once(target)
                .chain(scenario.targets.values())
                .filter_map(Address::of)
                .collect(),
            http: &scenario.http,
            series: Vec::new(),
            steps: HashMap::new(),
            groups: HashMap::new(),
            other: None,
            rendezvous: 0,
            checks: Vec::new(),
            sessions: Vec::new(),
            links: vec![false; scenario.variables.len()].into(),
            problems,
        }
    }

    /// Compiles the workload; returns it with all its errors.
    fn workload(
        mut self,
        scenario: &Scenario,
        target: &Url,
        seed: u64,
        segment: Segment,
    ) -> (Workload, Vec<Diagnostic>) {
        let mut setup = with_requests(&scenario.setup, &mut |request| self.request(request));
        let mut teardown = with_requests(&scenario.teardown, &mut |request| self.request(request));
        uses::note_in_block(&mut setup);
        uses::note_in_block(&mut teardown);
        // Flows first, so that the limit on series never excludes a flow's own series.
        let flows = scenario.flows.iter();
        let ids: Vec<SeriesId> = flows.map(|flow| self.flow_series(flow)).collect();
        let flows = scenario.flows.iter().zip(ids);
        let flows = flows
            .map(|(flow, series)| self.flow(flow, series, is_closed(scenario, flow)))
            .collect();
        let workload = Workload {
            target: target.clone(),
            targets: scenario.targets.clone(),
            loads: loads(scenario),
            warm_up: scenario.warm_up,
            on_error: scenario.on_error,
            http: HttpPlan {
                redirects: scenario.http.redirects,
                cookies: scenario.http.cookies,
                body_limit: scenario.http.body_limit,
                resend: scenario.http.resend,
                server_timing: scenario.http.server_timing,
                trace_context: scenario.http.trace_context,
                tls: scenario.http.tls.clone(),
            },
            variables: scenario.variables.clone(),
            links: self.links,
            scripts: Arc::clone(&scenario.scripts),
            feeds: scenario.feeds.clone(),
            sessions: self.sessions,
            setup,
            teardown,
            flows,
            metrics: Metrics::built_in(),
            custom_metrics: scenario.metrics.clone(),
            series: self.series,
            checks: self.checks,
            seed,
            segment,
            run_id: String::new(),
        };
        (workload, self.problems)
    }

    fn flow_series(&mut self, flow: &scenario::Flow) -> SeriesId {
        self.add_series(Series {
            name: flow.name.clone(),
            flow: flow.name.clone(),
            subject: Subject::Iterations,
            tags: flow.tags.clone(),
        })
    }

    fn flow(&mut self, flow: &scenario::Flow, series: SeriesId, is_closed: bool) -> PlannedFlow {
        let mut measured = |request: &scenario::Request| self.measured(request, &flow.name);
        let mut start = with_requests(&flow.start, &mut measured);
        let mut steps = with_requests(&flow.steps, &mut measured);
        let mut stop = with_requests(&flow.stop, &mut measured);
        for block in [&mut start, &mut steps, &mut stop] {
            self.groups(block, "", &flow.name);
            self.rendezvous(block);
        }
        if let Some(delay) = flow.think_time {
            think::place(&mut steps, delay);
        }
        let mut planned = PlannedFlow {
            name: flow.name.clone(),
            share: flow.share,
            series,
            rest: flow
                .think_time
                .filter(|_| is_closed && think::pauses_between_rounds(&steps)),
            pacing: flow.pacing.filter(|_| is_closed),
            start,
            steps,
            stop,
        };
        uses::note_in_flow(&mut planned);
        planned
    }

    /// Gives each rendezvous of a block its number.
    fn rendezvous<R>(&mut self, block: &mut Vec<Step<R>>) {
        each_block(block, &mut |steps| {
            for step in steps {
                if let Action::Rendezvous(rendezvous) = &mut step.action {
                    rendezvous.number = self.rendezvous;
                    self.rendezvous += 1;
                }
            }
        });
    }

    /// Gives each group of a block its series. `around` is the name of the group around the block, if there is one.
    fn groups<R>(&mut self, block: &mut [Step<R>], around: &str, flow: &str) {
        for step in block {
            let mut inner = None;
            if let Action::Group(group) = &mut step.action {
                let name = match around {
                    "" => group.name.clone(),
                    around => format!("{around} / {}", group.name),
                };
                group.series = Some(self.group_series(&name, flow, group).0);
                inner = Some(name);
            }
            let around = inner.as_deref().unwrap_or(around);
            for block in step.action.blocks_mut() {
                self.groups(block, around, flow);
            }
        }
    }

    /// The series of a group; groups with the same name in a flow share it.
    fn group_series<R>(&mut self, name: &str, flow: &str, group: &Group<R>) -> SeriesId {
        let key = (flow.to_owned(), name.to_owned());
        if let Some(&id) = self.groups.get(&key) {
            if self.series[id.0 as usize].tags != group.tags {
                let message = format!(
                    "two groups of flow `{flow}` are named `{name}` but have different tags: they share one series"
                );
                let hint = "give one of them another name, or both the same tags";
                let problem = Diagnostic::new(Some(group.span), message);
                self.problems.push(problem.with_hint(hint));
            }
            return id;
        }
        if self.series.len() == MAX_SERIES - 1 {
            let message = format!(
                "there are more than {MAX_SERIES} steps, flows and groups, so the group `{name}` would not be measured"
            );
            let hint = "give several groups of a flow the same name, or remove some";
            let problem = Diagnostic::new(Some(group.span), message);
            self.problems.push(problem.with_hint(hint));
        }
        let id = self.add_series(Series {
            name: name.to_owned(),
            flow: flow.to_owned(),
            subject: Subject::Groups,
            tags: group.tags.clone(),
        });
        self.groups.insert(key, id);
        id
    }

    /// A request of a flow.
    fn measured(&mut self, request: &scenario::Request, flow: &str) -> MeasuredRequest {
        let series = self.step_series(request, flow);
        // The checks of a silent request decide whether it failed, but are not counted.
        let counted = if request.is_silent {
            0
        } else {
            request.checks.len()
        };
        let checks = request.checks.iter().take(counted);
        MeasuredRequest {
            series,
            auth_series: self.auth_series(request, flow),
            checks: checks
                .map(|check| self.check(&check.name, &request.name, flow))
                .collect(),
            request: self.request(request),
        }
    }

    /// The series of the requests that the credentials of a request need.
    fn auth_series(&mut self, request: &scenario::Request, flow: &str) -> Option<AuthSeries> {
        let auth = request.auth.scheme()?;
        let mut series = |name: &str| {
            let key = (flow.to_owned(), name.to_owned());
            if let Some(id) = self.steps.get(&key) {
                return *id;
            }
            let id = if self.series.len() < MAX_SERIES - 1 {
                self.add_series(Series {
                    name: name.to_owned(),
                    flow: flow.to_owned(),
                    subject: Subject::Requests,
                    tags: std::collections::BTreeMap::new(),
                })
            } else {
                self.other_series()
            };
            self.steps.insert(key, id);
            id
        };
        match auth {
            Auth::Digest(_) => Some(AuthSeries {
                challenge: series(challenge_step(auth)),
                token: None,
            }),
            Auth::OAuth2(_) => Some(AuthSeries {
                token: Some(series(TOKEN)),
                challenge: series(challenge_step(auth)),
            }),
            Auth::Basic(..)
            | Auth::Bearer(_)
            | Auth::ApiKey(..)
            | Auth::Hmac(_)
            | Auth::AwsSigV4(_) => None,
        }
    }

    /// The number of the session of a scheme, if it has requests of its own; equal schemes share it.
    fn session(&mut self, scheme: &Auth) -> Option<usize> {
        let oauth2 = match scheme {
            Auth::Digest(_) => None,
            Auth::OAuth2(oauth2) => Some(oauth2),
            Auth::Basic(..)
            | Auth::Bearer(_)
            | Auth::ApiKey(..)
            | Auth::Hmac(_)
            | Auth::AwsSigV4(_) => return None,
        };
        let known = self
            .sessions
            .iter()
            .position(|known| known.scheme == *scheme);
        if known.is_some() {
            return known;
        }
        let token = oauth2.map(|oauth2| {
            let requests = token_requests(oauth2, self.http.timeouts);
            let [initial, renewal] = requests.map(|request| PlannedRequest {
                reads_body: ReadsBody::Yes,
                ..self.request(&request)
            });
            let oauth2 = Arc::clone(oauth2);
            Box::new(TokenPlan {
                oauth2,
                initial,
                renewal,
            })
        });
        self.sessions.push(Arc::new(PlannedSession {
            scheme: scheme.clone(),
            token,
        }));
        Some(self.sessions.len() - 1)
    }

    fn request(&mut self, request: &scenario::Request) -> PlannedRequest {
        let session = request.auth.scheme().and_then(|auth| self.session(auth));
        let link = request::link(&request.url);
        if let Some(slot) = link {
            self.links[slot.0 as usize] = true;
        }
        let (url, query) =
            request::url(&self.base, &request.url, &request.query).unwrap_or_else(|message| {
                self.problem(request.span, message);
                (RequestUrl::Whole(request.url.clone()), None)
            });
        let mut headers =
            request::headers(self.http, request, &self.addresses).unwrap_or_else(|message| {
                self.problem(request.span, message);
                request::Headers::default()
            });
        if let Some(auth) = &mut headers.auth {
            auth.session = session;
        }
        let content = body::body(&request.body);
        let reads_body = request.checks.iter().any(|check| check.rule.reads_body())
            || request
                .captures
                .iter()
                .any(|capture| capture.from.reads_body());
        PlannedRequest {
            name: request.name.clone(),
            method: request.method.clone(),
            shown: request::shown(&self.base, request, &url),
            url,
            query,
            link,
            trace_context: TraceContext::of(self.http, &headers),
            headers: headers.literal,
            rendered_headers: headers.rendered,
            auth: headers.auth,
            header_case: request::header_case(self.http, request),
            cookies: request.cookies.clone(),
            coded: body::coded(&content, request.coding),
            body: content,
            coding: request.coding,
            redirects: request.redirects,
            timeouts: request.timeouts,
            failed: request.failed.clone(),
            checks: request.checks.clone(),
            captures: request.captures.clone(),
            records: request.records.clone().into(),
            keeps: PartSet::default(),
            span: request.span,
            reads_body: if reads_body {
                ReadsBody::Yes
            } else {
                ReadsBody::No
            },
        }
    }

    fn problem(&mut self, span: Span, message: String) {
        self.problems.push(Diagnostic::new(Some(span), message));
    }

    /// The series of a step; steps with the same name in a flow share it.
    fn step_series(&mut self, request: &scenario::Request, flow: &str) -> SeriesId {
        let subject = if request.is_silent {
            Subject::Silent
        } else {
            Subject::Requests
        };
        let key = (flow.to_owned(), request.name.clone());
        if let Some(&id) = self.steps.get(&key) {
            let series = &self.series[id.0 as usize];
            if Some(id) != self.other && series.subject != subject {
                let message = format!(
                    "two steps of flow `{flow}` are named `{}`, but only one of them is silent: they share one series",
                    request.name
                );
                let hint = "give one of them another `name`";
                let problem = Diagnostic::new(Some(request.span), message);
                self.problems.push(problem.with_hint(hint));
            } else if Some(id) != self.other && series.tags != request.tags {
                let message = format!(
                    "two steps of flow `{flow}` are named `{}` but have different tags: they share one series",
                    request.name
                );
                let hint = "give one of them another `name`, or both the same tags";
                let problem = Diagnostic::new(Some(request.span), message);
                self.problems.push(problem.with_hint(hint));
            }
            return id;
        }
        let id = if self.series.len() < MAX_SERIES - 1 {
            self.add_series(Series {
                name: request.name.clone(),
                flow: flow.to_owned(),
                subject,
                tags: request.tags.clone(),
            })
        } else {
            self.other_series()
        };
        self.steps.insert(key, id);
        id
    }

    /// The series for the steps beyond the limit.
    fn other_series(&mut self) -> SeriesId {
        if let Some(id) = self.other {
            return id;
        }
        let id = self.add_series(Series {
            name: OTHER.to_owned(),
            flow: OTHER.to_owned(),
            subject: Subject::Requests,
            tags: std::collections::BTreeMap::new(),
        });
        self.other = Some(id);
        id
    }

    fn add_series(&mut self, series: Series) -> SeriesId {
        let id = SeriesId(self.series.len() as u32);
        self.series.push(series);
        id
    }

    /// The number of a check; checks with the same name on steps with the same name in a flow share it.
    fn check(&mut self, name: &str, step: &str, flow: &str) -> CheckId {
        let entry = CheckEntry {
            name: name.to_owned(),
            step: step.to_owned(),
            flow: flow.to_owned(),
        };
        let index = self
            .checks
            .iter()
            .position(|known| *known == entry)
            .unwrap_or_else(|| {
                self.checks.push(entry);
                self.checks.len() - 1
            });
        CheckId(index as u32)
    }
}
