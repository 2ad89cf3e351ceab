//! Parses the parts of a threshold at the cursor.

use super::super::cursor::Cursor;
use super::super::{Comparator, ExprError};
use super::{Aggregate, CustomName, Key, Matcher, Metric, Relation, synonyms};
use crate::source::{did_you_mean, nearest};
use crate::units::{Quantile, UnitError, parse_duration};

const AN_AGGREGATE: &str =
    "p50, p99.9, min, max, mean, sd, count, rate, ratio, last or apdex(500ms)";

type Read<T> = Result<T, ExprError>;

/// A name: `p99.9`, `generator.cpu`, `step`.
fn word<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    cursor.word(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The text found instead of a word or a symbol, for a message.
pub(super) fn found(cursor: &Cursor<'_>, word: &str) -> String {
    if word.is_empty() {
        cursor.found()
    } else {
        format!("`{word}`")
    }
}

/// Takes the required text, or returns an error.
pub(super) fn expect(cursor: &mut Cursor<'_>, wanted: &str, expected: &str) -> Read<()> {
    cursor.skip_space();
    if cursor.take(wanted) {
        return Ok(());
    }
    let message = format!("found {}, expected {expected}", cursor.found());
    Err(cursor.fault(cursor.at, message))
}

pub(super) fn aggregate(cursor: &mut Cursor<'_>, own: &[CustomName]) -> Read<Aggregate> {
    let start = cursor.at;
    let word = word(cursor);
    Ok(match word {
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        "mean" => Aggregate::Mean,
        "sd" => Aggregate::StandardDeviation,
        "count" => Aggregate::Count,
        "rate" => Aggregate::Rate,
        "ratio" => Aggregate::Ratio,
        "last" => Aggregate::Last,
        "apdex" => apdex(cursor)?,
        _ if word.starts_with('p') && word[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            let quantile: Result<Quantile, UnitError> = word.parse();
            Aggregate::Percentile(quantile.map_err(|error| cursor.fault(start, error.to_string()))?)
        }
        _ => return Err(unknown_aggregate(cursor, start, word, own)),
    })
}

fn unknown_aggregate(
    cursor: &Cursor<'_>,
    start: usize,
    word: &str,
    own: &[CustomName],
) -> ExprError {
    let message = format!(
        "found {}, expected an aggregate: {AN_AGGREGATE}",
        found(cursor, word)
    );
    let own = own.iter().find(|(name, _)| name == word);
    let own = own.map(|(name, metric)| (name.as_str(), *metric));
    let called = || Metric::called(word).map(|metric| (metric.name(), metric));
    let hint = match (own.or_else(called), synonyms::aggregate(word)) {
        (Some((name, metric)), _) => {
            let usual = synonyms::usual(metric);
            Some(format!(
                "an expression begins with an aggregate, such as `{usual}({name})`"
            ))
        }
        (None, Some(meant)) => Some(did_you_mean(meant)),
        // k6 writes `p(95)`.
        (None, None) if word == "p" => {
            Some("write the percentile after the p, such as `p95(response_time)`".to_owned())
        }
        (None, None) => nearest(
            word,
            [
                "min", "max", "mean", "count", "rate", "ratio", "last", "apdex",
            ],
        )
        .map(did_you_mean),
    };
    ExprError {
        hint,
        ..cursor.fault(start, message)
    }
}

fn apdex(cursor: &mut Cursor<'_>) -> Read<Aggregate> {
    expect(
        cursor,
        "(",
        "`(` and the satisfied time, such as `apdex(500ms)(response_time)`",
    )?;
    cursor.skip_space();
    let start = cursor.at;
    let text = cursor.word(|c| c != ')');
    let limit = parse_duration(text).map_err(|error| cursor.fault(start, error.to_string()))?;
    if limit.is_zero() {
        return Err(cursor.fault(start, "the satisfied time must be above 0"));
    }
    expect(cursor, ")", "`)`")?;
    Ok(Aggregate::Apdex(limit.into()))
}

/// Takes the name of a metric, and returns it for one of the scenario's own.
pub(super) fn metric(
    cursor: &mut Cursor<'_>,
    own: &[CustomName],
) -> Read<(Metric, Option<String>)> {
    let start = cursor.at;
    let word = word(cursor);
    if let Some(metric) = Metric::named(word) {
        return Ok((metric, None));
    }
    if let Some((name, metric)) = own.iter().find(|(name, _)| name == word) {
        return Ok((*metric, Some(name.clone())));
    }
    if word.starts_with("target.") {
        return Err(unknown_of_target(cursor, start, word, own));
    }
    let mut names: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
    for metric in Metric::built_in() {
        names.push(metric.name());
    }
    let meant = synonyms::metric(word).map(Metric::name);
    let hint = match meant.or_else(|| nearest(word, names.iter().copied())) {
        Some(word) => did_you_mean(word),
        None => format!("the metrics are {}", names.join(", ")),
    };
    let message = format!("found {}, expected a metric", found(cursor, word));
    Err(cursor.error(start, &message, &hint))
}

/// The error for a metric of the target that is not kept.
fn unknown_of_target(
    cursor: &Cursor<'_>,
    start: usize,
    word: &str,
    own: &[CustomName],
) -> ExprError {
    let mut names: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
    for metric in Metric::built_in() {
        names.push(metric.name());
    }
    names.retain(|name| name.starts_with("target."));
    let message = format!("found `{word}`, but the target has no metric of this name");
    let hint = nearest(word, names.iter().copied()).map_or_else(
        || {
            format!(
                "keep it under `monitor:` at the top level; there is {}",
                names.join(", ")
            )
        },
        did_you_mean,
    );
    cursor.error(start, &message, &hint)
}

/// Takes the name of a metric that is not followed by `(`, as an aggregate is.
pub(super) fn level(
    cursor: &mut Cursor<'_>,
    own: &[CustomName],
) -> Option<(Metric, Option<String>)> {
    let start = cursor.at;
    let word = word(cursor);
    let kept = || {
        let mut kept = own.iter().filter(|(_, metric)| metric.is_kept());
        let (name, metric) = kept.find(|(name, _)| name == word)?;
        Some((*metric, Some(name.clone())))
    };
    let metric = Metric::named(word).map(|metric| (metric, None));
    let found = metric.or_else(kept);
    if found.is_none() {
        cursor.at = start;
    }
    found
}

/// Refuses anything after the expression.
pub(super) fn end(cursor: &mut Cursor<'_>) -> Read<()> {
    cursor.skip_space();
    let start = cursor.at;
    let rest = cursor.rest().trim_end();
    if rest.is_empty() {
        return Ok(());
    }
    cursor.at += rest.len();
    let message = format!("found `{rest}`, expected the end");
    let hint = rest
        .starts_with(['*', '×'])
        .then(|| "write the factor first: `1.5 * p95(response_time)`".to_owned());
    Err(ExprError {
        hint,
        ..cursor.fault(start, message)
    })
}

/// Takes a factor such as `1.5 *`; 1 if there is none.
pub(super) fn factor(cursor: &mut Cursor<'_>) -> Read<f64> {
    cursor.skip_space();
    let start = cursor.at;
    let number = cursor.word(|c| c.is_ascii_digit() || c == '.');
    if number.is_empty() {
        return Ok(1.0);
    }
    let factor = number.parse().ok().filter(|factor: &f64| *factor > 0.0);
    let Some(factor) = factor else {
        let message = format!("found `{number}`, expected a factor above 0");
        return Err(cursor.fault(start, message));
    };
    cursor.skip_space();
    if cursor.take("*") || cursor.take("×") {
        return Ok(factor);
    }
    let message = format!("found {}, expected `*` after the factor", cursor.found());
    Err(cursor.error(
        cursor.at,
        &message,
        "write a multiple as `1.5 * p95(response_time)`",
    ))
}

pub(super) fn matchers(cursor: &mut Cursor<'_>) -> Read<Vec<Matcher>> {
    cursor.skip_space();
    let mut matchers = Vec::new();
    if !cursor.take("{") {
        return Ok(matchers);
    }
    loop {
        matchers.push(matcher(cursor)?);
        cursor.skip_space();
        if cursor.take("}") {
            return Ok(matchers);
        }
        expect(cursor, ",", "`,` or `}`")?;
    }
}

fn matcher(cursor: &mut Cursor<'_>) -> Read<Matcher> {
    cursor.skip_space();
    let start = cursor.at;
    let key = match word(cursor) {
        "" => {
            let message = format!(
                "found {}, expected step, flow, check, stage or a tag's name",
                cursor.found()
            );
            return Err(cursor.fault(start, message));
        }
        "step" => Key::Step,
        "flow" => Key::Flow,
        "check" => Key::Check,
        "group" => Key::Group,
        "status" => Key::Status,
        "stage" => Key::Stage,
        tag => Key::Tag(tag.to_owned()),
    };
    let key_at = cursor.range(start);
    let (relation, value, value_at) = Relation::parse(cursor)?;
    Ok(Matcher {
        key,
        relation,
        value,
        key_at,
        value_at,
    })
}

/// Takes `vs baseline`, and returns true if it is next.
pub(super) fn vs_baseline(cursor: &mut Cursor<'_>) -> Read<bool> {
    cursor.skip_space();
    if !cursor.take_word("vs") {
        return Ok(false);
    }
    cursor.skip_space();
    let start = cursor.at;
    let word = word(cursor);
    if word == "baseline" {
        return Ok(true);
    }
    let message = format!("found {}, expected `baseline`", found(cursor, word));
    Err(cursor.error(
        start,
        &message,
        "write a comparison with stored runs as `vs baseline < +10%`",
    ))
}

pub(super) fn comparator(cursor: &mut Cursor<'_>) -> Read<Comparator> {
    cursor.skip_space();
    let start = cursor.at;
    let symbol = cursor.word(|c| matches!(c, '<' | '>' | '=' | '!'));
    if let Some(comparator) = Comparator::leading(symbol).filter(|c| c.symbol() == symbol) {
        return Ok(comparator);
    }
    let hint = match symbol {
        "=" | "===" => Some("=="),
        "=<" => Some("<="),
        "=>" => Some(">="),
        "<>" | "!==" => Some("!="),
        _ => None,
    };
    let message = format!(
        "found {}, expected <, <=, >, >=, == or !=",
        found(cursor, symbol)
    );
    Err(ExprError {
        hint: hint.map(did_you_mean),
        ..cursor.fault(start, message)
    })
}
