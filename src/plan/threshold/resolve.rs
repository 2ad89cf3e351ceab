//! Resolves an expression to a threshold of this workload: selectors become numbers; an expression that can never be judged
//! is refused.

use super::bounds::{refuse_gaps, refuse_too_few, refuse_too_long};
use super::stages::periods;
use super::values;
use super::{
    Aggregate, Key, Limit, Matcher, Measure, Metric, RuleLimit, Selection, Threshold, Unit,
};
use crate::expr::ExprError;
use crate::plan::schedule::Model;
use crate::plan::{CheckId, Series, SeriesId, Subject, Workload};
use crate::scenario::{Comparator, Feed, Severity, Target, ThresholdEntry, WhenUsedUp, Window};
use crate::source::{did_you_mean, nearest};

/// Resolves an entry for a workload.
pub(in crate::plan) fn resolve(
    entry: &ThresholdEntry,
    workload: &Workload,
    target: &Target,
) -> Result<Threshold, ExprError> {
    let rule = &entry.parsed;
    let selection = |measure: &Measure| {
        refuse_unmeasured(measure, workload, target)?;
        let during = periods(measure, workload)?;
        let values = values::of(measure)?;
        let (series, checks) = select(measure, workload)?;
        Ok(Selection {
            aggregate: measure.aggregate,
            metric: measure.metric,
            values,
            series,
            checks,
            during,
            statuses: statuses(measure)?,
        })
    };
    let left = selection(&rule.measure)?;
    let threshold = Threshold {
        expression: entry.expression.trim().to_owned(),
        aggregate: left.aggregate,
        metric: left.metric,
        values: left.values,
        series: left.series,
        checks: left.checks,
        during: left.during,
        statuses: left.statuses,
        in_seconds: rule.in_seconds,
        comparator: rule.comparator,
        limit: match &rule.limit {
            RuleLimit::Value(value) => Limit::Value(*value),
            RuleLimit::Baseline { change } => Limit::Baseline { change: *change },
            RuleLimit::Times { factor, measure } => Limit::Times {
                factor: *factor,
                of: selection(measure)?,
            },
        },
        unit: rule.unit,
        window: entry.window,
        min_samples: entry.min_samples,
        abort_after: entry.abort_after,
        severity: entry.severity,
        line: (entry.span.line > 0).then_some(entry.span.line),
    };
    let whole = |message| ExprError {
        offset: 0,
        length: entry.expression.chars().count().max(1),
        message,
        hint: None,
    };
    refuse_gaps(&threshold).map_err(whole)?;
    refuse_too_long(&threshold, workload).map_err(whole)?;
    refuse_too_few(&threshold, workload).map_err(whole)?;
    Ok(threshold)
}

/// The built-in thresholds, which apply unless the scenario judges the same metric: due iterations start, and started
/// iterations complete.
pub(in crate::plan) fn built_in(written: &[Threshold], workload: &Workload) -> Vec<Threshold> {
    let is_judged = |metric| {
        let mut rules = written.iter().filter(|rule| rule.in_seconds.is_none());
        rules.any(|rule| rule.metric == metric)
    };
    // If the load may end when the rows are used up, iterations may stay unstarted.
    let may_end = |feed: &Feed| feed.when_used_up == WhenUsedUp::End;
    let is_planned = workload.loads.ask_for_iterations() && !workload.feeds.iter().any(may_end);
    let mut rules = Vec::new();
    if is_planned && !is_judged(Metric::Started) {
        let expression = "ratio(started) >= 99%";
        let comparator = Comparator::GreaterOrEqual;
        rules.push(ratio(expression, Metric::Started, comparator, 0.99));
    }
    if !is_judged(Metric::FailedIterations) {
        let expression = "ratio(failed_iterations) < 5%";
        let comparator = Comparator::Less;
        rules.push(ratio(
            expression,
            Metric::FailedIterations,
            comparator,
            0.05,
        ));
    }
    rules
}

