//! Compiles a scenario to a plan: literal parts get their final form, names become numbers.

use std::collections::{HashMap, HashSet};

use url::Url;

use super::program::block_of;
use super::request::{self, Base};
use super::threshold::resolve;
use super::{
    CheckEntry, CheckId, Flow, HttpPlan, LoadProfile, Loads, MAX_SERIES, Metrics, OTHER, Plan,
    ReadsBody, Request, Schedule, Secrets, Segment, Series, SeriesId, Step, Subject, fingerprint,
    think, totals,
};
use crate::expr::ExprError;
use crate::scenario::{
    self, Diagnostic, Diagnostics, HttpOptions, Scenario, SlotId, Span, ThresholdEntry,
};

impl Plan {
    /// Compiles a scenario for a target. The error contains all diagnostics.
    pub fn compile(
        scenario: &Scenario,
        target: &Url,
        seed: u64,
        segment: Segment,
    ) -> Result<Self, Diagnostics> {
        let mut compiler = Compiler::new(scenario, target);
        let setup = compiler.steps(&scenario.setup, None);
        let teardown = compiler.steps(&scenario.teardown, None);
        // Flows first, so that the limit on series never excludes a flow's own series.
        let ids: Vec<SeriesId> = scenario
            .flows
            .iter()
            .map(|flow| compiler.flow_series(&flow.name))
            .collect();
        let flows = scenario
            .flows
            .iter()
            .zip(ids)
            .map(|(flow, series)| compiler.flow(flow, series))
            .collect();
        let shared = Schedule::of(&scenario.load);
        let shared = LoadProfile::new(None, shared, (0..scenario.flows.len()).collect());
        let loads = Loads::new(shared, []);
        let mut plan = Self {
            name: scenario.name.clone(),
            kind: scenario.kind,
            target: target.clone(),
            loads,
            warm_up: scenario.warm_up,
            pacing: scenario.pacing,
            think_time: scenario.think_time,
            on_error: scenario.on_error,
            http: HttpPlan {
                redirects: scenario.http.redirects,
                cookies: scenario.http.cookies,
                body_limit: scenario.http.body_limit,
                resend: scenario.http.resend,
                tls: scenario.http.tls.clone(),
            },
            variables: scenario.variables.clone(),
            feeds: scenario.feeds.clone(),
            setup,
            teardown,
            flows,
            metrics: Metrics::built_in(),
            series: compiler.series,
            checks: compiler.checks,
            thresholds: Vec::new(),
            seed,
            segment,
            secrets: Secrets::default(),
            workload_hash: String::new(),
            hash: String::new(),
        };
        let links: HashSet<SlotId> = plan.all_requests().filter_map(|r| r.link).collect();
        plan.each_request_mut(|request| {
            let slots = request.captures.iter().map(|capture| capture.slot);
            request.captured_links = slots.filter(|slot| links.contains(slot)).collect();
        });
        let mut problems = compiler.problems;
        problems.extend(load_problem(&plan));
        for entry in &scenario.thresholds {
            match resolve::resolve(entry, &plan) {
                Ok(threshold) => plan.thresholds.push(threshold),
                Err(error) => problems.push(place(error, entry, &scenario.source.text)),
            }
        }
        let built_in = resolve::built_in(&plan);
        plan.thresholds.extend(built_in);
        if !problems.is_empty() {
            for problem in &mut problems {
                problem.hide(&scenario.mask);
            }
            let source = &scenario.source;
            return Err(Diagnostics::new(
                source.path.clone(),
                source.text.clone(),
                problems,
            ));
        }
        plan.secrets = Secrets::of(&plan, &scenario.mask);
        plan.workload_hash = fingerprint::workload(&plan);
        plan.hash = fingerprint::plan(&plan.workload_hash, seed);
        Ok(plan)
    }

    /// The number of iterations planned for this segment; `None` if it depends on the users.
    pub fn planned_iterations(&self) -> Option<u64> {
        self.loads.planned_iterations(self.seed, self.segment)
    }
}

/// The diagnostic for a load that measures nothing.
fn load_problem(plan: &Plan) -> Option<Diagnostic> {
    let message = match plan.loads.duration() {
        Some(run) if run.is_zero() => "the load has a duration of zero".to_owned(),
        Some(run) if run <= plan.warm_up => {
            "the warm-up is as long as the load: nothing would be measured".to_owned()
        }
        _ => plan.loads.iter().find_map(|load| {
            if load.users.is_empty() {
                Some("the load never has a user".to_owned())
            } else if never_starts(&load.schedule) {
                Some("the load never starts an iteration".to_owned())
            } else {
                totals::refusal(load, &plan.flows)
            }
        })?,
    };
    Some(Diagnostic {
        span: None,
        message,
        hint: None,
    })
}

fn never_starts(schedule: &Schedule) -> bool {
    match schedule {
        Schedule::Users(_) => false,
        Schedule::Iterations { count, .. } => *count == 0,
        Schedule::Arrivals { curve, .. } => curve.inverse_area(0.0).is_none(),
    }
}

