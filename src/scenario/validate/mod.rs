//! From a file to a [`Scenario`], or to everything that is wrong with it.
//!
//! The tree is read in one pass that goes on after every error; only what depends on a part that could not be read is
//! left out. Each file here reads one part of the format; [`reader`] holds what they have in common.

mod adjust;
mod check;
mod environment;
mod files;
mod http;
mod load;
mod names;
mod reader;
mod request;
mod step;
mod threshold;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use url::Url;

use self::files::Files;
use self::names::{Compiler, Section, Table};
use self::reader::{Fields, Problems, Shape, brief, did_you_mean, nearest};
use super::raw::{self, Node, Value};
use super::{
    Delay, Diagnostics, Feed, Flow, HttpOptions, Kind, Load, OnError, Pick, Scenario, Source, Step,
    Target, ThresholdEntry,
};
use crate::units::{Rate, show_duration};

/// What the command line changes in a scenario.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--target`
    pub target: Option<String>,
    /// `--users`: every stage's level is scaled so that the peak is this; for iterations, the number of users.
    pub users: Option<u32>,
    /// `--rate`: every stage's level is scaled so that the peak is this.
    pub rate: Option<Rate>,
    /// `--for`: every stage is scaled so that the load lasts this long, after [`Overrides::time_scale`]; for iterations,
    /// the most it may last.
    pub duration: Option<Duration>,
    /// `--time-scale`: every duration of load, warm-up, think time, pacing, windows and delays is multiplied by this.
    pub time_scale: Option<f64>,
    /// `--set path=value`, in order; the value is YAML. A path has keys joined by `.` and items as `[0]`:
    /// `flows[0].weight`; keys that the file leaves out can be set too.
    pub set: Vec<(String, String)>,
    /// `--root`: files must stay under this folder.
    pub root: Option<PathBuf>,
}

/// Reads, checks and resolves a scenario file; on failure, everything that is wrong with it.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Scenario, Diagnostics> {
    let mut problems = Problems::default();
    let text = match files::read_scenario(path) {
        Ok(text) => text,
        Err(refusal) => {
            problems.report_nowhere(refusal.message, refusal.hint);
            let list = problems.into_list();
            return Err(Diagnostics::new(path.to_owned(), String::new(), list));
        }
    };
    let scenario = read(path, &text, overrides, &mut problems);
    match scenario {
        Some(scenario) if problems.is_empty() => Ok(scenario),
        _ => Err(Diagnostics::new(
            path.to_owned(),
            text,
            problems.into_list(),
        )),
    }
}

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

const FEED: Shape = Shape {
    what: "a feeder",
    known: &["file", "pick"],
    later: &["delimiter", "columns", "share"],
};

const FLOW: Shape = Shape {
    what: "a flow",
    known: &["name", "weight", "start", "steps"],
    later: &["tags", "load", "if", "end"],
};

/// The most one flow can weigh.
const MAX_WEIGHT: u64 = 10_000;

fn read(
    path: &Path,
    text: &str,
    overrides: &Overrides,
    problems: &mut Problems,
) -> Option<Scenario> {
    let mut found = Vec::new();
    let tree = raw::parse(text, &mut found);
    let is_broken = tree.is_none() && !found.is_empty();
    problems.add(found);
    if is_broken {
        return None;
    }
    let Some(mut root) = tree.filter(|root| !root.is_null()) else {
        problems.report_nowhere(
            "this file is empty",
            Some("start with `name:`, `target:`, `load:` and `flows:`".to_owned()),
        );
        return None;
    };
    let mut overridden = Vec::new();
    if matches!(root.value, Value::Map(_)) {
        overridden = adjust::change_tree(&mut root, overrides, problems);
    }
    let environment = |name: &str| std::env::var(name).ok();
    environment::substitute(&mut root, &environment, problems);
    let files = Files::new(path, overrides.root.as_deref());
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
        sha256: hex(&Sha256::digest(text.as_bytes())),
    };
    let mut scenario = Document::read(&root, &files, problems)?.into_scenario(source, problems)?;
    scenario.overridden = overridden;
    adjust::change_scenario(&mut scenario, overrides, problems);
    check_warm_up(&scenario, root.get("warm_up"), problems);
    Some(scenario)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The parts of the file; those that could not be read are absent, and have been reported.