fn ratio(expression: &str, metric: Metric, comparator: Comparator, limit: f64) -> Threshold {
    Threshold {
        expression: expression.to_owned(),
        aggregate: Aggregate::Ratio,
        metric,
        values: None,
        series: Vec::new(),
        checks: Vec::new(),
        during: Vec::new(),
        statuses: Vec::new(),
        in_seconds: None,
        comparator,
        limit: Limit::Value(limit),
        unit: Unit::Ratio,
        window: Window::Total,
        min_samples: 0,
        abort_after: None,
        severity: Severity::Fail,
        line: None,
    }
}

/// The statuses that a measure selects, as ranges; empty if it does not select by status.
fn statuses(measure: &Measure) -> Result<Vec<(u16, u16)>, ExprError> {
    let matchers: Vec<&Matcher> = measure
        .matchers
        .iter()
        .filter(|matcher| matcher.key == Key::Status)
        .collect();
    let Some(first) = matchers.first() else {
        return Ok(Vec::new());
    };
    let has_statuses = matches!(measure.metric, Metric::Requests | Metric::Failed);
    if !has_statuses {
        let (offset, length) = first.key_at;
        let metric = measure.name();
        return Err(ExprError {
            offset,
            length,
            message: format!(
                "`{metric}` cannot be selected by status: only requests are counted by it"
            ),
            hint: Some(
                "use `count(requests{status=\"503\"})` or `ratio(failed{status=~\"5..\"})`"
                    .to_owned(),
            ),
        });
    }
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for status in 100..=999_u16 {
        let text = status.to_string();
        if !matchers.iter().all(|matcher| matcher.accepts(&text)) {
            continue;
        }
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == status => *end = status,
            Some(_) | None => ranges.push((status, status)),
        }
    }
    if ranges.is_empty() {
        let (offset, length) = first.value_at;
        return Err(ExprError {
            offset,
            length: length.max(1),
            message: format!("no status matches `{}`", first.value),
            hint: Some(
                "a status has three digits: `status=\"503\"`, or `status=~\"5..\"` for a class"
                    .to_owned(),
            ),
        });
    }
    Ok(ranges)
}

/// Refuses a metric that has no samples in this plan, or that is meaningless for it.
fn refuse_unmeasured(
    measure: &Measure,
    workload: &Workload,
    target: &Target,
) -> Result<(), ExprError> {
    let (is_measured, message, hint) = match measure.metric {
        Metric::Unstarted | Metric::Started => (
            workload.loads.ask_for_iterations(),
            "in this load users start an iteration when they are free, so none is ever due and not started",
            Some("give the load a `rate` (open model), or use `count(iterations)`"),
        ),
        Metric::StartLag => (
            workload.loads.model() == Model::Open || workload.pacing().is_some(),
            "in this load users start an iteration when they are free, so none ever starts late",
            Some("give the load a `rate` (open model), or set `pacing`"),
        ),
        Metric::Checks => (
            !workload.checks.is_empty(),
            "the scenario has no checks",
            Some("add a `check:` to a step"),
        ),
        Metric::TargetCpu | Metric::TargetRss | Metric::TargetWork => (
            matches!(target, Target::Bundled | Target::Command(_)),
            "Gander reads the CPU and the memory only of a target that it starts",
            Some("use `target: bundled` or a command, or remove this threshold"),
        ),
        Metric::GroupTime | Metric::Groups | Metric::FailedGroups => (
            workload
                .series
                .iter()
                .any(|series| series.subject == Subject::Groups),
            "the scenario has no groups",
            Some("put the steps into a `group:`"),
        ),
        Metric::ServerTiming => (
            workload.http.server_timing,
            "`server-timing` headers are not recorded",
            Some("set `http: { server_timing: true }`"),
        ),
        Metric::CustomTrend | Metric::CustomCounter | Metric::CustomGauge | Metric::CustomRate => (
            values::are_recorded(measure.name(), workload),
            "no flow records it",
            Some("add `record:` to a step"),
        ),
        Metric::Tls => (
            workload.may_use_tls(),
            "no request of this scenario uses TLS",
            None,
        ),
        Metric::ResponseTime
        | Metric::ServiceTime
        | Metric::Ttfb
        | Metric::Connect
        | Metric::IterationTime
        | Metric::Requests
        | Metric::Failed
        | Metric::Iterations
        | Metric::FailedIterations
        | Metric::BytesIn
        | Metric::BytesOut
        | Metric::ActiveUsers
        | Metric::GeneratorCpu
        | Metric::GeneratorRss
        // They are known only because the scenario keeps them.
        | Metric::KeptValue
        | Metric::KeptSeconds
        | Metric::KeptBytes
        | Metric::KeptRate
        | Metric::KeptQuotient => return Ok(()),
    };
    if is_measured {
        return Ok(());
    }
    let (offset, length) = measure.metric_at;
    Err(ExprError {
        offset,
        length,
        message: format!("`{}` can never be judged: {message}", measure.name()),
        hint: hint.map(str::to_owned),
    })
}

