//! The grammar of threshold expressions, and the check that both sides fit together.
//!
//! ```text
//! expression = measure ( comparator ( quantity | [ number "*" ] measure ) | "vs" "baseline" comparator change )
//!            | "slope" "(" ( measure | level ) ")" comparator slope
//!            | "share" "(" "seconds" ":" measure comparator quantity ")" comparator percentage
//! measure    = aggregate "(" metric [ selectors ] ")" [ selectors ]
//! level      = metric [ selectors ]
//! aggregate  = "p" number | "min" | "max" | "mean" | "sd" | "count" | "rate" | "ratio" | "last" | "apdex(" duration ")"
//! selectors  = "{" matcher { "," matcher } "}"
//! matcher    = ( "step" | "flow" | "check" | "stage" | tag ) ( "=" | "!=" | "=~" | "!~" ) '"' text '"'
//! change     = ( "+" | "-" ) number "%"
//! slope      = [ "+" | "-" ] quantity "/" ( "min" | "h" | "d" )
//! ```

use serde::{Deserialize, Serialize};

use super::super::cursor::Cursor;
use super::super::{Comparator, ExprError};
use super::{Aggregate, CustomName, Measure, Metric, MetricKind, Unit, quantity, read};

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
/// assert_eq!((rule.comparator, rule.unit), (Comparator::LessOrEqual, Unit::Us));
/// assert!(matches!(rule.limit, RuleLimit::Value(1_500_000.0)));
///
/// let rule = Rule::parse("rate(requests) vs baseline > -5%").unwrap();
/// assert!(matches!(rule.limit, RuleLimit::Baseline { change: -0.05 }));
///
/// let rule = Rule::parse("slope(target.rss) < 64KiB/min").unwrap();
/// assert_eq!(rule.unit, Unit::BytesPerHour);
/// assert!(matches!(rule.limit, RuleLimit::Value(3_932_160.0)));
///
/// let rule = Rule::parse("share(seconds: p95(response_time) < 300ms) > 99%").unwrap();
/// assert_eq!(rule.in_seconds.map(|inner| inner.limit), Some(300_000.0));
/// assert!(matches!(rule.limit, RuleLimit::Value(0.99)));
///
/// let error = Rule::parse("p95(respones_time) < 500ms").unwrap_err();
/// assert_eq!((error.offset, error.length), (4, 13));
/// assert_eq!(error.hint.as_deref(), Some("did you mean `response_time`?"));
/// ```
#[derive(Debug, Clone)]
pub struct Rule {
    /// The number that is judged; for the unit of a slope, its slope; with `in_seconds`, in each second.
    pub measure: Measure,
    /// The rule for a second; then the share of such seconds is compared with the limit.
    pub in_seconds: Option<SecondRule>,
    /// The comparison with the limit.
    pub comparator: Comparator,
    /// The limit, in `unit`.
    pub limit: RuleLimit,
    /// The unit of the limit, and of the number compared with it.
    pub unit: Unit,
}

/// The rule for a second: `p95(response_time) < 300ms`, without its left side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SecondRule {
    /// The comparison with the limit.
    pub comparator: Comparator,
    /// The limit, in the unit of the left side.
    pub limit: f64,
}

/// The right side of a threshold expression.
#[derive(Debug, Clone)]
pub enum RuleLimit {
    /// A fixed number.
    Value(f64),
    /// `1.5 * p95(response_time{stage="before"})`: a multiple of another measure, of the same unit.
    Times {
        /// Above 0.
        factor: f64,
        /// The other measure.
        measure: Box<Measure>,
    },
    /// `vs baseline < +10%`: the change of the measure against stored runs.
    Baseline {
        /// The change as a part of the baseline's number: `+10%` is 0.1.
        change: f64,
    },
}