/// The diagnostic for an error in a threshold's expression, with its position in the file.
fn place(error: ExprError, entry: &ThresholdEntry, text: &str) -> Diagnostic {
    let span = entry.span;
    let line = text
        .lines()
        .nth((span.line as usize).wrapping_sub(1))
        .unwrap_or_default();
    let written: String = line
        .chars()
        .skip(span.column.saturating_sub(1) as usize)
        .collect();
    let quote = u32::from(written.starts_with(['\'', '"']));
    let is_as_written = written[quote as usize..].starts_with(&entry.expression);
    let span = if is_as_written {
        Span {
            line: span.line,
            column: span.column + quote + error.offset as u32,
            length: error.length as u32,
        }
    } else {
        span
    };
    let message = if is_as_written {
        error.message
    } else {
        format!("`{}`: {}", entry.expression, error.message)
    };
    Diagnostic {
        span: Some(span),
        message,
        hint: error.hint,
    }
}

struct Compiler<'s> {
    base: Base,
    http: &'s HttpOptions,
    think_time: Option<scenario::Delay>,
    is_closed: bool,
    series: Vec<Series>,
    /// By flow and name.
    steps: HashMap<(String, String), SeriesId>,
    other: Option<SeriesId>,
    checks: Vec<CheckEntry>,
    problems: Vec<Diagnostic>,
}

impl<'s> Compiler<'s> {
    fn new(scenario: &'s Scenario, target: &Url) -> Self {
        let mut problems = Vec::new();
        if scenario.flows.len() >= MAX_SERIES {
            problems.push(Diagnostic {
                span: None,
                message: format!(
                    "there are {} flows; the maximum is {}",
                    scenario.flows.len(),
                    MAX_SERIES - 1
                ),
                hint: None,
            });
        }
        Self {
            base: Base::of(target),
            http: &scenario.http,
            think_time: scenario.think_time,
            is_closed: !matches!(scenario.load, scenario::Load::Arrivals { .. }),
            series: Vec::new(),
            steps: HashMap::new(),
            other: None,
            checks: Vec::new(),
            problems,
        }
    }

    fn flow_series(&mut self, name: &str) -> SeriesId {
        self.add_series(Series {
            name: name.to_owned(),
            flow: name.to_owned(),
            subject: Subject::Iterations,
            tags: std::collections::BTreeMap::new(),
        })
    }

    fn flow(&mut self, flow: &scenario::Flow, series: SeriesId) -> Flow {
        let start = self.steps(&flow.start, Some(&flow.name));
        let steps = self.steps(&flow.steps, Some(&flow.name));
        Flow {
            name: flow.name.clone(),
            weight: flow.weight,
            series,
            start,
            rest: self
                .think_time
                .filter(|_| self.is_closed && think::pauses_between_rounds(&steps)),
            steps: match self.think_time {
                Some(delay) => think::between(steps, delay),
                None => steps,
            },
        }
    }

    /// Compiles steps of a flow, or of setup and teardown, which are not measured.
    fn steps(&mut self, steps: &[scenario::Step], flow: Option<&str>) -> Vec<Step> {
        block_of(steps, &mut |request, span| {
            self.request(request, flow, span)
        })
    }

    fn request(&mut self, request: &scenario::Request, flow: Option<&str>, span: Span) -> Request {
        let series = flow.map(|flow| self.step_series(request, flow, span));
        let checks = request
            .checks
            .iter()
            .map(|check| match flow {
                Some(flow) => (self.check(&check.name, &request.name, flow), check.clone()),
                None => (CheckId(0), check.clone()),
            })
            .collect();
        let (url, query) =
            request::url(&self.base, &request.url, &request.query).unwrap_or_else(|message| {
                self.problems.push(Diagnostic {
                    span: Some(span),
                    message,
                    hint: None,
                });
                (super::RequestUrl::Whole(request.url.clone()), None)
            });
        let headers = request::headers(self.http, request).unwrap_or_else(|message| {
            self.problems.push(Diagnostic {
                span: Some(span),
                message,
                hint: None,
            });
            request::Headers::default()
        });
        let reads_body = request.checks.iter().any(|check| check.rule.reads_body())
            || request
                .captures
                .iter()
                .any(|capture| capture.from.reads_body());
        Request {
            name: request.name.clone(),
            series,
            method: request.method.clone(),
            shown: request::shown(&self.base, request, &url),
            url,
            query,
            link: request::link(&request.url),
            // Filled in when all requests are compiled.
            captured_links: Box::default(),
            headers: headers.literal,
            rendered_headers: headers.rendered,
            auth: headers.auth,
            body: request::body(&request.body),
            timeouts: request.timeouts,
            checks,
            captures: request.captures.clone(),
            reads_body: if reads_body {
                ReadsBody::Yes
            } else {
                ReadsBody::No
            },
        }
    }

    /// The series of a step; steps with the same name in a flow share it.
    fn step_series(&mut self, request: &scenario::Request, flow: &str, span: Span) -> SeriesId {
        let key = (flow.to_owned(), request.name.clone());
        if let Some(&id) = self.steps.get(&key) {
            let series = &self.series[id.0 as usize];
            if Some(id) != self.other && series.tags != request.tags {
                self.problems.push(Diagnostic {
                    span: Some(span),
                    message: format!(
                        "two steps of flow `{flow}` are named `{}` but have different tags: they share one series",
                        request.name
                    ),
                    hint: Some("give one of them another `name`, or both the same tags".to_owned()),
                });
            }
            return id;
        }
        let id = if self.series.len() < MAX_SERIES - 1 {
            self.add_series(Series {
                name: request.name.clone(),
                flow: flow.to_owned(),
                subject: Subject::Requests,
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
