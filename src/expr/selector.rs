//! Selectors of a target's metrics, a small part of `PromQL`.
//!
//! ```text
//! query   = term [ "/" term ]
//! term    = series | "rate" "(" series ")"
//! series  = name [ "{" matcher { "," matcher } "}" ]
//! matcher = label ( "=" | "!=" | "=~" | "!~" ) '"' text '"'
//! ```

use super::ExprError;
use super::cursor::Cursor;
use super::relation::Relation;
use crate::source::{did_you_mean, nearest};

/// A number to read from each page of metrics, or from two pages in a row.
///
/// ```
/// use gander::expr::selector::Query;
///
/// let query = Query::parse(r#"rate(queries_total{pool!="spare"}) / rate(requests_total)"#).unwrap();
/// assert!(query.value.is_rate && query.divisor.is_some());
/// assert!(query.value.series.accepts("queries_total", |label| Some("main").filter(|_| label == "pool")));
///
/// let error = Query::parse("rate(queries_total[5m])").unwrap_err();
/// assert_eq!((error.offset, error.length), (18, 4));
/// ```
#[derive(Debug, Clone)]
pub struct Query {
    /// The number itself; the numerator of a quotient.
    pub value: Term,
    /// The divisor of a quotient.
    pub divisor: Option<Term>,
}

/// Series, or their increase per second.
#[derive(Debug, Clone)]
pub struct Term {
    /// The series; several that match are summed.
    pub series: SeriesSelector,
    /// True for the increase per second of counters.
    pub is_rate: bool,
}

/// Selects series by name and labels.
#[derive(Debug, Clone)]
pub struct SeriesSelector {
    /// The name of the metric.
    pub name: String,
    labels: Vec<LabelMatcher>,
}

/// A condition on a label.
#[derive(Debug, Clone)]
struct LabelMatcher {
    label: String,
    relation: Relation,
    value: String,
}

impl SeriesSelector {
    /// True for a series with this name and these labels. As in `PromQL`, a missing label is an empty text.
    pub fn accepts<'t>(&self, name: &str, label: impl Fn(&str) -> Option<&'t str>) -> bool {
        self.name == name && self.accepts_labels(label)
    }

    /// True for a series with these labels, whatever its name.
    pub fn accepts_labels<'t>(&self, label: impl Fn(&str) -> Option<&'t str>) -> bool {
        self.labels.iter().all(|matcher| {
            let text = label(&matcher.label).unwrap_or_default();
            matcher.relation.accepts(&matcher.value, text)
        })
    }

    /// True if it has a condition on this label.
    pub fn names_label(&self, label: &str) -> bool {
        self.labels.iter().any(|matcher| matcher.label == label)
    }
}

impl Query {
    /// Parses a query.
    ///
    /// # Errors
    /// The text is none; the error tells its position and what was expected.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let mut cursor = Cursor::new(text);
        let value = term(&mut cursor)?;
        cursor.skip_space();
        let divisor = if cursor.take("/") {
            Some(term(&mut cursor)?)
        } else {
            None
        };
        cursor.skip_space();
        let start = cursor.at;
        let rest = cursor.rest().trim_end();
        if rest.is_empty() {
            return Ok(Self { value, divisor });
        }
        cursor.at += rest.len();
        let message = format!("found `{rest}`, expected the end");
        let hint = if rest.starts_with(['*', '+', '-', '/']) {
            "a metric is kept as the target tells it, as a rate or as one quotient; a threshold judges shares in percent"
        } else {
            "a selector is `name{label=\"value\"}`, `rate(…)` of one, or a quotient of two"
        };
        Err(cursor.error(start, &message, hint))
    }
}

fn term(cursor: &mut Cursor<'_>) -> Result<Term, ExprError> {
    cursor.skip_space();
    let start = cursor.at;
    let name = metric_name(cursor);
    cursor.skip_space();
    let has_parenthesis = cursor.rest().starts_with('(');
    if !has_parenthesis {
        cursor.at = start;
        let series = series(cursor)?;
        return Ok(Term {
            series,
            is_rate: false,
        });
    }
    if name != "rate" {
        cursor.at = start + name.len();
        return Err(unknown_function(cursor, start, name));
    }
    cursor.take("(");
    let series = series(cursor)?;
    cursor.skip_space();
    if cursor.take(")") {
        return Ok(Term {
            series,
            is_rate: true,
        });
    }
    let message = format!("found {}, expected `)`", cursor.found());
    Err(cursor.fault(cursor.at, message))
}

fn unknown_function(cursor: &Cursor<'_>, start: usize, name: &str) -> ExprError {
    let message = format!("`{name}` is not a function of selectors, which have only `rate`");
    let hint = match name {
        "irate" | "increase" | "delta" => {
            "use `rate(…)`, the increase per second between two scrapes".to_owned()
        }
        "sum" | "avg" => "leave it out: several series that match are summed".to_owned(),
        "histogram_quantile" | "quantile" => {
            "keep the histogram by its name, and judge `p99(target.…)` in a threshold".to_owned()
        }
        _ => nearest(name, ["rate"]).map_or_else(
            || {
                "a selector is `name{label=\"value\"}`, `rate(…)` of one, or a quotient of two"
                    .to_owned()
            },
            did_you_mean,
        ),
    };
    cursor.error(start, &message, &hint)
}

fn metric_name<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    cursor.word(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
}

fn series(cursor: &mut Cursor<'_>) -> Result<SeriesSelector, ExprError> {
    cursor.skip_space();
    let start = cursor.at;
    let name = metric_name(cursor);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        let found = match name {
            "" => cursor.found(),
            name => format!("`{name}`"),
        };
        let message = format!("found {found}, expected the name of a metric");
        let hint = "write it as the target's page does, such as `cache_hit_ratio{layer=\"l1\"}`";
        return Err(cursor.error(start, &message, hint));
    }
    let mut labels = Vec::new();
    cursor.skip_space();
    if cursor.take("{") {
        while let Some(matcher) = matcher(cursor)? {
            labels.push(matcher);
        }
    }
    cursor.skip_space();
    let start = cursor.at;
    if cursor.take("[") {
        cursor.word(|c| c != ']');
        cursor.take("]");
        let message = "a selector has no range: a rate is over the time between two scrapes";
        return Err(cursor.error(
            start,
            message,
            "leave it out; `every` sets the time between scrapes",
        ));
    }
    Ok(SeriesSelector {
        name: name.to_owned(),
        labels,
    })
}

/// The next matcher; `None` after the closing brace.
fn matcher(cursor: &mut Cursor<'_>) -> Result<Option<LabelMatcher>, ExprError> {
    cursor.skip_space();
    if cursor.take("}") {
        return Ok(None);
    }
    let label = cursor.name();
    if label.is_empty() {
        let message = format!(
            "found {}, expected the name of a label or `}}`",
            cursor.found()
        );
        return Err(cursor.fault(cursor.at, message));
    }
    let (relation, value, _) = Relation::parse(cursor)?;
    cursor.skip_space();
    if !cursor.take(",") && cursor.peek() != Some('}') {
        let message = format!("found {}, expected `,` or `}}`", cursor.found());
        return Err(cursor.fault(cursor.at, message));
    }
    Ok(Some(LabelMatcher {
        label: label.to_owned(),
        relation,
        value,
    }))
}
