//! The maximum length and number of samples of a run: a threshold that needs more can never be judged.

use std::time::Duration;

use super::{Metric, Threshold};
use crate::plan::workload::recordings;
use crate::plan::{CheckId, LoadProfile, MeasuredRequest, Schedule, SeriesId, Workload};
use crate::scenario::program::visit;
use crate::scenario::{Action, ArrivalLaw, Recording, Step, Window};
use crate::units::{Micros, show_duration};

/// Refuses a window or an abort time longer than the run.
pub(super) fn refuse_too_long(threshold: &Threshold, workload: &Workload) -> Result<(), String> {
    let (word, window) = match threshold.window {
        Window::Total => ("", None),
        Window::Rolling(length) => ("rolling", Some(length)),
        Window::Sustained(length) => ("sustained", Some(length)),
    };
    if window.is_some_and(|length| length.is_zero()) {
        return Err(format!("a {word} window must be longer than 0"));
    }
    let Some(run) = workload.loads.duration() else {
        return Ok(());
    };
    let measured = measured(threshold, run, workload);
    if let Some(length) = window.filter(|length| *length > measured) {
        let (length, measured) = (show_duration(length), show_duration(measured));
        return Err(format!(
            "a {word} window of {length} never fills: only {measured} of the run are judged"
        ));
    }
    match threshold.abort_after {
        Some(after) if after >= run => {
            let (after, run) = (show_duration(after), show_duration(run));
            Err(format!(
                "an abort after {after} never comes: the run lasts {run}"
            ))
        }
        _ => Ok(()),
    }
}

/// The length of the part of the run that a threshold covers.
fn measured(threshold: &Threshold, run: Duration, workload: &Workload) -> Duration {
    let (begin, end) = (Micros::from(workload.warm_up), Micros::from(run));
    if threshold.during.is_empty() {
        return end.saturating_sub(begin).as_duration();
    }
    let each = threshold.during.iter().map(|period| {
        let to = period.to.unwrap_or(end);
        to.saturating_sub(period.from.max(begin))
    });
    each.fold(Micros::ZERO, |sum, length| sum + length)
        .as_duration()
}

/// Refuses stages with a gap between them where the threshold needs consecutive ones.
pub(super) fn refuse_gaps(threshold: &Threshold) -> Result<(), String> {
    let needs = match (threshold.window, threshold.metric) {
        (Window::Rolling(_) | Window::Sustained(_), _) => "a window",
        (Window::Total, Metric::Started) => "`started`",
        (Window::Total, _) => return Ok(()),
    };
    let has_gap = threshold
        .during
        .windows(2)
        .any(|pair| pair[0].to != Some(pair[1].from));
    if has_gap {
        return Err(format!(
            "{needs} needs consecutive stages, but there are others between the selected ones"
        ));
    }
    Ok(())
}

/// Refuses a minimum of samples that the plan can never reach.
pub(super) fn refuse_too_few(threshold: &Threshold, workload: &Workload) -> Result<(), String> {
    if threshold.min_samples <= 1 {
        return Ok(());
    }
    let most = match threshold.in_seconds {
        Some(_) => most_seconds(workload),
        None => most_samples(threshold, workload),
    };
    match most {
        Some(most) if most < threshold.min_samples => {
            let asked = threshold.min_samples;
            Err(format!(
                "min_samples of {asked} is never reached: this run gives at most {most} samples"
            ))
        }
        _ => Ok(()),
    }
}

/// The maximum number of measured seconds; `None` if the plan does not limit it.
fn most_seconds(workload: &Workload) -> Option<u64> {
    let measured = workload.loads.duration()?.saturating_sub(workload.warm_up);
    Some(measured.as_millis().div_ceil(1_000) as u64)
}

/// The maximum number of iterations of a load; `None` if it is not limited.
fn of_load(load: &LoadProfile, workload: &Workload) -> Option<u64> {
    match &load.schedule {
        // An upper bound; drawing all arrivals takes time in proportion to their number.
        Schedule::Arrivals {
            curve,
            law: ArrivalLaw::Poisson,
            ..
        } => {
            let mean = curve.area(curve.duration());
            Some((mean + 10.0 * mean.sqrt() + 10.0).ceil() as u64)
        }
        Schedule::Arrivals { .. } | Schedule::Users(_) | Schedule::Iterations { .. } => {
            load.planned_iterations(workload.seed, workload.segment)
        }
    }
}