/// The series and the checks that the matchers select; both empty if there is no matcher.
fn select(
    measure: &Measure,
    workload: &Workload,
) -> Result<(Vec<SeriesId>, Vec<CheckId>), ExprError> {
    let matchers: Vec<Matcher> = measure
        .matchers
        .iter()
        .filter(|matcher| {
            !matches!(matcher.key, Key::Stage | Key::Status)
                && !values::is_timing_name(measure.metric, matcher)
        })
        .cloned()
        .collect();
    let matchers = matchers.as_slice();
    if matchers.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    for matcher in matchers {
        refuse_foreign_key(measure, matcher, workload)?;
    }
    let Some(subject) = measure.metric.subject() else {
        let candidates: Vec<_> = workload
            .checks
            .iter()
            .map(|check| Candidate {
                step: &check.step,
                flow: &check.flow,
                check: &check.name,
                series: None,
            })
            .collect();
        let chosen = matching(&candidates, matchers, "check")?;
        return Ok((
            Vec::new(),
            chosen
                .into_iter()
                .map(|index| CheckId(index as u32))
                .collect(),
        ));
    };
    let of_subject: Vec<(SeriesId, &Series)> = (0..)
        .map(SeriesId)
        .zip(&workload.series)
        .filter(|(_, series)| series.subject == subject)
        .collect();
    let candidates: Vec<_> = of_subject
        .iter()
        .map(|(_, series)| Candidate {
            step: &series.name,
            flow: &series.flow,
            check: "",
            series: Some(series),
        })
        .collect();
    let noun = match subject {
        Subject::Requests | Subject::Silent => "step",
        Subject::Iterations => "flow",
        Subject::Groups => "group",
    };
    let chosen = matching(&candidates, matchers, noun)?;
    Ok((
        chosen
            .into_iter()
            .map(|index| of_subject[index].0)
            .collect(),
        Vec::new(),
    ))
}

