//! `flows:`, and the captures that templates in them can rely on.

use std::collections::HashSet;

use super::compiler::Compiler;
use super::names::{Section, Table};
use super::reader::{Fields, Problems, Shape};
use super::step;
use crate::scenario::{Flow, HttpOptions, Step};
use crate::source::brief;
use crate::source::{Content, Node};

const FLOW: Shape = Shape {
    what: "a flow",
    known: &["name", "weight", "start", "steps"],
    later: &["tags", "load", "if", "end"],
};

/// The most one flow can weigh.
const MAX_WEIGHT: u64 = 10_000;

/// Takes in every capture of the file, so that templates know which names will have a value, and where.
pub(super) fn count_captures(fields: &Fields<'_>, table: &mut Table, problems: &mut Problems) {
    for (key, section) in [("setup", Section::Setup), ("teardown", Section::Teardown)] {
        if let Some(node) = fields.get(key) {
            table.add_captures(node, &section, problems);
        }
    }
    let Some(Content::List(flows)) = fields.get("flows").map(|node| &node.value) else {
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
pub(super) fn steps_or_none(
    node: &Node,
    http: &HttpOptions,
    compiler: &mut Compiler<'_>,
) -> Vec<Step> {
    match &node.value {
        Content::List(items) if items.is_empty() => Vec::new(),
        _ => step::steps(node, http.timeouts, compiler),
    }
}

/// Reads `flows:`.
pub(super) fn flows(
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
        Some(node) if matches!(&node.value, Content::Scalar(scalar) if scalar.text == "0") => {
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
