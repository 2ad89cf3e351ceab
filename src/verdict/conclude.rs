//! Derives one verdict from the state of the thresholds, the warnings and the end of the run.

use super::judge::JudgedThreshold;
use super::{Conclusion, Ending, Judge, Standing, Verdict, Warning, lost, sentence};
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::plan::Subject;
use crate::plan::threshold::{Aggregate, Metric};
use crate::record::{Capacity, LoadStarts, SearchEnd, StopReason, Totals};
use crate::scenario::Severity;
use crate::units::{show_count, show_counted, show_percent, show_rate};

/// A finding that decides the result of a run.
struct Finding {
    exit: Exit,
    conclusion: Conclusion,
    reason: String,
}

impl Finding {
    /// The conclusion for an exit code; [`Exit`] is ordered from the strongest to the weakest.
    fn new(exit: Exit, reason: String) -> Self {
        let conclusion = match exit {
            Exit::Passed => Conclusion::Pass,
            Exit::MeasurementInvalid => Conclusion::Invalid,
            Exit::Stopped => Conclusion::Interrupted,
            Exit::Regressed => Conclusion::Regressed,
            Exit::Inconclusive => Conclusion::Inconclusive,
            Exit::Internal
            | Exit::InvalidInput
            | Exit::TargetUnreachable
            | Exit::ThresholdFailed => Conclusion::Fail,
        };
        Self {
            exit,
            conclusion,
            reason,
        }
    }

    fn no_verdict(reason: String) -> Self {
        Self {
            exit: Exit::Passed,
            conclusion: Conclusion::NoVerdict,
            reason,
        }
    }

    fn no_data(reason: String) -> Self {
        Self {
            exit: Exit::ThresholdFailed,
            conclusion: Conclusion::NoData,
            reason,
        }
    }
}

impl Judge {
    /// The verdict for a run that ended like this, with these totals. The finding with the strongest exit code
    /// decides; among equal ones, the first.
    pub fn conclude(&self, totals: &Totals, ending: &Ending) -> Verdict {
        let mut warnings = self.generator.warnings(totals);
        // If the generator was slow, busy users are no evidence about the target.
        let is_invalid = warnings.iter().any(Warning::is_invalidating);
        if is_invalid {
            warnings.retain(|warning| !matches!(warning, Warning::LittlesLaw { .. }));
        } else {
            warnings.extend(self.users.warning());
        }
        warnings.extend(self.steps.warning(totals, ending));
        warnings.extend(self.broken_warnings());
        warnings.extend(
            self.baseline
                .warning
                .clone()
                .map(|sentence| Warning::Inconclusive { sentence }),
        );
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(self.of_ending(ending));
        findings.extend(unreachable(totals));
        findings.extend(invalid(&warnings));
        let early = lost::early_end(ending, totals.load().unstarted);
        let unpermitted = early.clone().filter(|_| !ending.lost.may_end_the_load);
        findings.extend(unpermitted.map(|reason| Finding::new(Exit::ThresholdFailed, reason)));
        findings.extend(self.of_thresholds());
        findings.extend(self.of_baseline());
        findings.extend(self.of_loads(ending));
        findings.extend(ending.capacity.as_ref().map(of_search));
        findings.extend(nothing_measured(totals));
        findings.extend(self.nothing_succeeded(totals));
        findings.push(self.praise(totals));
        // `min_by_key` returns the first of equal findings, and there is always at least one.
        let decisive = findings.into_iter().min_by_key(|finding| finding.exit);
        let Finding {
            exit,
            conclusion,
            reason,
        } = decisive.unwrap_or_else(|| Finding::new(Exit::Passed, String::new()));
        let reason = match early {
            Some(early) if early == reason => reason,
            Some(early) => format!("{early}; {reason}"),
            None if ending.lost.is_none() => reason,
            None => format!("{reason}; {}", lost::told(&ending.lost)),
        };
        Verdict {
            conclusion,
            exit,
            reason,
            warnings,
            thresholds: self.standings(),
        }
    }

