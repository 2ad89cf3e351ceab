//! Applies the options that run a part of the scenario, once it is read.

use std::collections::BTreeSet;

use super::Overrides;
use crate::format::Problems;
use crate::scenario::program::requests;
use crate::scenario::{Flow, Judging, Scenario};
use crate::source::{brief, did_you_mean, listed, nearest};

/// Keeps the selected parts. Flows that are left out stay in [`Scenario::left_out`], so that thresholds on them are
/// known.
pub(super) fn select(scenario: &mut Scenario, overrides: &Overrides, problems: &mut Problems) {
    if overrides.without_setup {
        scenario.setup.clear();
        scenario.teardown.clear();
        scenario
            .overridden
            .push("setup and teardown left out".to_owned());
    }
    if overrides.without_thresholds {
        scenario.thresholds.clear();
        scenario.judging = Judging::Nothing;
        scenario.overridden.push("thresholds left out".to_owned());
    }
    if overrides.flows.is_empty() && overrides.only.is_empty() {
        return;
    }
    let before = problems.count();
    check_flows(scenario, overrides, problems);
    check_tags(scenario, overrides, problems);
    if problems.count() > before {
        return;
    }
    let is_named = |flow: &Flow| overrides.flows.is_empty() || overrides.flows.contains(&flow.name);
    let is_tagged = |flow: &Flow| {
        overrides.only.is_empty() || overrides.only.iter().any(|tag| has_tag(flow, tag))
    };
    let flows = std::mem::take(&mut scenario.flows);
    let (kept, left_out): (Vec<Flow>, Vec<Flow>) = flows
        .into_iter()
        .partition(|flow| is_named(flow) && is_tagged(flow));
    if kept.is_empty() {
        problems.report_nowhere(
            "no flow of --flow has a step with a tag of --only, so nothing is left to run",
            Some("a flow runs if it satisfies both options".to_owned()),
        );
        return;
    }
    let names = |flows: &[Flow]| {
        let names: Vec<&str> = flows.iter().map(|flow| &*flow.name).collect();
        names.join(", ")
    };
    let told = &mut scenario.overridden;
    told.push(format!("flows = {}", names(&kept)));
    if !left_out.is_empty() {
        told.push(format!("flows left out: {}", names(&left_out)));
    }
    if kept.iter().all(|flow| flow.load.is_some()) {
        scenario.load = None;
    }
    scenario.flows = kept;
    scenario.left_out = left_out;
}

fn check_flows(scenario: &Scenario, overrides: &Overrides, problems: &mut Problems) {
    let names: Vec<&str> = scenario.flows.iter().map(|flow| &*flow.name).collect();
    for name in &overrides.flows {
        if names.contains(&name.as_str()) {
            continue;
        }
        let hint = nearest(name, names.iter().copied())
            .map_or_else(|| format!("the flows are {}", listed(&names)), did_you_mean);
        let message = format!("--flow: the file has no flow `{}`", brief(name));
        problems.report_nowhere(message, Some(hint));
    }
}

fn check_tags(scenario: &Scenario, overrides: &Overrides, problems: &mut Problems) {
    let tags: BTreeSet<String> = scenario
        .flows
        .iter()
        .flat_map(|flow| tags(flow).map(|(name, value)| format!("{name}={value}")))
        .collect();
    for (name, value) in &overrides.only {
        let wanted = format!("{name}={value}");
        if tags.contains(&wanted) {
            continue;
        }
        let hint = match nearest(&wanted, tags.iter().map(String::as_str)) {
            Some(near) => did_you_mean(near),
            None if tags.is_empty() => "give steps tags: `tags: { area: catalogue }`".to_owned(),
            None => {
                let tags: Vec<&str> = tags.iter().map(String::as_str).take(12).collect();
                format!("there is {}", listed(&tags))
            }
        };
        let message = format!("--only: no step has the tag `{}`", brief(&wanted));
        problems.report_nowhere(message, Some(hint));
    }
}

/// The tags of every request of a flow.
fn tags(flow: &Flow) -> impl Iterator<Item = (&String, &String)> {
    let blocks = flow.blocks().into_iter();
    blocks.flat_map(|block| requests(block).flat_map(|(request, _)| &request.tags))
}

fn has_tag(flow: &Flow, (name, value): &(String, String)) -> bool {
    tags(flow).any(|tag| tag == (name, value))
}
