//! The grammar of threshold expressions, and the check that aggregate, metric and unit fit together.
//!
//! ```text
//! expression = aggregate "(" metric [ "{" matcher { "," matcher } "}" ] ")" comparator quantity
//! aggregate  = "p" number | "min" | "max" | "mean" | "sd" | "count" | "rate" | "ratio" | "apdex(" duration ")"
//! matcher    = ( "step" | "flow" | "check" | tag ) ( "=" | "!=" | "=~" | "!~" ) '"' text '"'
//! ```

use regex::Regex;

use super::super::cursor::Cursor;
use super::super::{Comparator, ExprError};
use super::{Aggregate, Metric, MetricKind, Unit, read};

/// A threshold expression, parsed and type-checked, not yet resolved to series.
///
/// ```
/// use gander::expr::Comparator;
/// use gander::expr::threshold::{Aggregate, Metric, Rule, Unit};
/// use gander::units::Quantile;
///
/// let rule = Rule::parse(r#"p99.9(response_time{step="list documents"}) <= 1.5s"#).unwrap();
/// assert_eq!(rule.aggregate, Aggregate::Percentile(Quantile::P99_9));
/// assert_eq!(rule.metric, Metric::ResponseTime);
/// assert_eq!(rule.comparator, Comparator::LessOrEqual);
/// assert_eq!((rule.limit, rule.unit), (1_500_000.0, Unit::Us));
///
/// let error = Rule::parse("p95(respones_time) < 500ms").unwrap_err();
/// assert_eq!((error.offset, error.length), (4, 13));
/// assert_eq!(error.hint.as_deref(), Some("did you mean `response_time`?"));
/// ```
#[derive(Debug, Clone)]
pub struct Rule {
    /// The aggregate.
    pub aggregate: Aggregate,
    /// The metric.
    pub metric: Metric,
    /// The selected series or checks; all of the metric's if empty.
    pub matchers: Vec<Matcher>,
    /// The comparison with the limit.
    pub comparator: Comparator,
    /// The limit, in `unit`.
    pub limit: f64,
    /// The unit of the number and the limit.
    pub unit: Unit,
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
    /// The value of this tag; empty for a step without the tag.
    Tag(String),
}

/// The comparison of a matcher.
#[derive(Debug, Clone)]
pub enum Relation {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `=~`: the regular expression matches the complete text.
    Matches(Regex),
    /// `!~`: the regular expression does not match the complete text.
    MatchesNot(Regex),
}

impl Matcher {
    /// True if a name or a tag's value satisfies the matcher.
    pub fn accepts(&self, text: &str) -> bool {
        match &self.relation {
            Relation::Is => text == self.value,
            Relation::IsNot => text != self.value,
            Relation::Matches(regex) => regex.is_match(text),
            Relation::MatchesNot(regex) => !regex.is_match(text),
        }
    }
}

impl Rule {
    /// Parses an expression and checks that aggregate, metric and unit fit together.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        let start = cursor.at;
        let aggregate = read::aggregate(&mut cursor)?;
        let aggregate_at = cursor.range(start);
        read::expect(
            &mut cursor,
            "(",
            "`(` and a metric, such as `(response_time)`",
        )?;
        cursor.skip_space();
        let start = cursor.at;
        let metric = read::metric(&mut cursor)?;
        let metric_at = cursor.range(start);
        let matchers = read::matchers(&mut cursor)?;
        read::expect(
            &mut cursor,
            ")",
            "`)`, or `{` and a selector such as `{step=\"login\"}`",
        )?;
        let unit =
            unit_of(aggregate, metric).ok_or_else(|| misfit(aggregate, metric, aggregate_at))?;
        read::refuse_baseline(&mut cursor)?;
        let comparator = read::comparator(&mut cursor)?;
        let limit = read::quantity(&mut cursor, metric, unit)?;
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

/// The unit of an aggregate of a metric; `None` if the aggregate does not apply.
const fn unit_of(aggregate: Aggregate, metric: Metric) -> Option<Unit> {
    use MetricKind as Kind;
    match aggregate {
        Aggregate::Percentile(_) | Aggregate::StandardDeviation => match metric.kind() {
            Kind::Time => Some(Unit::Us),
            Kind::Counter | Kind::Part | Kind::Checks | Kind::Bytes | Kind::Gauge => None,
        },
        Aggregate::Min | Aggregate::Max | Aggregate::Mean => match metric.kind() {
            Kind::Time => Some(Unit::Us),
            Kind::Gauge if matches!(metric, Metric::GeneratorCpu) => Some(Unit::Ratio),
            Kind::Gauge if matches!(metric, Metric::GeneratorRss) => Some(Unit::Bytes),
            Kind::Gauge => Some(Unit::Count),
            Kind::Counter | Kind::Part | Kind::Checks | Kind::Bytes => None,
        },
        Aggregate::Count => match metric.kind() {
            Kind::Time | Kind::Counter | Kind::Part | Kind::Checks => Some(Unit::Count),
            Kind::Bytes => Some(Unit::Bytes),
            Kind::Gauge => None,
        },
        Aggregate::Rate => match metric.kind() {
            Kind::Counter | Kind::Part | Kind::Bytes => Some(Unit::PerSecond),
            Kind::Time | Kind::Checks | Kind::Gauge => None,
        },
        Aggregate::Ratio => match metric.kind() {
            Kind::Part | Kind::Checks => Some(Unit::Ratio),
            Kind::Time | Kind::Counter | Kind::Bytes | Kind::Gauge => None,
        },
        Aggregate::Apdex(_) if matches!(metric, Metric::ResponseTime | Metric::ServiceTime) => {
            Some(Unit::Ratio)
        }
        Aggregate::Apdex(_) => None,
    }
}

fn misfit(aggregate: Aggregate, metric: Metric, (offset, length): (usize, usize)) -> ExprError {
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
    ExprError {
        offset,
        length,
        message: format!(
            "`{aggregate}` does not apply to {}; use {fitting}",
            metric.name()
        ),
        hint: (matches!(aggregate, Aggregate::Ratio) && matches!(metric, Metric::Requests))
            .then(|| "did you mean `ratio(failed)`?".to_owned()),
    }
}
