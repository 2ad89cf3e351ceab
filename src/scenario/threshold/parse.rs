//! The grammar of threshold expressions, and the check that aggregate, metric and unit fit together.
//!
//! ```text
//! expression = aggregate "(" metric [ "{" matcher { "," matcher } "}" ] ")" comparator quantity
//! aggregate  = "p" number | "min" | "max" | "mean" | "sd" | "count" | "rate" | "ratio" | "apdex(" duration ")"
//! matcher    = ( "step" | "flow" | "check" | tag ) ( "=" | "!=" | "=~" | "!~" ) '"' text '"'
//! ```

use regex::Regex;

use super::cursor::Cursor;
use super::{Aggregate, Metric, MetricKind, Unit};
use crate::scenario::Comparator;

/// A threshold expression, parsed and type-checked, not yet resolved to series.
///
/// ```
/// use gander::scenario::threshold::{Aggregate, Expression, Metric, Unit};
/// use gander::scenario::Comparator;
/// use gander::units::Quantile;
///
/// let expression = Expression::parse(r#"p99.9(response_time{step="list documents"}) <= 1.5s"#).unwrap();
/// assert_eq!(expression.aggregate, Aggregate::Percentile(Quantile::P99_9));
/// assert_eq!(expression.metric, Metric::ResponseTime);
/// assert_eq!(expression.comparator, Comparator::LessOrEqual);
/// assert_eq!((expression.limit, expression.unit), (1_500_000.0, Unit::Us));
///
/// let error = Expression::parse("p95(respones_time) < 500ms").unwrap_err();
/// assert_eq!((error.offset, error.length), (4, 13));
/// assert_eq!(error.hint.as_deref(), Some("did you mean `response_time`?"));
/// ```
#[derive(Debug, Clone)]
pub struct Expression {
    /// How the metric is boiled down to a number.
    pub aggregate: Aggregate,
    /// Of what.
    pub metric: Metric,
    /// Which series or checks; all of the metric's when empty.
    pub matchers: Vec<Matcher>,
    /// How the number is compared with the limit.
    pub comparator: Comparator,
    /// The limit, in `unit`.
    pub limit: f64,
    /// The unit of the number and the limit.
    pub unit: Unit,
    /// Where the metric stands, in characters: offset and length.
    pub metric_at: (usize, usize),
}

/// One condition on names or tags.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// What is looked at.
    pub key: Key,
    /// How it is compared.
    pub relation: Relation,
    /// The text between the quotes.
    pub value: String,
    /// Where the key stands, in characters: offset and length.
    pub key_at: (usize, usize),
    /// Where the text between the quotes stands.
    pub value_at: (usize, usize),
}

/// What a matcher looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The step's name.
    Step,
    /// The flow's name.
    Flow,
    /// The check's name.
    Check,
    /// The value of this tag; the empty text where a step does not have it.
    Tag(String),
}

/// How a matcher compares.
#[derive(Debug, Clone)]
pub enum Relation {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `=~`: the whole of it matches the regular expression.
    Matches(Regex),
    /// `!~`: the whole of it does not.
    MatchesNot(Regex),
}

impl Matcher {
    /// Whether a name or a tag's value satisfies the matcher.
    pub fn accepts(&self, text: &str) -> bool {
        match &self.relation {
            Relation::Is => text == self.value,
            Relation::IsNot => text != self.value,
            Relation::Matches(regex) => regex.is_match(text),
            Relation::MatchesNot(regex) => !regex.is_match(text),
        }
    }
}

/// What is wrong with a threshold expression, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ThresholdError {
    /// Where it starts, in characters.
    pub offset: usize,
    /// How many characters are wrong; at least 1.
    pub length: usize,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Expression {
    /// Parses an expression and checks that aggregate, metric and unit fit together.
    pub fn parse(text: &str) -> Result<Self, ThresholdError> {
        let mut cursor = Cursor::new(text);
        let aggregate_at = cursor.skip_space();
        let aggregate = cursor.aggregate()?;
        let aggregate_at = (aggregate_at, cursor.at - aggregate_at);
        cursor.expect('(', "`(` and a metric, such as `(response_time)`")?;
        cursor.skip_space();
        let metric_at = cursor.at;
        let metric = cursor.metric()?;
        let metric_at = (metric_at, cursor.at - metric_at);
        let matchers = cursor.matchers()?;
        cursor.expect(')', "`)`, or `{` and a selector such as `{step=\"login\"}`")?;
        let unit =
            unit_of(aggregate, metric).ok_or_else(|| misfit(aggregate, metric, aggregate_at))?;
        cursor.refuse_baseline()?;
        let comparator = cursor.comparator()?;
        let limit = cursor.quantity(metric, unit)?;
        Ok(Self {
            aggregate,
            metric,
            matchers,
            comparator,
            limit,
            unit,
            metric_at,
        })
    }
}

/// The unit of an aggregate of a metric; none where the two do not fit.
const fn unit_of(aggregate: Aggregate, metric: Metric) -> Option<Unit> {
    use Aggregate as A;
    match (metric.kind(), aggregate) {
        (MetricKind::Time, A::Percentile(_) | A::Min | A::Max | A::Mean | A::StandardDeviation) => {
            Some(Unit::Us)
        }
        (MetricKind::Time, A::Apdex(_))
            if matches!(metric, Metric::ResponseTime | Metric::ServiceTime) =>
        {
            Some(Unit::Ratio)
        }
        (
            MetricKind::Time | MetricKind::Counter | MetricKind::Part | MetricKind::Checks,
            A::Count,
        ) => Some(Unit::Count),
        (MetricKind::Counter | MetricKind::Part | MetricKind::Bytes, A::Rate) => {
            Some(Unit::PerSecond)
        }
        (MetricKind::Part | MetricKind::Checks, A::Ratio) => Some(Unit::Ratio),
        (MetricKind::Bytes, A::Count) => Some(Unit::Bytes),
        (MetricKind::Gauge, A::Min | A::Max | A::Mean) => Some(match metric {
            Metric::GeneratorCpu => Unit::Ratio,
            Metric::GeneratorRss => Unit::Bytes,
            _ => Unit::Count,
        }),
        _ => None,
    }
}

fn misfit(
    aggregate: Aggregate,
    metric: Metric,
    (offset, length): (usize, usize),
) -> ThresholdError {
    let fitting = match metric.kind() {
        MetricKind::Time if matches!(metric, Metric::ResponseTime | Metric::ServiceTime) => {
            "a percentile such as p95, min, max, mean, sd, count or apdex(500ms)"
        }
        MetricKind::Time => "a percentile such as p95, min, max, mean, sd or count",
        MetricKind::Counter | MetricKind::Bytes => "count or rate",
        MetricKind::Part => "ratio, count or rate",
        MetricKind::Checks => "ratio or count",
        MetricKind::Gauge => "mean, min or max",
    };
    ThresholdError {
        offset,
        length,
        message: format!(
            "`{aggregate}` does not apply to {}; {fitting} does",
            metric.name()
        ),
        hint: (matches!(aggregate, Aggregate::Ratio) && matches!(metric, Metric::Requests))
            .then(|| "did you mean `ratio(failed)`?".to_owned()),
    }
}

/// The word of `known` that is nearest to what was written, if any is near.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    known
        .into_iter()
        .map(|word| {
            (
                strsim::osa_distance(&written.to_lowercase(), &word.to_lowercase()),
                word,
            )
        })
        .filter(|(distance, word)| {
            *distance <= 1 + word.chars().count().min(written.chars().count()) / 3
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

pub(crate) fn did_you_mean(word: &str) -> String {
    format!("did you mean `{word}`?")
}
