//! The loads of a scenario: the shared one, those of flows, and the search for the capacity.

use super::threshold::resolve;
use super::{LoadProfile, Loads, SearchPlan, Workload};
use crate::scenario::{self, Diagnostic, LoadModel, Scenario};

/// The search for the capacity, if a load is one.
pub(super) fn search_of(
    scenario: &Scenario,
    workload: &Workload,
    problems: &mut Vec<Diagnostic>,
) -> Option<SearchPlan> {
    let (index, search) = scenario.loads().enumerate().find_map(|(index, load)| {
        let LoadModel::Search(search) = &load.model else {
            return None;
        };
        Some((index, search))
    })?;
    if scenario.loads().count() > 1 {
        let message = "a search for the capacity needs the target for itself, but another flow has a load of its own";
        let hint = "let the flows share the load of the search by weight";
        problems.push(Diagnostic::new(None, message).with_hint(hint));
    }
    if scenario.warm_up >= search.max_duration {
        let message = "the warm-up is as long as the search may last: nothing would be measured";
        problems.push(Diagnostic::new(None, message));
    }
    let mut plan = SearchPlan::of(index, search);
    for entry in &search.rules {
        match resolve::resolve(entry, workload, &scenario.target) {
            Ok(rule) => plan.rules.push(rule),
            Err(error) => {
                problems.push(error.in_file(&entry.expression, entry.span, entry.start));
            }
        }
    }
    Some(plan)
}

/// The loads: the shared one, then those of flows.
pub(super) fn loads(scenario: &Scenario) -> Loads {
    let flows = || scenario.flows.iter().enumerate();
    let sharing = flows().filter(|(_, flow)| flow.load.is_none());
    let sharing: Vec<usize> = sharing.map(|(index, _)| index).collect();
    let shared = scenario.load.as_ref();
    let shared = shared
        .map(|load| LoadProfile::of(load, None, sharing))
        .into_iter();
    let own = flows().filter_map(|(index, flow)| {
        let load = flow.load.as_ref()?;
        Some(LoadProfile::of(load, Some(flow.name.clone()), vec![index]))
    });
    Loads::new(shared.chain(own))
}

/// True if iterations of a flow start when its users are free.
pub(super) fn is_closed(scenario: &Scenario, flow: &scenario::Flow) -> bool {
    let load = flow.load.as_ref().or(scenario.load.as_ref());
    load.is_none_or(|load| !matches!(load.model, LoadModel::Arrivals { .. }))
}