    fn broken_warnings(&self) -> impl Iterator<Item = Warning> {
        self.rules.iter().filter_map(|rule| {
            let sentence = || sentence::of(rule);
            match (rule.judged.standing, rule.threshold.severity) {
                (Standing::Pass, _) | (Standing::Fail | Standing::NoData, Severity::Fail) => None,
                (Standing::Inconclusive, _) => Some(Warning::Inconclusive {
                    sentence: sentence(),
                }),
                (Standing::Fail | Standing::NoData, Severity::Warn) => Some(Warning::Threshold {
                    sentence: sentence(),
                }),
            }
        })
    }

    /// A load that started too few of its iterations, though all loads together started enough: the rule on started
    /// iterations also holds for each load.
    fn of_loads(&self, ending: &Ending) -> Option<Finding> {
        let rule = self.rules.iter().find_map(|rule| {
            let is_of_starts = rule.threshold.metric == Metric::Started
                && rule.threshold.aggregate == Aggregate::Ratio
                && rule.threshold.in_seconds.is_none();
            let decides = rule.threshold.severity == Severity::Fail;
            rule.threshold
                .limit
                .fixed()
                .filter(|_| is_of_starts && decides)
        })?;
        let share = |load: &LoadStarts| load.started as f64 / load.due.max(1) as f64;
        let is_short = |load: &&LoadStarts| load.due > 0 && share(load) < rule;
        let worst = ending
            .loads
            .iter()
            .filter(is_short)
            .min_by(|a, b| share(a).total_cmp(&share(b)))?;
        let load = match &worst.flow {
            Some(flow) => format!("the load of flow `{flow}`"),
            None => "the shared load".to_owned(),
        };
        let reason = format!(
            "{load} started {} of {} iterations that were due ({}); the rule is at least {}",
            show_count(worst.started),
            show_count(worst.due),
            show_percent(share(worst)),
            show_percent(rule)
        );
        Some(Finding::new(Exit::ThresholdFailed, reason))
    }

    fn of_ending(&self, ending: &Ending) -> Option<Finding> {
        if ending.panics > 0 {
            let users = if ending.panics == 1 {
                "a user".to_owned()
            } else {
                format!("{} users", ending.panics)
            };
            return Some(Finding::new(
                Exit::Internal,
                format!("{users} panicked: this is a bug in Gander"),
            ));
        }
        let (exit, reason) = match &ending.stop {
            Some(StopReason::Signal) => (Exit::Stopped, "the run was stopped by a signal before its end".to_owned()),
            Some(StopReason::Control) => {
                (Exit::Stopped, "the run was stopped by `gander ctl stop` before its end".to_owned())
            }
            Some(StopReason::SecondSignal) => {
                (Exit::Stopped, "the run was cut off by a second signal before its end".to_owned())
            }
            Some(StopReason::Threshold { threshold }) => {
                let why = self.rules.get(*threshold).map_or_else(
                    || format!("threshold {threshold} failed"),
                    |rule| match rule.judged.standing {
                        Standing::Fail => sentence::of(rule),
                        // This threshold stopped the run. Requests that were in flight then may have
                        // improved its number.
                        Standing::Pass | Standing::NoData | Standing::Inconclusive => {
                            format!("{} failed", rule.threshold.expression)
                        }
                    },
                );
                (Exit::ThresholdFailed, format!("the run was stopped early: {why}"))
            }
            Some(StopReason::Panic { message }) => (Exit::Internal, format!("a user panicked: {message}")),
            Some(StopReason::StepFailed { step }) => (
                Exit::ThresholdFailed,
                format!("the run was stopped early: step `{step}` failed, and `on_error` is `abort`"),
            ),
            Some(StopReason::ByScenario { flow }) => (
                Exit::Stopped,
                format!("the run was stopped before its end by a step `stop: run` of flow `{flow}`"),
            ),
            Some(StopReason::TargetGone { detail }) => (Exit::TargetUnreachable, format!("the target cannot be \
                reached: {detail}")),
            Some(StopReason::SetupFailed { detail }) => (Exit::ThresholdFailed, format!("setup failed: {detail}")),
            None if !ending.is_complete => (
                Exit::Stopped,
                match &ending.damage {
                    Some(damage) => format!("the journal is damaged: {damage}"),
                    None => {
                        "the journal was cut short: Gander was killed, or the disk was full, before the run ended".to_owned()
                    }
                },
            ),
            None => return None,
        };
        Some(Finding::new(exit, reason))
    }

