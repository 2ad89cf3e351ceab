//! Whether two sides can be compared: what differs between them besides the figures.

use std::collections::BTreeSet;

use crate::exit::Exit;
use crate::plan::schedule::Model;
use crate::units::{show_percent, show_rate};
use crate::verdict::Conclusion;

use super::facts::RunFacts;

/// The smallest part of the offered load that must have started, and the largest relative difference of the rates.
const LOAD_TOLERANCE: f64 = 0.01;

/// Steal from which a run is told to have been disturbed.
const STOLEN: f64 = 0.02;

/// What differs between the sides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    /// Every difference and disturbance, also those without consequences.
    pub differences: Vec<Difference>,
    /// The reason why the sides cannot be compared, with the exit code.
    pub void: Option<(Exit, String)>,
}

/// A difference between the sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The condition: `machine`.
    pub condition: &'static str,
    /// Its state on side A.
    pub a: String,
    /// Its state on side B.
    pub b: String,
}

impl Conditions {
    /// Checks both sides; workloads may differ if the comparison is about such a change.
    pub fn check(a: &[&RunFacts], b: &[&RunFacts], may_workloads_differ: bool) -> Self {
        let mut found = Self::default();
        for run in a.iter().chain(b) {
            found.refuse_run(run);
        }
        found.refuse_failed(a);
        let is_same_work = found.tell("workload", a, b, |run| {
            run.workload_hash.as_ref().map_or_else(
                || "unknown".to_owned(),
                |hash| {
                    // A load that was changed by hand says so after its hash.
                    let (hash, change) = hash.split_at(hash.find(',').unwrap_or(hash.len()));
                    format!("{}{change}", hash.chars().take(12).collect::<String>())
                },
            )
        });
        if !is_same_work && !may_workloads_differ {
            found.refuse(
                "the workloads differ: the sides did not send the same requests in the same way"
                    .to_owned(),
            );
        }
        found.compare_load(a, b);
        found.tell("target", a, b, |run| run.target.clone());
        let all = || a.iter().chain(b);
        let is_common = |change: &String| all().all(|run| run.changes.contains(change));
        found.tell("changes", a, b, |run| {
            let own = run.changes.iter().filter(|change| !is_common(change));
            let own: Vec<&str> = own.map(String::as_str).collect();
            match &own[..] {
                [] => "none".to_owned(),
                changes => changes.join(", "),
            }
        });
        found.tell("commit", a, b, |run| match &run.git_commit {
            Some(commit) => commit.chars().take(12).collect(),
            None => "unknown".to_owned(),
        });
        found.tell("Gander", a, b, |run| run.gander.clone());
        found.tell("machine", a, b, |run| {
            let machine = &run.machine;
            format!(
                "{}, {} cores, {}, {}",
                machine.cpu,
                machine.cores,
                crate::units::ByteSize(machine.memory_bytes),
                machine.kernel
            )
        });
        found.tell("generator", a, b, |run| {
            if run.stolen >= STOLEN {
                format!("{} of the CPU time stolen", show_percent(run.stolen))
            } else {
                "undisturbed".to_owned()
            }
        });
        found
    }

    /// Refuses a run that is no measurement.
    fn refuse_run(&mut self, run: &RunFacts) {
        let id = &run.run_id;
        if run.verdict == Conclusion::Invalid {
            let reason = format!("run {id} is INVALID: {}", run.reason);
            self.void = Some((Exit::MeasurementInvalid, reason));
        } else if !run.is_whole {
            self.refuse(format!("run {id} did not end as planned: {}", run.reason));
        } else if run.requests == 0 {
            self.refuse(format!("run {id} has no requests in its measured time"));
        } else if let Some(achieved) = run.achieved().filter(|part| *part < 1.0 - LOAD_TOLERANCE) {
            self.refuse(format!(
                "run {id} started {} of the offered iterations only ({} of {}), at least 99 % are needed: its times are \
                 those of a smaller load",
                show_percent(achieved),
                run.started,
                run.offered
            ));
        }
    }

    /// Refuses a side A in which every request of a run failed. On side B that is a result: it is worse.
    fn refuse_failed(&mut self, a: &[&RunFacts]) {
        let mut runs = a.iter();
        if let Some(run) = runs.find(|run| run.requests > 0 && run.failed == run.requests) {
            self.refuse(format!("every request of run {} failed", run.run_id));
        }
    }

    /// Refuses open loads at different rates.
    fn compare_load(&mut self, a: &[&RunFacts], b: &[&RunFacts]) {
        let rate = |runs: &[&RunFacts]| {
            let open = runs.iter().filter(|run| run.model == Model::Open);
            let rates: Vec<f64> = open.filter_map(|run| run.offered_rate()).collect();
            crate::stats::mean(&rates)
        };
        let (Some(rate_a), Some(rate_b)) = (rate(a), rate(b)) else {
            return;
        };
        // One iteration more or less at the ends of a run is no difference, nor is exactly 1 %, however it rounds.
        let runs = a.iter().chain(b);
        let fewest = runs.map(|run| run.offered).min().unwrap_or(0).max(1);
        let allowed = LOAD_TOLERANCE + 1.0 / fewest as f64 + 1e-9;
        if (rate_b / rate_a - 1.0).abs() > allowed {
            self.differences.push(Difference {
                condition: "offered load",
                a: show_rate(rate_a),
                b: show_rate(rate_b),
            });
            self.refuse(format!(
                "the offered loads differ by more than 1 %: {} on side A, {} on side B",
                show_rate(rate_a),
                show_rate(rate_b)
            ));
        }
    }

    /// The first reason counts, except that an invalid measurement counts more.
    fn refuse(&mut self, reason: String) {
        self.void.get_or_insert((Exit::Inconclusive, reason));
    }

    /// Tells a condition if it differs; returns true if it does not.
    fn tell(
        &mut self,
        condition: &'static str,
        a: &[&RunFacts],
        b: &[&RunFacts],
        state: impl Fn(&RunFacts) -> String,
    ) -> bool {
        let states = |runs: &[&RunFacts]| runs.iter().map(|run| state(run)).collect();
        let (a, b): (BTreeSet<String>, BTreeSet<String>) = (states(a), states(b));
        let is_same = a == b && a.len() <= 1;
        if !is_same {
            let joined =
                |states: BTreeSet<String>| states.into_iter().collect::<Vec<_>>().join("; ");
            self.differences.push(Difference {
                condition,
                a: joined(a),
                b: joined(b),
            });
        }
        is_same
    }
}
