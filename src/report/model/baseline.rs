//! Compares a run with the baseline in its header.

use crate::compare::{
    Baseline, Change, Comparison, Gate, GateLimit, Options, Profile, Row, Worse, compare,
};
use crate::exit::Exit;
use crate::plan::Threshold;
use crate::record::journal::BaselineRecord;
use crate::record::{RunHeader, Standing};
use crate::report::text::clean;
use crate::scenario::{Comparator, Severity};
use crate::verdict::{BaselineResult, Judged};

/// True if the run is to be compared with a baseline.
pub(super) fn is_wanted(header: &RunHeader) -> bool {
    header.baseline.is_some()
}

/// The comparison and what it means for the run.
pub(super) fn judge(header: &RunHeader, run: &Profile) -> (Option<Comparison>, BaselineResult) {
    let Some(record) = &header.baseline else {
        return (None, BaselineResult::default());
    };
    let file = clean(&record.file);
    let Some(content) = &record.content else {
        let reason = format!(
            "there is no baseline {file} yet: make it with `gander baseline add` from this run"
        );
        return (None, missing(header, record, reason));
    };
    let baseline = match Baseline::from_json(content.clone()) {
        Ok(baseline) => baseline,
        Err(error) => return (None, missing(header, record, format!("{file}: {error}"))),
    };
    let (alike, left_out) = baseline.comparable_with(&run.facts);
    if alike.is_empty() {
        let reason = format!(
            "the baseline {file} has no run to compare with: {left_out} runs are of another workload or another machine"
        );
        return (None, missing(header, record, reason));
    }
    let rules: Vec<(usize, &Threshold, String)> = header
        .thresholds
        .iter()
        .enumerate()
        .filter_map(|(index, threshold)| Some((index, threshold, threshold.baseline_figure()?)))
        .collect();
    let options = Options {
        gates: rules
            .iter()
            .map(|(_, threshold, figure)| gate(threshold, figure))
            .collect(),
        noise: baseline.noise,
        ..Options::default()
    };
    let comparison = compare(&alike, std::slice::from_ref(run), &options);
    let settled = |(index, threshold, figure): &(usize, &Threshold, String)| {
        let limit = gate(threshold, figure).limit.map(|limit| limit.change);
        let mut rows = comparison.gates.iter();
        let row = rows.find(|row| row.figure.name == *figure && Some(row.limit) == limit);
        (*index, judged(row, &comparison, run))
    };
    let result = BaselineResult {
        thresholds: rules.iter().map(settled).collect(),
        finding: Some((comparison.answer.exit(), format!("against the baseline: {}", comparison.reason))),
        warning: (left_out > 0).then(|| {
            format!(
                "{left_out} runs of the baseline are of another workload or another machine and were left out"
            )
        }),
    };
    (Some(comparison), result)
}

/// Nothing to compare with: a warning if that is allowed, else the run is inconclusive.
fn missing(header: &RunHeader, record: &BaselineRecord, reason: String) -> BaselineResult {
    let rules = header.thresholds.iter().enumerate();
    let open = rules.filter(|(_, threshold)| threshold.is_against_baseline());
    let standing = if record.may_be_missing {
        Standing::Inconclusive
    } else {
        Standing::NoData
    };
    let judged = Judged {
        standing,
        detail: Some(reason.clone()),
        ..Judged::NOTHING
    };
    let thresholds: Vec<(usize, Judged)> = open.map(|(index, _)| (index, judged.clone())).collect();
    if record.may_be_missing {
        return BaselineResult {
            // A threshold without a result warns by itself.
            warning: thresholds.is_empty().then_some(reason),
            thresholds,
            finding: None,
        };
    }
    BaselineResult {
        thresholds,
        finding: Some((Exit::Inconclusive, reason)),
        warning: None,
    }
}

/// The gate of a threshold: the direction of its comparator, and its change as the limit.
fn gate(threshold: &Threshold, figure: &str) -> Gate {
    Gate {
        figure: figure.to_owned(),
        limit: threshold.limit.fixed().map(|change| GateLimit {
            change,
            worse: match threshold.comparator {
                Comparator::Greater | Comparator::GreaterOrEqual => Worse::Less,
                Comparator::Less
                | Comparator::LessOrEqual
                | Comparator::Equal
                | Comparator::NotEqual => Worse::More,
            },
        }),
        decides: threshold.severity == Severity::Fail,
    }
}

/// The result of a threshold from its row.
fn judged(row: Option<&Row>, comparison: &Comparison, run: &Profile) -> Judged {
    if let Some((_, reason)) = &comparison.conditions.void {
        return Judged {
            detail: Some(format!("not comparable: {reason}")),
            ..Judged::NOTHING
        };
    }
    let Some(row) = row else {
        return Judged {
            detail: Some(
                "the runs of the baseline have no such figure: add runs that were made with this threshold".to_owned(),
            ),
            ..Judged::NOTHING
        };
    };
    let standing = if row.change == Change::Regressed {
        Standing::Fail
    } else if row.is_not_worse() {
        Standing::Pass
    } else {
        Standing::Inconclusive
    };
    Judged {
        standing,
        observed: row.told_change(),
        interval: row.told_bounds().map(|bounds| (bounds.low, bounds.high)),
        samples: run
            .reading(&row.figure.name)
            .map_or(0, |reading| reading.samples),
        limit: Some(row.limit),
        first_violation: None,
        detail: match standing {
            Standing::Inconclusive => Some(row.why()),
            Standing::Fail => Some(format!("changed by {}", row.told())),
            Standing::Pass | Standing::NoData => None,
        },
    }
}
