//! The scenario as a whole: its parts, in the order in which they depend on each other.

use std::time::Duration;

use url::Url;

use super::compiler::Compiler;
use super::delay::{delay, is_none};
use super::names::{Section, Table};
use super::reader::{Fields, Problems, Shape};
use super::{feeder, flow, http, kind, load, threshold};
use crate::mask::Mask;
use crate::scenario::{
    Delay, Feed, Flow, HttpOptions, Kind, Load, OnError, Scenario, Source, Step, Target,
    ThresholdEntry,
};
use crate::source::Files;
use crate::source::Node;
use crate::source::user_info;
use crate::source::{brief, did_you_mean, nearest};

const SCENARIO: Shape = Shape {
    what: "a scenario",
    known: &[
        "name",
        "kind",
        "description",
        "target",
        "load",
        "warm_up",
        "think_time",
        "pacing",
        "http",
        "on_error",
        "vars",
        "data",
        "setup",
        "teardown",
        "flows",
        "thresholds",
    ],
    later: &[
        "secrets", "include", "includes", "extends", "metrics", "outputs",
    ],
};

/// The parts of the file; those that could not be read are absent, and have been reported.
pub(super) struct Document {
    name: Option<String>,
    kind: Kind,
    description: Option<String>,
    target: Option<Target>,
    load: Option<Load>,
    warm_up: Duration,
    think_time: Option<Delay>,
    pacing: Option<Duration>,
    http: HttpOptions,
    on_error: OnError,
    feeds: Vec<Feed>,
    setup: Vec<Step>,
    teardown: Vec<Step>,
    flows: Vec<Flow>,
    thresholds: Vec<ThresholdEntry>,
    table: Table,
}

impl Document {
    /// Reads every part, whether or not the others can be read.
    pub(super) fn read(root: &Node, files: &Files, problems: &mut Problems) -> Option<Self> {
        let fields = problems.fields(root, &SCENARIO)?;
        let mut table = Table::default();
        let feeds = fields.get("data").map_or_else(Vec::new, |node| {
            feeder::feeds(node, files, &mut table, problems)
        });
        if let Some(node) = fields.get("vars")
            && let Some(entries) = problems.entries(node, "a mapping of variables to values")
        {
            table.add_variables(entries, problems);
        }
        flow::count_captures(&fields, &mut table, problems);
        let http = match fields.get("http") {
            Some(node) => {
                let mut compiler = Compiler::for_defaults(problems, &table);
                http::options(node, files, &mut compiler)
            }
            None => http::defaults(),
        };
        let mut section = |key: &'static str, section: Section| {
            let node = fields.get(key)?;
            let mut compiler = Compiler::for_section(
                problems,
                &table,
                section,
                format!("`{key}`"),
                Some(node),
                None,
            );
            Some(flow::steps_or_none(node, &http, &mut compiler))
        };
        let setup = section("setup", Section::Setup).unwrap_or_default();
        let teardown = section("teardown", Section::Teardown).unwrap_or_default();
        let flows = flow::flows(&fields, &http, &table, problems);
        let kind = kind_of(&fields, problems);
        let load = problems
            .require(&fields, "load")
            .and_then(|node| load::load(node, problems));
        if let (Some(load), Some(node)) = (&load, fields.get("load")) {
            kind::check(kind, load, node.span, problems);
        }
        if let (Some(load), Some(node)) = (&load, fields.get("pacing")) {
            load::check_pacing(load, node, problems);
        }
        Some(Self {
            name: problems
                .require(&fields, "name")
                .and_then(|node| problems.fixed_name(node, "a scenario's name"))
                .map(str::to_owned),
            kind,
            description: fields
                .get("description")
                .and_then(|node| problems.scalar(node, "a text"))
                .map(|scalar| scalar.text.trim().to_owned()),
            target: target(&fields, problems),
            load,
            warm_up: fields
                .get("warm_up")
                .and_then(|node| problems.duration(node))
                .unwrap_or_default(),
            think_time: fields
                .get("think_time")
                .filter(|node| !is_none(node))
                .and_then(|node| delay(node, problems)),
            pacing: fields
                .get("pacing")
                .and_then(|node| problems.positive_duration(node)),
            on_error: on_error(&fields, problems),
            thresholds: fields
                .get("thresholds")
                .map_or_else(Vec::new, |node| threshold::thresholds(node, problems)),
            http,
            feeds,
            setup,
            teardown,
            flows,
            table,
        })
    }

    /// The scenario, if nothing at all was wrong.
    pub(super) fn into_scenario(self, source: Source, problems: &Problems) -> Option<Scenario> {
        if !problems.is_empty() {
            return None;
        }
        Some(Scenario {
            source,
            name: self.name?,
            kind: self.kind,
            description: self.description,
            target: self.target?,
            load: self.load?,
            warm_up: self.warm_up,
            think_time: self.think_time,
            pacing: self.pacing,
            http: self.http,
            on_error: self.on_error,
            variables: self.table.into_variables(),
            feeds: self.feeds,
            setup: self.setup,
            teardown: self.teardown,
            flows: self.flows,
            thresholds: self.thresholds,
            overridden: Vec::new(),
            mask: Mask::default(),
        })
    }
}

fn kind_of(fields: &Fields<'_>, problems: &mut Problems) -> Kind {
    let Some(node) = fields.get("kind") else {
        return Kind::Custom;
    };
    let kinds = [
        ("smoke", Kind::Smoke),
        ("baseline", Kind::Baseline),
        ("stress", Kind::Stress),
        ("spike", Kind::Spike),
        ("soak", Kind::Soak),
        ("breakpoint", Kind::Breakpoint),
        ("custom", Kind::Custom),
    ];
    problems
        .choice(node, "a kind of test", &kinds)
        .unwrap_or(Kind::Custom)
}

fn on_error(fields: &Fields<'_>, problems: &mut Problems) -> OnError {
    let Some(node) = fields.get("on_error") else {
        return OnError::default();
    };
    let choices = [
        ("stop_iteration", OnError::StopIteration),
        ("continue", OnError::Continue),
        ("stop_user", OnError::StopUser),
        ("abort", OnError::Abort),
    ];
    problems
        .choice(node, "a reaction to errors", &choices)
        .unwrap_or_default()
}

fn target(fields: &Fields<'_>, problems: &mut Problems) -> Option<Target> {
    const WHAT: &str = "`bundled`, or a base URL such as http://127.0.0.1:8080";
    let node = problems.require(fields, "target")?;
    let text = problems.scalar(node, WHAT)?.text.trim();
    if text == "bundled" {
        return Some(Target::Bundled);
    }
    if !text.contains("://") {
        match nearest(text, ["bundled"]) {
            Some(word) => {
                let message = format!("expected {WHAT}, found `{}`", brief(text));
                problems.report_with(node.span, message, did_you_mean(word));
            }
            None => problems.expected(WHAT, node),
        }
        return None;
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            problems.report(
                node.span,
                format!(
                    "`{}` is not a URL: {error}",
                    brief(&user_info::masked(text))
                ),
            );
            return None;
        }
    };
    let complaint = if !matches!(url.scheme(), "http" | "https") {
        "a target's URL starts with http:// or https://"
    } else if !url.username().is_empty() || url.password().is_some() {
        "a target's URL may not hold credentials: give them under `auth:` of a step"
    } else if url.query().is_some() || url.fragment().is_some() {
        "a target's URL ends with its path: no `?` and no `#`"
    } else {
        return Some(Target::Url(url));
    };
    problems.report(node.span, complaint);
    None
}
