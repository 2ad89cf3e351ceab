//! The whole scenario: its parts, in the order of their dependencies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Overrides;
use super::blocks::Blocks;
use super::compiler::{Compiler, Defaults};
use super::flow::Pauses;
use super::names::{NameTable, Section};
use super::{
    feeder, flow, http, kind, load, monitor, named_secrets, tags, target, threshold, trace,
};
use crate::format::tables::scenario as table;
use crate::format::{Field, Fields, Problems};
use crate::mask::Mask;
use crate::scenario::{
    Delay, Feed, Flow, HttpOptions, Judging, Kind, Load, MonitorSource, OnError, Scenario, Secret,
    Source, Step, Target, Targets, ThresholdEntry,
};
use crate::script::Scripts;
use crate::source::Files;
use crate::source::Node;

/// The parts of the file. A part that could not be read is `None`, and its error is reported.
pub(super) struct Document {
    name: Option<String>,
    kind: Kind,
    description: Option<String>,
    target: Option<Target>,
    targets: Targets,
    load: Option<Load>,
    warm_up: Duration,
    think_time: Option<Delay>,
    pacing: Option<Delay>,
    http: HttpOptions,
    on_error: OnError,
    secrets: Vec<Secret>,
    feeds: Vec<Feed>,
    monitor: Vec<MonitorSource>,
    setup: Vec<Step>,
    teardown: Vec<Step>,
    flows: Vec<Flow>,
    thresholds: Vec<ThresholdEntry>,
    trace_url: Option<String>,
    names: NameTable,
}

impl Document {
    /// Reads every part, even if others have errors.
    pub(super) fn read(
        root: &Node,
        files: &Files,
        scripts: Option<&Arc<Scripts>>,
        overrides: &Overrides,
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = problems.fields(root, &table::TABLE)?;
        let mut names = NameTable::with_options(files, scripts, overrides);
        let feeds = fields.get(&table::DATA).map_or_else(Vec::new, |node| {
            feeder::feeds(node, files, &mut names, problems)
        });
        if let Some(node) = fields.get(&table::VARS)
            && let Some(entries) = problems.entries(node, "a mapping of variables to values")
        {
            names.add_variables(entries, files, problems);
        }
        let secrets = fields.get(&table::SECRETS).map_or_else(Vec::new, |node| {
            named_secrets::secrets(node, files, &mut names, problems)
        });
        names.add_metrics(fields.get(&table::METRICS), problems);
        let blocks = fields
            .get(&table::BLOCKS)
            .map(|node| Blocks::of(node, &mut names, problems));
        flow::count_captures(&fields, &mut names, problems);
        let targets = fields.get(&table::TARGETS);
        let targets = targets.map_or_else(Targets::new, |node| target::targets(node, problems));
        let mut compiler = Compiler::for_defaults(problems, &names, files);
        compiler.targets = &targets;
        let http = http::options(fields.get(&table::HTTP), &mut compiler);
        let monitor = match (fields.get(&table::MONITOR), fields.get(&table::TARGET)) {
            (Some(node), _) => monitor::sources(node, &mut compiler),
            (None, Some(target)) if target::is_bundled(target) => monitor::of_folio(&mut compiler),
            (None, _) => Vec::new(),
        };
        names.kept = monitor::threshold_names(&monitor);
        let labels = fields.get(&table::TAGS);
        let labels = labels.map_or_else(BTreeMap::new, |node| tags::tags(node, problems));
        let defaults = Defaults {
            http: &http,
            files,
            targets: &targets,
            tags: &labels,
            flow_auth: None,
        };
        if let Some(blocks) = blocks {
            let defaults = Defaults {
                tags: &BTreeMap::new(),
                ..defaults
            };
            blocks.read(defaults, &mut names, problems);
        }
        let mut section = |field: &Field, section: Section| {
            let node = fields.get(field)?;
            let place = format!("`{}`", field.key);
            let list = Some(node);
            let mut compiler =
                Compiler::for_section(problems, &names, defaults, section, place, list, None);
            Some(flow::steps_or_none(node, &mut compiler))
        };
        let setup = section(&table::SETUP, Section::Setup).unwrap_or_default();
        let teardown = section(&table::TEARDOWN, Section::Teardown).unwrap_or_default();
        let pauses = Pauses {
            think_time: flow::delay_or(&fields, &table::THINK_TIME, None, problems),
            pacing: flow::delay_or(&fields, &table::PACING, None, problems),
        };
        let flows = flow::flows(&fields, pauses, defaults, &names, problems);
        let kind = problems
            .value(&fields, &table::KIND)
            .unwrap_or(Kind::Custom);
        let load = shared_load(&fields, &flows, kind, (files, &names), problems);
        Some(Self {
            name: problems
                .require(&fields, &table::NAME)
                .and_then(|node| problems.fixed_name(node, "a scenario's name"))
                .map(str::to_owned),
            kind,
            description: fields
                .get(&table::DESCRIPTION)
                .and_then(|node| problems.scalar(node, "a text"))
                .map(|scalar| scalar.text.trim().to_owned()),
            target: problems
                .require(&fields, &table::TARGET)
                .and_then(|node| target::target(node, files, problems)),
            load,
            warm_up: problems.value(&fields, &table::WARM_UP).unwrap_or_default(),
            think_time: pauses.think_time,
            pacing: pauses.pacing,
            on_error: problems
                .value(&fields, &table::ON_ERROR)
                .unwrap_or(OnError::StopIteration),
            thresholds: fields
                .get(&table::THRESHOLDS)
                .map_or_else(Vec::new, |node| {
                    threshold::thresholds(node, &names, problems)
                }),
            monitor,
            trace_url: trace::url(&fields, problems),
            targets,
            http,
            secrets,
            feeds,
            setup,
            teardown,
            flows,
            names,
        })
    }

    /// The scenario, if there was no error.
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
            targets: self.targets,
            load: self.load,
            warm_up: self.warm_up,
            think_time: self.think_time,
            pacing: self.pacing,
            http: self.http,
            on_error: self.on_error,
            scripts: self.names.scripts().cloned().unwrap_or_default(),
            metrics: self.names.metrics.clone(),
            variables: self.names.into_variables(),
            secrets: self.secrets,
            feeds: self.feeds,
            monitor: self.monitor,
            setup: self.setup,
            teardown: self.teardown,
            flows: self.flows,
            left_out: Vec::new(),
            thresholds: self.thresholds,
            trace_url: self.trace_url,
            judging: Judging::Thresholds,
            overridden: Vec::new(),
            mask: Mask::default(),
        })
    }
}

/// The load that flows share.
fn shared_load(
    fields: &Fields<'_>,
    flows: &[Flow],
    kind: Kind,
    (files, names): (&Files, &NameTable),
    problems: &mut Problems,
) -> Option<Load> {
    let shares = |flow: &Flow| flow.load.is_none();
    let is_needed = flows.is_empty() || flows.iter().any(shares);
    let node = match fields.get(&table::LOAD) {
        None if !is_needed => return None,
        _ => problems.require(fields, &table::LOAD)?,
    };
    let load = load::load(node, files, names, problems)?;
    if !is_needed {
        problems.report_with(
            node.span,
            "no flow shares this load: each has a `load` of its own",
            "remove this load, or that of a flow",
        );
    }
    kind::check(kind, &load, node.span, problems);
    if let Some(node) = fields.get(&table::PACING) {
        load::check_pacing(&load, node, problems);
    }
    Some(load)
}