    fn of_thresholds(&self) -> Vec<Finding> {
        let binding = |standing: Standing| {
            let rules = self
                .rules
                .iter()
                .filter(|rule| rule.threshold.severity == Severity::Fail)
                .filter(|rule| !rule.threshold.is_against_baseline());
            rules
                .filter(move |rule| rule.judged.standing == standing)
                .collect::<Vec<_>>()
        };
        let (broken, undecided) = (binding(Standing::Fail), binding(Standing::NoData));
        let count = broken.len() + undecided.len();
        let others = match count.saturating_sub(1) {
            0 => String::new(),
            1 => ", and another threshold did not pass".to_owned(),
            more => format!(", and {more} other thresholds did not pass"),
        };
        match (broken.first(), undecided.first()) {
            (Some(rule), _) => {
                let cause = self.cause(rule).unwrap_or_default();
                vec![Finding::new(
                    Exit::ThresholdFailed,
                    format!("{}{cause}{others}", sentence::of(rule)),
                )]
            }
            (None, Some(rule)) => vec![Finding::no_data(format!("{}{others}", sentence::of(rule)))],
            (None, None) => Vec::new(),
        }
    }

    /// The comparison with the baseline, or that there is none although a threshold needs it.
    fn of_baseline(&self) -> Option<Finding> {
        if let Some((exit, reason)) = &self.baseline.finding {
            let is_passed = *exit == Exit::Passed;
            return (!is_passed).then(|| Finding::new(*exit, reason.clone()));
        }
        let is_open = |rule: &&JudgedThreshold| {
            rule.threshold.is_against_baseline() && rule.judged.standing == Standing::NoData
        };
        let open = self.own_binding_rules().find(is_open)?;
        Some(Finding::new(Exit::Inconclusive, sentence::of(open)))
    }

    /// The reason why a threshold on started iterations failed, if there were too few users.
    fn cause(&self, rule: &JudgedThreshold) -> Option<String> {
        let is_about_starts = matches!(rule.threshold.metric, Metric::Started | Metric::Unstarted);
        let warning = self.users.warning().filter(|_| is_about_starts)?;
        Some(format!("; {}", warning.finding()))
    }

    /// Reports that every request failed although no threshold of the scenario covers that.
    fn nothing_succeeded(&self, totals: &Totals) -> Option<Finding> {
        let requests = self.steps.counts(totals);
        let is_asked_for = self
            .own_binding_rules()
            .any(|rule| rule.threshold.metric == Metric::Failed);
        let has_failed = requests.ended > 0 && requests.failed == requests.ended;
        (has_failed && !is_asked_for).then(|| {
            let all = match requests.ended {
                1 => "the only request".to_owned(),
                2 => "both requests".to_owned(),
                all => format!("all {}", show_counted(all, "request")),
            };
            let commonest = requests
                .outcomes
                .iter()
                .filter(|(outcome, _)| outcome.is_failure());
            let most = commonest.max_by_key(|(_, count)| **count);
            let statuses = requests.failed_statuses.iter();
            let status = statuses.max_by_key(|(_, count)| **count);
            let class = match (most, status) {
                (Some((Outcome::Status, _)), Some((status, _))) => {
                    format!(", most with status {status}")
                }
                (Some((outcome, _)), _) => format!(", most with {outcome}"),
                (None, _) => String::new(),
            };
            Finding::new(Exit::ThresholdFailed, format!("{all} failed{class}"))
        })
    }

