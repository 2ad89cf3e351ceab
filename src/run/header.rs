//! Builds `run.json`: what is known before the first request.

use std::path::Path;
use std::process::{Command, Stdio};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::plan::{CheckEntry, Plan, Series, Threshold};
use crate::probe;
use crate::record::RunHeader;
use crate::record::journal::SCHEMA;
use crate::scenario::{KeptMetric, Scenario, Target};

/// The header for a run of `plan` that starts at `now`.
pub fn header(scenario: &Scenario, plan: &Plan, run_id: String, now: DateTime<Utc>) -> RunHeader {
    // Names come from the file and stay readable even if they look like a secret; values from the environment and the
    // command line are redacted.
    let hide = |text: &str| scenario.mask.known(text);
    let workload = &plan.workload;
    let series = workload.series.iter().map(|series| Series {
        name: hide(&series.name),
        ..series.clone()
    });
    let checks = workload.checks.iter().map(|check| CheckEntry {
        name: hide(&check.name),
        step: hide(&check.step),
        ..check.clone()
    });
    let thresholds = plan.thresholds.iter().map(|threshold| Threshold {
        expression: hide(&threshold.expression),
        ..threshold.clone()
    });
    let kept = plan.monitor.metrics().into_iter().map(|kept| KeptMetric {
        selector: hide(&kept.selector),
        ..kept
    });
    RunHeader {
        schema: SCHEMA.to_owned(),
        gander: env!("CARGO_PKG_VERSION").to_owned(),
        run_id,
        scenario: scenario.name.clone(),
        kind: scenario.kind,
        description: scenario.description.as_deref().map(hide),
        scenario_path: scenario.source.texts.path().display().to_string(),
        scenario_sha256: scenario.source.sha256.clone(),
        workload_hash: Some(plan.workload_hash.clone()),
        plan_hash: plan.hash.clone(),
        seed: workload.seed,
        segment: workload.segment,
        target: hide(workload.target.as_str()),
        target_is_bundled: scenario.target == Target::Bundled,
        target_command: match &scenario.target {
            Target::Command(command) => Some(scenario.mask.text(&command.to_string())),
            Target::Bundled | Target::Url(_) => None,
        },
        is_searched: plan.search.is_some(),
        model: workload.loads.model(),
        load: workload.loads.to_string(),
        stages: workload.loads.stage_marks(),
        planned_duration: workload.loads.duration().map(Into::into),
        planned_iterations: workload.planned_iterations(),
        warm_up: workload.warm_up.into(),
        pacing: workload.pacing().map(Into::into),
        peak_users: workload.loads.peak_users(),
        metrics: workload.metrics.clone(),
        custom_metrics: workload.custom_metrics.clone(),
        kept_metrics: kept.collect(),
        series: series.collect(),
        checks: checks.collect(),
        thresholds: thresholds.collect(),
        trace_url: scenario.trace_url.as_deref().map(hide),
        overrides: scenario.overridden.clone(),
        machine: probe::machine(),
        git_commit: git_commit(scenario.source.texts.path()),
        baseline: None,
        started_at: written(now),
    }
}

/// A moment in the header's format.
pub(super) fn written(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A run's id: it sorts by time, contains the scenario's name, and is unique even within one second.
pub fn run_id(name: &str, now: DateTime<Utc>) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(40)
        .collect();
    let suffix =
        (u64::from(now.timestamp_subsec_nanos()) ^ u64::from(std::process::id()) << 8) & 0xffff;
    format!("{}-{name}-{suffix:04x}", now.format("%Y%m%dT%H%M%SZ"))
}

/// The current commit of the scenario's repository; `None` outside a repository or without git.
fn git_commit(scenario: &Path) -> Option<String> {
    let folder = scenario
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let answer = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["rev-parse", "HEAD"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let commit = String::from_utf8(answer.stdout).ok()?.trim().to_owned();
    (answer.status.success() && commit.len() >= 40).then_some(commit)
}