struct Document {
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
    fn read(root: &Node, files: &Files, problems: &mut Problems) -> Option<Self> {
        let fields = problems.fields(root, &SCENARIO)?;
        let mut table = Table::default();
        let feeds = fields
            .get("data")
            .map_or_else(Vec::new, |node| feeds(node, files, &mut table, problems));
        if let Some(node) = fields.get("vars")
            && let Some(entries) = problems.entries(node, "a mapping of variables to values")
        {
            table.add_variables(entries, problems);
        }
        count_captures(&fields, &mut table, problems);
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
            Some(steps_or_none(node, &http, &mut compiler))
        };
        let setup = section("setup", Section::Setup).unwrap_or_default();
        let teardown = section("teardown", Section::Teardown).unwrap_or_default();
        let flows = flows(&fields, &http, &table, problems);
        let kind = kind(&fields, problems);
        let load = problems
            .require(&fields, "load")
            .and_then(|node| load::load(node, problems));
        if let (Some(load), Some(node)) = (&load, fields.get("load")) {
            load::check_kind(kind, load, node.span, problems);
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
                .and_then(|node| load::delay(node, problems))
                .flatten(),
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

    fn into_scenario(self, source: Source, problems: &Problems) -> Option<Scenario> {
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
        })
    }
}

/// Takes in every capture of the file, so that templates know which names will have a value, and where.
fn count_captures(fields: &Fields<'_>, table: &mut Table, problems: &mut Problems) {
    for (key, section) in [("setup", Section::Setup), ("teardown", Section::Teardown)] {
        if let Some(node) = fields.get(key) {
            table.add_captures(node, &section, problems);
        }
    }
    let Some(Value::List(flows)) = fields.get("flows").map(|node| &node.value) else {
        return;
    };
    for (index, flow) in flows.iter().enumerate() {
        if let Some(node) = flow.get("start") {
            table.add_captures(node, &Section::Start(index), problems);
        }
        if let Some(node) = flow.get("steps") {
            table.add_captures(node, &Section::Steps(index), problems);
        }
    }
}

/// Steps that may be left empty.
fn steps_or_none(node: &Node, http: &HttpOptions, compiler: &mut Compiler<'_>) -> Vec<Step> {
    match &node.value {
        Value::List(items) if items.is_empty() => Vec::new(),
        _ => step::steps(node, http.timeouts, compiler),
    }
}

fn flows(
    fields: &Fields<'_>,
    http: &HttpOptions,
    table: &Table,
    problems: &mut Problems,
) -> Vec<Flow> {
    let Some(node) = problems.require(fields, "flows") else {
        return Vec::new();
    };
    let Some(items) = problems.list(node, "a list of flows") else {
        return Vec::new();
    };
    let mut names = HashSet::new();
    let mut flows = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(flow) = flow(index, item, http, table, problems) else {
            continue;
        };
        if !names.insert(flow.name.clone()) {
            let span = item.get("name").map_or(item.span, |node| node.span);
            problems.report_with(
                span,
                format!("there is already a flow called `{}`", flow.name),
                "give each flow a name of its own: results are shown by it",
            );
        }
        flows.push(flow);
    }
    flows
}