    /// Thresholds written in the scenario that can fail it.
    fn own_binding_rules(&self) -> impl Iterator<Item = &JudgedThreshold> {
        self.rules.iter().filter(|rule| {
            rule.threshold.line.is_some() && rule.threshold.severity == Severity::Fail
        })
    }

    /// The finding for a run without errors.
    fn praise(&self, totals: &Totals) -> Finding {
        if self.own_binding_rules().next().is_none() {
            if let Some((Exit::Passed, reason)) = &self.baseline.finding {
                return Finding::new(Exit::Passed, reason.clone());
            }
            let requests = totals.counts(Subject::Requests);
            return Finding::no_verdict(format!(
                "the scenario defines no threshold that could fail; {} of {} failed",
                show_count(requests.failed),
                show_counted(requests.ended, "request")
            ));
        }
        let count = |standing: Standing| {
            let rules = self.rules.iter();
            rules
                .filter(|rule| rule.judged.standing == standing)
                .count()
        };
        let reason = match (count(Standing::Pass), count(Standing::Inconclusive)) {
            (1, 0) => "the only threshold holds".to_owned(),
            (2, 0) => "both thresholds hold".to_owned(),
            (all, 0) => format!("all {all} thresholds hold"),
            (0, 1) => "the only threshold is inconclusive".to_owned(),
            (held, undecided) => {
                let all = held + undecided;
                format!(
                    "{held} of {all} thresholds hold, and {undecided} of them stay inconclusive"
                )
            }
        };
        Finding::new(Exit::Passed, reason)
    }
}

/// With fewer failed attempts, a target that answered before the load does not count as unreachable.
const FEWEST_ATTEMPTS: u64 = 3;

/// No connection at all: the target was never reachable.
fn unreachable(totals: &Totals) -> Option<Finding> {
    let counts = totals.counts(Subject::Requests);
    let attempted = counts.ended - counts.by_outcomes(|outcome| !outcome.is_attempt());
    let unconnected = counts.unconnected();
    if attempted < FEWEST_ATTEMPTS || unconnected < attempted {
        return None;
    }
    let commonest = Outcome::ALL
        .into_iter()
        .filter(|outcome| outcome.is_unconnected())
        .max_by_key(|&outcome| counts.by_outcome(outcome))?;
    let reason = format!(
        "the target could not be reached: all {} failed, most with {commonest}",
        show_counted(attempted, "request")
    );
    Some(Finding::new(Exit::TargetUnreachable, reason))
}

fn invalid(warnings: &[Warning]) -> Option<Finding> {
    let warning = warnings.iter().find(|warning| warning.is_invalidating())?;
    let cause = warnings.iter().find(|warning| warning.is_cause());
    let cause = cause.map(|cause| format!("; {}", cause.finding()));
    Some(Finding::new(
        Exit::MeasurementInvalid,
        format!(
            "the measurement is invalid: {}{}",
            warning.finding(),
            cause.unwrap_or_default()
        ),
    ))
}

/// The result of a search for the capacity.
fn of_search(end: &SearchEnd) -> Finding {
    let told = end.result.to_string();
    let exit = match &end.result {
        Capacity::Generator { .. } => Exit::MeasurementInvalid,
        Capacity::Stopped { .. } | Capacity::OutOfTime { .. } => Exit::Inconclusive,
        Capacity::NothingHeld { .. } => Exit::ThresholdFailed,
        Capacity::Found { .. } | Capacity::AtLeast { .. } => Exit::Passed,
    };
    match (end.at_least, end.result.holds()) {
        (Some(at_least), Some(holds)) if exit == Exit::Passed && holds < at_least => {
            let wanted = show_rate(at_least);
            Finding::new(
                Exit::ThresholdFailed,
                format!("{told}; at least {wanted} is needed"),
            )
        }
        _ => Finding::new(exit, told),
    }
}

fn nothing_measured(totals: &Totals) -> Option<Finding> {
    let is_empty = totals.counts(Subject::Requests).ended == 0;
    is_empty.then(|| Finding::no_data("no request ended in the measured time".to_owned()))
}