/// Refuses a selector key that the metric does not have.
fn refuse_foreign_key(
    measure: &Measure,
    matcher: &Matcher,
    workload: &Workload,
) -> Result<(), ExprError> {
    let metric = measure.metric;
    let keys: &[&str] = match (metric, metric.subject()) {
        (Metric::Checks, _) => &["check", "step", "flow"],
        (Metric::ServerTiming, _) => &["name"],
        (_, Some(Subject::Requests)) => &["step", "flow"],
        (_, Some(Subject::Iterations)) => &["flow"],
        (_, Some(Subject::Silent) | None) => &[],
        (_, Some(Subject::Groups)) => &["group", "flow"],
    };
    let subject = metric.subject();
    let tags: Vec<&str> = workload
        .series
        .iter()
        .filter(|series| Some(series.subject) == subject)
        .flat_map(|series| series.tags.keys().map(String::as_str))
        .collect();
    let has_tags = metric != Metric::Checks && !tags.is_empty();
    let (name, is_known) = match &matcher.key {
        Key::Step => ("step", keys.contains(&"step")),
        Key::Flow => ("flow", keys.contains(&"flow")),
        Key::Check => ("check", keys.contains(&"check")),
        Key::Group => ("group", keys.contains(&"group")),
        // Every metric has stages; statuses are resolved for themselves.
        Key::Stage | Key::Status => return Ok(()),
        Key::Tag(tag) => (tag.as_str(), has_tags && tags.contains(&tag.as_str())),
    };
    if is_known {
        return Ok(());
    }
    let metric = measure.name();
    let message = if keys.is_empty() {
        format!("`{metric}` is of the whole run: it can be selected by stage, not by `{name}`")
    } else {
        let tags = if has_tags { " and tags" } else { "" };
        let keys = keys.join(", ");
        format!("`{metric}` can be selected by {keys}{tags}, not by `{name}`")
    };
    let known = keys
        .iter()
        .copied()
        .chain(tags.into_iter().filter(|_| has_tags));
    Err(ExprError {
        offset: matcher.key_at.0,
        length: matcher.key_at.1,
        message,
        hint: nearest(name, known).map(did_you_mean),
    })
}

/// A series or check that matchers may select.
struct Candidate<'p> {
    step: &'p str,
    flow: &'p str,
    check: &'p str,
    series: Option<&'p Series>,
}

impl<'p> Candidate<'p> {
    fn value(&self, key: &Key) -> &'p str {
        match key {
            // A series of groups has the group's name.
            Key::Step | Key::Group => self.step,
            Key::Flow => self.flow,
            Key::Check => self.check,
            Key::Stage | Key::Status => "",
            Key::Tag(tag) => self
                .series
                .and_then(|series| series.tags.get(tag))
                .map_or("", String::as_str),
        }
    }
}

/// The candidates that every matcher accepts, by index; an error if there is none.
fn matching(
    candidates: &[Candidate<'_>],
    matchers: &[Matcher],
    noun: &str,
) -> Result<Vec<usize>, ExprError> {
    let accepts = |matcher: &Matcher, candidate: &Candidate<'_>| {
        matcher.accepts(candidate.value(&matcher.key))
    };
    let chosen: Vec<usize> = (0..candidates.len())
        .filter(|&index| {
            matchers
                .iter()
                .all(|matcher| accepts(matcher, &candidates[index]))
        })
        .collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let alone = matchers.iter().find(|matcher| {
        !candidates
            .iter()
            .any(|candidate| accepts(matcher, candidate))
    });
    let Some(matcher) = alone else {
        let (first, last) = (&matchers[0], &matchers[matchers.len() - 1]);
        return Err(ExprError {
            offset: first.key_at.0,
            length: last.value_at.0 + last.value_at.1 + 1 - first.key_at.0,
            message: format!("no {noun} matches all of these selectors"),
            hint: None,
        });
    };
    let values = candidates
        .iter()
        .map(|candidate| candidate.value(&matcher.key));
    let hint = nearest(&matcher.value, values.clone())
        .map(did_you_mean)
        .or_else(|| {
            let mut known: Vec<String> = values
                .filter(|value| !value.is_empty())
                .map(|value| format!("`{value}`"))
                .collect();
            known.sort();
            known.dedup();
            (known.len() <= 12).then(|| format!("there is {}", known.join(", ")))
        });
    let what = match &matcher.key {
        Key::Step => "step".to_owned(),
        Key::Flow => "flow".to_owned(),
        Key::Check => "check".to_owned(),
        Key::Group => "group".to_owned(),
        Key::Stage => "stage".to_owned(),
        Key::Status => "status".to_owned(),
        Key::Tag(tag) => format!("tag `{tag}`"),
    };
    Err(ExprError {
        offset: matcher.value_at.0,
        length: matcher.value_at.1.max(1),
        message: format!("no {what} matches `{}`", matcher.value),
        hint,
    })
}