fn flow(
    index: usize,
    node: &Node,
    http: &HttpOptions,
    table: &Table,
    problems: &mut Problems,
) -> Option<Flow> {
    let fields = problems.fields(node, &FLOW)?;
    let name = problems
        .require(&fields, "name")
        .and_then(|node| problems.fixed_name(node, "a flow's name"));
    let weight = match fields.get("weight") {
        None => Some(1),
        Some(node) if matches!(&node.value, Value::Scalar(scalar) if scalar.text == "0") => {
            problems.report_with(
                node.span,
                "a flow with weight 0 is never run",
                "give it a weight of at least 1, or remove the flow",
            );
            None
        }
        Some(node) => problems.count(node, "`weight`", 1..=MAX_WEIGHT),
    };
    let place = name.map_or_else(
        || "this flow".to_owned(),
        |name| format!("the flow `{}`", brief(name)),
    );
    let start = fields.get("start");
    let steps = fields.get("steps");
    let start_steps = start.map_or_else(Vec::new, |node| {
        let section = Section::Start(index);
        let mut compiler =
            Compiler::for_section(problems, table, section, place.clone(), Some(node), None);
        steps_or_none(node, http, &mut compiler)
    });
    let body = match steps {
        Some(Node {
            value: Value::List(items),
            span,
        }) if items.is_empty() => {
            problems.report_with(
                *span,
                format!("{place} has no steps"),
                "give it a step, such as `- get: /`, or remove the flow",
            );
            None
        }
        Some(node) => {
            let section = Section::Steps(index);
            let mut compiler =
                Compiler::for_section(problems, table, section, place, Some(node), start);
            Some(step::steps(node, http.timeouts, &mut compiler))
        }
        None => {
            problems.report_with(
                fields.span,
                format!("{place} has no steps"),
                "add `steps:` with at least one, such as `- get: /`",
            );
            None
        }
    };
    Some(Flow {
        name: name?.to_owned(),
        weight: weight.unwrap_or(1) as u32,
        start: start_steps,
        steps: body.unwrap_or_default(),
    })
}

fn feeds(node: &Node, files: &Files, table: &mut Table, problems: &mut Problems) -> Vec<Feed> {
    let Some(entries) = problems.entries(node, "a mapping of feeders") else {
        return Vec::new();
    };
    let mut feeds = Vec::new();
    for entry in entries {
        let feed = feed(&entry.key, &entry.value, files, problems);
        table.add_feed(entry, feed.as_ref(), problems);
        feeds.extend(feed);
    }
    feeds
}

fn feed(name: &str, node: &Node, files: &Files, problems: &mut Problems) -> Option<Feed> {
    let fields = problems.fields(node, &FEED)?;
    let pick = match fields.get("pick") {
        None => Some(Pick::Sequential),
        Some(node) => problems.choice(
            node,
            "how rows are picked",
            &[
                ("sequential", Pick::Sequential),
                ("shuffled", Pick::Shuffled),
                ("random", Pick::Random),
                ("unique", Pick::Unique),
            ],
        ),
    };
    let node = problems.require(&fields, "file")?;
    let named = problems.name(node, "the name of a .csv, .json or .jsonl file")?;
    let path = match files.find(named) {
        Ok(path) => path,
        Err(refusal) => {
            problems.refused(node.span, refusal);
            return None;
        }
    };
    match Feed::read(name, &path, pick?) {
        Ok(feed) => Some(feed),
        Err(error) => {
            problems.report(node.span, format!("`{named}` {}", error.fault));
            None
        }
    }
}

fn kind(fields: &Fields<'_>, problems: &mut Problems) -> Kind {
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
        .choice(node, "what follows an error", &choices)
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
                format!("`{}` is not a URL: {error}", brief(text)),
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

fn check_warm_up(scenario: &Scenario, node: Option<&Node>, problems: &mut Problems) {
    let Some(lasts) = load::duration_of(&scenario.load) else {
        return;
    };
    if scenario.warm_up < lasts || scenario.warm_up.is_zero() {
        return;
    }
    let message = format!(
        "a warm-up of {} leaves nothing to measure of a load of {}",
        show_duration(scenario.warm_up),
        show_duration(lasts)
    );
    let hint = "make the warm-up shorter, or the load longer (`--set warm_up=…`, `--for …`)";
    match node {
        Some(node) => problems.report_with(node.span, message, hint),
        None => problems.report_nowhere(message, Some(hint.to_owned())),
    }
}
