//! Thresholds on flows that the command line leaves out.

use url::Url;

use super::compile::workload_of;
use super::threshold::resolve;
use crate::scenario::Scenario;

/// Removes the thresholds that only flows that are left out could satisfy or fail, and tells each as a change. One that
/// is wrong in the whole scenario too stays, so that its error is reported.
pub fn leave_out_unmeasured(scenario: &mut Scenario, target: &Url) {
    if scenario.left_out.is_empty() {
        return;
    }
    let part = workload_of(scenario, target);
    let mut whole = scenario.clone();
    whole.flows.append(&mut whole.left_out);
    let whole = workload_of(&whole, target);
    let Scenario {
        thresholds,
        overridden,
        target,
        ..
    } = scenario;
    thresholds.retain(|threshold| {
        let is_of_others = resolve::resolve(threshold, &part, target).is_err()
            && resolve::resolve(threshold, &whole, target).is_ok();
        if is_of_others {
            let expression = threshold.expression.trim();
            overridden.push(format!(
                "{expression} left out: no flow that runs is measured by it"
            ));
        }
        !is_of_others
    });
}