impl Rule {
    /// Parses an expression and checks that aggregate, metric and unit fit together.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        Self::parse_with(text, &[])
    }

    /// As [`Self::parse`], for a scenario with these metrics of its own.
    pub fn parse_with(text: &str, own: &[CustomName]) -> Result<Self, ExprError> {
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        if cursor.take_word("slope") {
            return Self::of_slope(&mut cursor, own);
        }
        if cursor.take_word("share") {
            return Self::of_seconds(&mut cursor, own);
        }
        let measure = Measure::parse(&mut cursor, own)?;
        if read::vs_baseline(&mut cursor)? {
            return Self::against_baseline(&mut cursor, measure);
        }
        let comparator = read::comparator(&mut cursor)?;
        // No quantity has a parenthesis.
        let limit = if cursor.rest().contains('(') {
            multiple(&mut cursor, &measure, own)?
        } else {
            RuleLimit::Value(quantity::limit(&mut cursor, measure.metric, measure.unit)?)
        };
        Ok(Self {
            comparator,
            limit,
            unit: measure.unit,
            in_seconds: None,
            measure,
        })
    }

    /// Parses the rest of an expression after `share`.
    fn of_seconds(cursor: &mut Cursor<'_>, own: &[CustomName]) -> Result<Self, ExprError> {
        const EXAMPLE: &str = "write it as `share(seconds: p95(response_time) < 300ms) > 99%`";
        let expect = |cursor: &mut Cursor<'_>, wanted: &str, expected: &str| {
            read::expect(cursor, wanted, expected).map_err(|error| ExprError {
                hint: Some(EXAMPLE.to_owned()),
                ..error
            })
        };
        expect(cursor, "(", "`(seconds:` and a rule")?;
        expect(cursor, "seconds", "`seconds:` and a rule")?;
        expect(cursor, ":", "`:` and a rule for each second")?;
        let measure = Measure::parse(cursor, own)?;
        if read::vs_baseline(cursor)? {
            return Err(refused(
                &measure,
                "a second cannot be compared with a baseline",
                EXAMPLE,
            ));
        }
        let comparator = read::comparator(cursor)?;
        let limit = quantity::limit_in_parentheses(cursor, measure.metric, measure.unit)?;
        let in_seconds = SecondRule { comparator, limit };
        expect(cursor, ")", "`)` after the rule for each second")?;
        if read::vs_baseline(cursor)? {
            return Err(refused(
                &measure,
                "a share of seconds cannot be compared with a baseline",
                EXAMPLE,
            ));
        }
        let comparator = ordering(cursor, "a share is hardly ever exactly equal to a number")?;
        Ok(Self {
            comparator,
            limit: RuleLimit::Value(quantity::limit(cursor, measure.metric, Unit::Ratio)?),
            unit: Unit::Ratio,
            in_seconds: Some(in_seconds),
            measure,
        })
    }

    /// Parses the rest of an expression after `slope`.
    fn of_slope(cursor: &mut Cursor<'_>, own: &[CustomName]) -> Result<Self, ExprError> {
        read::expect(
            cursor,
            "(",
            "`(` and a measure, such as `(p95(response_time))`",
        )?;
        let measure = Measure::within_slope(cursor, own)?;
        read::expect(cursor, ")", "`)` after the measure")?;
        if measure.aggregate == Aggregate::Count {
            return Err(refused(
                &measure,
                "a count grows with the length of the run, so its slope says nothing",
                "use the slope of a rate or a ratio",
            ));
        }
        if read::vs_baseline(cursor)? {
            return Err(refused(
                &measure,
                "a slope cannot be compared with a baseline",
                "give it a limit, such as `slope(p95(response_time)) < 1%/h`",
            ));
        }
        let comparator = ordering(cursor, "a slope is never exactly equal to a number")?;
        let (limit, unit) = quantity::slope(cursor, measure.unit)?;
        Ok(Self {
            measure,
            in_seconds: None,
            comparator,
            limit: RuleLimit::Value(limit),
            unit,
        })
    }

    /// Parses the rest of an expression after `vs baseline`.
    fn against_baseline(cursor: &mut Cursor<'_>, measure: Measure) -> Result<Self, ExprError> {
        if measure.aggregate == Aggregate::Count {
            return Err(refused(
                &measure,
                "a count depends on the length of the run, so it cannot be compared with other runs",
                "compare a rate, a ratio, a percentile or a mean",
            ));
        }
        let is_recorded = measure.metric.is_custom() && !measure.metric.is_kept();
        if is_recorded || measure.metric == Metric::ServerTiming {
            let message = format!("`{}` cannot be compared with a baseline", measure.name());
            let hint = "give it a fixed limit";
            return Err(refused(&measure, &message, hint));
        }
        let comparator = ordering(cursor, "two runs never have equal numbers")?;
        let change = quantity::limit(cursor, measure.metric, Unit::Change)?;
        Ok(Self {
            measure,
            in_seconds: None,
            comparator,
            limit: RuleLimit::Baseline { change },
            unit: Unit::Change,
        })
    }
}

/// Parses a multiple of a measure that can be compared with `left`.
fn multiple(
    cursor: &mut Cursor<'_>,
    left: &Measure,
    own: &[CustomName],
) -> Result<RuleLimit, ExprError> {
    let factor = read::factor(cursor)?;
    let right = Measure::parse(cursor, own)?;
    let is_of_bytes = |measure: &Measure| measure.metric.kind() == MetricKind::Bytes;
    if right.unit != left.unit || is_of_bytes(&right) != is_of_bytes(left) {
        let what = |measure: &Measure| {
            let bytes = if is_of_bytes(measure) {
                " of bytes"
            } else {
                ""
            };
            format!("{}{bytes}", measure.unit.what())
        };
        let message = format!(
            "the left side is {}, the right side {}",
            what(left),
            what(&right)
        );
        return Err(refused(
            &right,
            &message,
            "both sides must have the same unit",
        ));
    }
    read::end(cursor)?;
    Ok(RuleLimit::Times {
        factor,
        measure: Box::new(right),
    })
}

/// Parses a comparator other than `==` and `!=`.
fn ordering(cursor: &mut Cursor<'_>, reason: &str) -> Result<Comparator, ExprError> {
    cursor.skip_space();
    let start = cursor.at;
    let comparator = read::comparator(cursor)?;
    if matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
        let message = format!("`{}` does not apply: {reason}", comparator.symbol());
        return Err(cursor.error(start, &message, "use <, <=, > or >="));
    }
    Ok(comparator)
}

/// An error about the aggregate of a measure.
fn refused(measure: &Measure, message: &str, hint: &str) -> ExprError {
    let (offset, length) = measure.aggregate_at;
    ExprError {
        offset,
        length,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    }
}