/// The maximum number of samples of a threshold; `None` if the plan does not limit it.
fn most_samples(threshold: &Threshold, workload: &Workload) -> Option<u64> {
    let iterations = || {
        let mut each = workload.loads.iter().map(|load| of_load(load, workload));
        each.try_fold(0, |sum: u64, most| Some(sum.saturating_add(most?)))
    };
    let users = u64::from(workload.loads.peak_users());
    let most = |count: &dyn Fn(&[Step<MeasuredRequest>]) -> Option<u64>| {
        let (mut an_iteration, mut once) = (0, 0_u64);
        for flow in &workload.flows {
            an_iteration = count(&flow.steps)?.max(an_iteration);
            for block in [&flow.start, &flow.stop] {
                once = once.saturating_add(count(block)?.saturating_mul(users));
            }
        }
        Some(
            iterations()?
                .saturating_mul(an_iteration)
                .saturating_add(once),
        )
    };
    match threshold.metric {
        // A redirect may open another connection, and a header may have several entries.
        // So may a scrape.
        Metric::Connect
        | Metric::Tls
        | Metric::ServerTiming
        | Metric::KeptValue
        | Metric::KeptSeconds
        | Metric::KeptBytes
        | Metric::KeptRate
        | Metric::KeptQuotient => None,
        Metric::CustomTrend | Metric::CustomCounter | Metric::CustomGauge | Metric::CustomRate => {
            most(&|steps| count_in(steps, &|action| recorded(action, threshold, workload)))
        }
        Metric::Checks => {
            let is_selected =
                |id: &CheckId| threshold.checks.is_empty() || threshold.checks.contains(id);
            most(&|steps| {
                count_in(steps, &|action| {
                    let checks = action
                        .request()
                        .into_iter()
                        .flat_map(|request| &request.checks);
                    checks.filter(|id| is_selected(id)).count() as u64
                })
            })
        }
        Metric::ActiveUsers
        | Metric::GeneratorCpu
        | Metric::GeneratorRss
        | Metric::TargetCpu
        | Metric::TargetRss
        | Metric::TargetWork => most_seconds(workload),
        Metric::ResponseTime
        | Metric::ServiceTime
        | Metric::Ttfb
        | Metric::Requests
        | Metric::Failed
        | Metric::BytesIn
        | Metric::BytesOut => {
            let is_selected =
                |id: &SeriesId| threshold.series.is_empty() || threshold.series.contains(id);
            let count = |action: &Action<MeasuredRequest>| {
                u64::from(
                    action
                        .request()
                        .is_some_and(|request| is_selected(&request.series)),
                )
            };
            most(&|steps| count_in(steps, &count))
        }
        Metric::GroupTime | Metric::Groups | Metric::FailedGroups => {
            let is_selected =
                |id: &SeriesId| threshold.series.is_empty() || threshold.series.contains(id);
            let count = |action: &Action<MeasuredRequest>| {
                let Action::Group(group) = action else {
                    return 0;
                };
                u64::from(group.series.is_some_and(|id| is_selected(&SeriesId(id))))
            };
            most(&|steps| count_in(steps, &count))
        }
        Metric::StartLag
        | Metric::IterationTime
        | Metric::Iterations
        | Metric::FailedIterations
        | Metric::Unstarted
        | Metric::Started => iterations(),
    }
}

/// The number of values that a step records into the metric of a threshold.
fn recorded(action: &Action<MeasuredRequest>, threshold: &Threshold, workload: &Workload) -> u64 {
    let is_selected = |recording: &&Recording| {
        let name = &workload.custom_metrics[recording.metric].name;
        threshold.values.as_ref() == Some(name)
    };
    recordings(action).iter().filter(is_selected).count() as u64
}

/// The sum of `count` over the steps, multiplied by their repetitions.
/// `None` if the plan does not limit them.
fn count_in(
    steps: &[Step<MeasuredRequest>],
    count: &dyn Fn(&Action<MeasuredRequest>) -> u64,
) -> Option<u64> {
    visit(steps).into_iter().try_fold(0, |sum: u64, visit| {
        let each = match count(&visit.step.action) {
            0 => 0,
            counted => {
                let most = visit.most?.saturating_mul(visit.step.action.most_sent());
                most.saturating_mul(counted)
            }
        };
        Some(sum.saturating_add(each))
    })
}
