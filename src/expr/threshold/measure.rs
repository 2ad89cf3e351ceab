//! A measure: an aggregate of a metric, with the selectors of its samples.

use super::super::ExprError;
use super::super::cursor::Cursor;
use super::super::relation::Relation;
use super::{Aggregate, CustomName, Metric, MetricKind, Unit, read, synonyms};

/// An aggregate of a metric: `p95(response_time{step="login"})`.
#[derive(Debug, Clone)]
pub struct Measure {
    /// The aggregate.
    pub aggregate: Aggregate,
    /// The metric.
    pub metric: Metric,
    /// Its name, if it is one of the scenario's own.
    pub custom: Option<String>,
    /// The selected series or checks; all of the metric's if empty.
    pub matchers: Vec<Matcher>,
    /// The unit of its number.
    pub unit: Unit,
    /// The position of the aggregate in characters: offset and length.
    pub aggregate_at: (usize, usize),
    /// The position of the metric in characters: offset and length.
    pub metric_at: (usize, usize),
}

/// A condition on a name or a tag.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The name or tag.
    pub key: Key,
    /// The comparison.
    pub relation: Relation,
    /// The text between the quotes.
    pub value: String,
    /// The position of the key in characters: offset and length.
    pub key_at: (usize, usize),
    /// The position of the text between the quotes.
    pub value_at: (usize, usize),
}

/// The name or tag that a matcher compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The step's name.
    Step,
    /// The flow's name.
    Flow,
    /// The check's name.
    Check,
    /// The group's name, with those of the groups around it.
    Group,
    /// The status of the response.
    Status,
    /// The name of the load's stage in which a sample ended, or its number from 1.
    Stage,
    /// The value of this tag; empty for a step without the tag.
    Tag(String),
}

impl Matcher {
    /// True for `!=` and `!~`.
    pub const fn is_negative(&self) -> bool {
        self.relation.is_negative()
    }

    /// True if a name or a tag's value satisfies the matcher.
    pub fn accepts(&self, text: &str) -> bool {
        self.relation.accepts(&self.value, text)
    }
}

impl Measure {
    /// The metric's name.
    pub fn name(&self) -> &str {
        match &self.custom {
            Some(name) => name,
            None => self.metric.name(),
        }
    }

    /// Parses a measure at the cursor, and checks that the aggregate applies to the metric.
    pub(super) fn parse(cursor: &mut Cursor<'_>, own: &[CustomName]) -> Result<Self, ExprError> {
        cursor.skip_space();
        let start = cursor.at;
        let aggregate = read::aggregate(cursor, own)?;
        let aggregate_at = cursor.range(start);
        read::expect(cursor, "(", "`(` and a metric, such as `(response_time)`")?;
        cursor.skip_space();
        let start = cursor.at;
        let (metric, custom) = read::metric(cursor, own)?;
        let metric_at = cursor.range(start);
        let mut matchers = read::matchers(cursor)?;
        read::expect(
            cursor,
            ")",
            "`)`, or `{` and a selector such as `{step=\"login\"}`",
        )?;
        // Selectors may also follow the parenthesis.
        matchers.append(&mut read::matchers(cursor)?);
        let name = custom.as_deref().unwrap_or(metric.name());
        let unit = unit_of(aggregate, metric)
            .ok_or_else(|| misfit(aggregate, metric, name, aggregate_at))?;
        Ok(Self {
            aggregate,
            metric,
            custom,
            matchers,
            unit,
            aggregate_at,
            metric_at,
        })
    }

    /// Parses the measure within `slope(…)`: a level alone stands for its mean.
    pub(super) fn within_slope(
        cursor: &mut Cursor<'_>,
        own: &[CustomName],
    ) -> Result<Self, ExprError> {
        cursor.skip_space();
        let start = cursor.at;
        let level = read::level(cursor, own);
        let Some((metric, custom)) = level else {
            return Self::parse(cursor, own);
        };
        let metric_at = cursor.range(start);
        let aggregate = Aggregate::Mean;
        let matchers = read::matchers(cursor)?;
        let is_level = metric.is_kept() || metric.kind() == MetricKind::Gauge;
        let unit = unit_of(aggregate, metric).filter(|_| is_level);
        let Some(unit) = unit else {
            let (name, usual) = (metric.name(), synonyms::usual(metric));
            let message = format!("`{name}` has no slope of its own");
            let hint = format!("write the slope of an aggregate: `slope({usual}({name}))`");
            return Err(cursor.error(start, &message, &hint));
        };
        Ok(Self {
            aggregate,
            metric,
            custom,
            matchers,
            unit,
            aggregate_at: metric_at,
            metric_at,
        })
    }
}

