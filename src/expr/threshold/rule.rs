//! The grammar of threshold expressions, and the check that measure and limit fit together.
//!
//! ```text
//! expression = measure ( comparator quantity | "vs" "baseline" comparator change )
//! measure    = aggregate "(" metric [ "{" matcher { "," matcher } "}" ] ")"
//! aggregate  = "p" number | "min" | "max" | "mean" | "sd" | "count" | "rate" | "ratio" | "apdex(" duration ")"
//! matcher    = ( "step" | "flow" | "check" | tag ) ( "=" | "!=" | "=~" | "!~" ) '"' text '"'
//! change     = ( "+" | "-" ) number "%"
//! ```

use super::super::cursor::Cursor;
use super::super::{Comparator, ExprError};
use super::{Aggregate, Measure, Unit, quantity, read};

/// A threshold expression, parsed and type-checked, not yet resolved to series.
///
/// ```
/// use gander::expr::Comparator;
/// use gander::expr::threshold::{Aggregate, Metric, Rule, RuleLimit, Unit};
/// use gander::units::Quantile;
///
/// let rule = Rule::parse(r#"p99.9(response_time{step="list documents"}) <= 1.5s"#).unwrap();
/// assert_eq!(rule.measure.aggregate, Aggregate::Percentile(Quantile::P99_9));
/// assert_eq!(rule.measure.metric, Metric::ResponseTime);
/// assert_eq!(rule.comparator, Comparator::LessOrEqual);
/// assert_eq!((rule.limit, rule.unit), (RuleLimit::Value(1_500_000.0), Unit::Us));
///
/// let rule = Rule::parse("rate(requests) vs baseline > -5%").unwrap();
/// assert_eq!((rule.limit, rule.unit), (RuleLimit::Baseline { change: -0.05 }, Unit::Change));
///
/// let error = Rule::parse("p95(respones_time) < 500ms").unwrap_err();
/// assert_eq!((error.offset, error.length), (4, 13));
/// assert_eq!(error.hint.as_deref(), Some("did you mean `response_time`?"));
/// ```
#[derive(Debug, Clone)]
pub struct Rule {
    /// The number that is judged.
    pub measure: Measure,
    /// The comparison with the limit.
    pub comparator: Comparator,
    /// The limit, in `unit`.
    pub limit: RuleLimit,
    /// The unit of the limit, and of the number compared with it.
    pub unit: Unit,
}

/// The right side of a threshold expression.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleLimit {
    /// A number, in the unit of the measure.
    Value(f64),
    /// `vs baseline < +10%`: the change of the measure against stored runs.
    Baseline {
        /// The change as a part of the baseline's number: `+10%` is 0.1.
        change: f64,
    },
}

impl Rule {
    /// Parses an expression and checks that aggregate, metric and unit fit together.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let mut cursor = Cursor::new(text);
        let measure = Measure::parse(&mut cursor)?;
        if read::vs_baseline(&mut cursor)? {
            return Self::against_baseline(&mut cursor, measure);
        }
        let comparator = read::comparator(&mut cursor)?;
        let limit = quantity::limit(&mut cursor, measure.metric, measure.unit)?;
        Ok(Self {
            comparator,
            limit: RuleLimit::Value(limit),
            unit: measure.unit,
            measure,
        })
    }

    /// Parses the rest of an expression after `vs baseline`.
    fn against_baseline(cursor: &mut Cursor<'_>, measure: Measure) -> Result<Self, ExprError> {
        if measure.aggregate == Aggregate::Count {
            let (offset, length) = measure.aggregate_at;
            return Err(ExprError {
                offset,
                length,
                message: "a count depends on the length of the run, so it cannot be compared with other runs".to_owned(),
                hint: Some("compare a rate, a ratio, a percentile or a mean".to_owned()),
            });
        }
        cursor.skip_space();
        let start = cursor.at;
        let comparator = read::comparator(cursor)?;
        if matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
            let message = format!(
                "`{}` does not apply to a change: two runs never have equal numbers",
                comparator.symbol()
            );
            return Err(cursor.error(start, &message, "use <, <=, > or >="));
        }
        let change = quantity::limit(cursor, measure.metric, Unit::Change)?;
        Ok(Self {
            measure,
            comparator,
            limit: RuleLimit::Baseline { change },
            unit: Unit::Change,
        })
    }
}
