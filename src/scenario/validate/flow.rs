//! `flows:`, and the captures that templates can use.

use std::collections::HashMap;

use super::compiler::{Compiler, Defaults};
use super::delay::{delay, is_none};
use super::load;
use super::names::{NameTable, Section};
use super::tags::tags;
use crate::format::tables::{flow as table, scenario as file};
use crate::format::{Field, Fields, Problems};
use crate::scenario::{Delay, Flow, Load, LoadModel, Share, Step, steps};
use crate::source::{Content, Diagnostic, Node, Span, brief};

/// Registers every capture of the file, so that templates know which names have a value in which section.
pub(super) fn count_captures(fields: &Fields<'_>, names: &mut NameTable, problems: &mut Problems) {
    for (field, section) in [
        (file::SETUP, Section::Setup),
        (file::TEARDOWN, Section::Teardown),
    ] {
        if let Some(node) = fields.get(&field) {
            names.add_captures(node, &section, problems);
        }
    }
    let Some(Content::List(flows)) = fields.get(&file::FLOWS).map(|node| &node.value) else {
        return;
    };
    for (index, flow) in flows.iter().enumerate() {
        for (field, section) in [
            (table::START, Section::Start(index)),
            (table::STEPS, Section::Steps(index)),
            (table::STOP, Section::Stop(index)),
        ] {
            if let Some(node) = flow.get(field.key) {
                names.add_captures(node, &section, problems);
            }
        }
    }
}

/// A list of steps that may be empty.
pub(super) fn steps_or_none(node: &Node, compiler: &mut Compiler<'_>) -> Vec<Step> {
    match &node.value {
        Content::List(items) if items.is_empty() => Vec::new(),
        Content::Scalar(_) | Content::List(_) | Content::Map(_) => steps::steps(node, compiler),
    }
}

/// Pauses that a flow has unless it says otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    pub(super) think_time: Option<Delay>,
    pub(super) pacing: Option<Delay>,
}

/// A delay that replaces `default`, if the key is there; the word `none` means no delay.
pub(super) fn delay_or(
    fields: &Fields<'_>,
    field: &Field,
    default: Option<Delay>,
    problems: &mut Problems,
) -> Option<Delay> {
    match fields.get(field) {
        None => default,
        Some(node) if is_none(node) => None,
        Some(node) => delay(node, field, problems),
    }
}

/// Reads `flows:`.
pub(super) fn flows(
    fields: &Fields<'_>,
    pauses: Pauses,
    defaults: Defaults<'_>,
    names: &NameTable,
    problems: &mut Problems,
) -> Vec<Flow> {
    let Some(node) = problems.require(fields, &file::FLOWS) else {
        return Vec::new();
    };
    let Some(items) = problems.list(node, "a list of flows") else {
        return Vec::new();
    };
    let mut known: HashMap<String, Span> = HashMap::new();
    let mut flows = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some(flow) = flow(index, item, pauses, defaults, names, problems) else {
            continue;
        };
        let name = item.get(table::NAME.key);
        let span = name.map_or(item.span, |node| node.span);
        if let Some(first) = known.get(&flow.name) {
            let message = format!("there is already a flow called `{}`", flow.name);
            let hint = "give each flow a name of its own: results are shown by it";
            let problem = Diagnostic::new(Some(span), message);
            let problem = problem.with_related(*first, "the first one");
            problems.add([problem.with_hint(hint)]);
        } else {
            known.insert(flow.name.clone(), span);
        }
        flows.push(flow);
    }
    flows
}

fn flow(
    index: usize,
    node: &Node,
    pauses: Pauses,
    defaults: Defaults<'_>,
    names: &NameTable,
    problems: &mut Problems,
) -> Option<Flow> {
    let fields = problems.fields(node, &table::TABLE)?;
    let name = problems
        .require(&fields, &table::NAME)
        .and_then(|node| problems.fixed_name(node, "a flow's name"));
    let share = share(&fields, problems);
    let own_load = match fields.get(&table::LOAD) {
        Some(node) => load::load(node, defaults.files, names, problems).map(Some),
        None => Some(None),
    };
    let think_time = delay_or(&fields, &table::THINK_TIME, pauses.think_time, problems);
    let pacing = pacing(&fields, pauses.pacing, own_load.as_ref(), problems);
    let place = name.map_or_else(
        || "this flow".to_owned(),
        |name| format!("the flow `{}`", brief(name)),
    );
    let start = fields.get(&table::START);
    let list = fields.get(&table::STEPS);
    let mut labels = defaults.tags.clone();
    if let Some(node) = fields.get(&table::TAGS) {
        labels.extend(tags(node, problems));
    }
    let defaults = Defaults {
        tags: &labels,
        flow_auth: fields.get(&table::AUTH),
        ..defaults
    };
    let mut block = |node: Option<&Node>, section: Section, before: Option<&Node>| {
        let node = node?;
        let mut compiler = Compiler::for_section(
            problems,
            names,
            defaults,
            section,
            place.clone(),
            Some(node),
            before,
        );
        Some(steps_or_none(node, &mut compiler))
    };
    let start_steps = block(start, Section::Start(index), None);
    let stop_steps = block(fields.get(&table::STOP), Section::Stop(index), start);
    let body = match list {
        Some(Node {
            value: Content::List(items),
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
                Compiler::for_section(problems, names, defaults, section, place, Some(node), start);
            Some(steps::steps(node, &mut compiler))
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
        share: share?,
        load: own_load?,
        think_time,
        pacing,
        tags: labels.clone(),
        start: start_steps.unwrap_or_default(),
        steps: body.unwrap_or_default(),
        stop: stop_steps.unwrap_or_default(),
    })
}

/// The pacing of a flow; that of the scenario does not apply to a flow with a load by rate.
fn pacing(
    fields: &Fields<'_>,
    default: Option<Delay>,
    own_load: Option<&Option<Load>>,
    problems: &mut Problems,
) -> Option<Delay> {
    let own_load = own_load.and_then(Option::as_ref);
    if let (Some(load), Some(node)) = (own_load, fields.get(&table::PACING)) {
        load::check_pacing(load, node, problems);
    }
    let is_open = own_load.is_some_and(|load| {
        matches!(
            load.model,
            LoadModel::Arrivals { .. } | LoadModel::Search(_)
        )
    });
    let default = default.filter(|_| !is_open);
    delay_or(fields, &table::PACING, default, problems)
}

/// `weight`, or `count`.
fn share(fields: &Fields<'_>, problems: &mut Problems) -> Option<Share> {
    if let [first, second, ..] = &*fields.chosen(&table::SHARE) {
        problems.report_with(
            second.key_span,
            format!("a flow has `{}` or `{}`, not both", first.key, second.key),
            "`weight` shares users with other flows, `count` gives the flow users of its own, `load` a load of its own",
        );
        return None;
    }
    if let Some(node) = fields.get(&table::COUNT) {
        let count = problems.at(node, &table::COUNT)?;
        let span = node.span;
        return Some(Share::Users { count, span });
    }
    match fields.get(&table::WEIGHT) {
        None => Some(Share::Weight(1)),
        Some(node) if matches!(&node.value, Content::Scalar(scalar) if scalar.text == "0") => {
            problems.report_with(
                node.span,
                "a flow with weight 0 is never run",
                "give it a weight of at least 1, or remove the flow",
            );
            None
        }
        Some(node) => problems.at(node, &table::WEIGHT).map(Share::Weight),
    }
}