/// The unit of an aggregate of a metric; `None` if the aggregate does not apply.
const fn unit_of(aggregate: Aggregate, metric: Metric) -> Option<Unit> {
    use MetricKind as Kind;
    if metric.is_kept() {
        return unit_of_kept(aggregate, metric);
    }
    match aggregate {
        Aggregate::Percentile(_) | Aggregate::StandardDeviation => match metric.kind() {
            Kind::Time => Some(Unit::Us),
            Kind::Trend => Some(Unit::Count),
            _ => None,
        },
        Aggregate::Min | Aggregate::Max | Aggregate::Mean => match metric.kind() {
            Kind::Time => Some(Unit::Us),
            Kind::Gauge if matches!(metric, Metric::GeneratorCpu | Metric::TargetCpu) => {
                Some(Unit::Ratio)
            }
            Kind::Gauge if matches!(metric, Metric::GeneratorRss | Metric::TargetRss) => {
                Some(Unit::Bytes)
            }
            Kind::Value if matches!(aggregate, Aggregate::Mean) => None,
            Kind::Gauge | Kind::Trend | Kind::Value => Some(Unit::Count),
            _ => None,
        },
        Aggregate::Count => match metric.kind() {
            Kind::Time | Kind::Counter | Kind::Part | Kind::Checks | Kind::Trend => {
                Some(Unit::Count)
            }
            Kind::Bytes => Some(Unit::Bytes),
            _ => None,
        },
        Aggregate::Rate => match metric.kind() {
            Kind::Counter | Kind::Part | Kind::Bytes => Some(Unit::PerSecond),
            _ => None,
        },
        Aggregate::Ratio => match metric.kind() {
            Kind::Part | Kind::Checks => Some(Unit::Ratio),
            _ => None,
        },
        Aggregate::Last => match metric.kind() {
            Kind::Value => Some(Unit::Count),
            _ => None,
        },
        Aggregate::Apdex(_) if matches!(metric, Metric::ResponseTime | Metric::ServiceTime) => {
            Some(Unit::Ratio)
        }
        Aggregate::Apdex(_) => None,
    }
}

/// The unit of an aggregate of a kept metric; `None` if the aggregate does not apply.
const fn unit_of_kept(aggregate: Aggregate, metric: Metric) -> Option<Unit> {
    use MetricKind as Kind;
    let own = match metric {
        Metric::KeptSeconds => Unit::Us,
        Metric::KeptBytes => Unit::Bytes,
        Metric::KeptRate => Unit::PerSecond,
        _ => Unit::Count,
    };
    match (aggregate, metric.kind()) {
        (Aggregate::Mean | Aggregate::Min | Aggregate::Max | Aggregate::Last, _)
        | (Aggregate::Percentile(_), Kind::KeptValue) => Some(own),
        (Aggregate::Count, Kind::KeptValue) => Some(Unit::Count),
        (Aggregate::Rate, Kind::KeptValue | Kind::KeptRate) => Some(Unit::PerSecond),
        (Aggregate::Ratio, Kind::KeptQuotient) => Some(Unit::Ratio),
        (Aggregate::Ratio, Kind::KeptValue) if matches!(metric, Metric::KeptValue) => {
            Some(Unit::Ratio)
        }
        _ => None,
    }
}

fn misfit(
    aggregate: Aggregate,
    metric: Metric,
    name: &str,
    (offset, length): (usize, usize),
) -> ExprError {
    let fitting = match metric.kind() {
        MetricKind::Time if matches!(metric, Metric::ResponseTime | Metric::ServiceTime) => {
            "a percentile such as p95, min, max, mean, sd, count or apdex(500ms)"
        }
        MetricKind::Time | MetricKind::Trend => {
            "a percentile such as p95, min, max, mean, sd or count"
        }
        MetricKind::Counter | MetricKind::Bytes => "count or rate",
        MetricKind::Part => "ratio, count or rate",
        MetricKind::Checks => "ratio or count",
        MetricKind::Gauge => "mean, min or max",
        MetricKind::Value => "last, min or max",
        MetricKind::KeptValue => {
            "mean, min, max or last, and of a histogram a percentile such as p95, count or rate"
        }
        MetricKind::KeptRate => "mean, min, max, last or rate",
        MetricKind::KeptQuotient => "mean, min, max, last or ratio",
    };
    let of_type = if metric.is_custom() {
        format!("the {} `{name}`", metric.name())
    } else {
        name.to_owned()
    };
    let hint = match (aggregate, metric) {
        (Aggregate::Ratio, Metric::Requests) => Some("did you mean `ratio(failed)`?".to_owned()),
        // k6 calls the share of a rate its rate.
        (Aggregate::Rate, Metric::CustomRate) => Some(format!("did you mean `ratio({name})`?")),
        _ => None,
    };
    ExprError {
        offset,
        length,
        message: format!("`{aggregate}` does not apply to {of_type}; use {fitting}"),
        hint,
    }
}
