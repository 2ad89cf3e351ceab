//! The grammar of threshold expressions, and the check that aggregate, metric and unit fit together.
//!
//! ```text
//! expression = aggregate "(" metric [ "{" matcher { "," matcher } "}" ] ")" comparator quantity
//! aggregate  = "p" number | "min" | "max" | "mean" | "sd" | "count" | "rate" | "ratio" | "apdex(" duration ")"
//! matcher    = ( "step" | "flow" | "check" | tag ) ( "=" | "!=" | "=~" | "!~" ) '"' text '"'
//! ```

use regex::Regex;

use super::{Aggregate, Metric, MetricKind, Unit};
use crate::scenario::Comparator;
use crate::units::{ByteSize, Micros, Quantile, Rate, UnitError, parse_duration};

/// A threshold expression, parsed and type-checked, not yet resolved to series.
///
/// ```
/// use gander::plan::threshold::{Aggregate, Expression, Metric, Unit};
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

const AN_AGGREGATE: &str = "p50, p99.9, min, max, mean, sd, count, rate, ratio or apdex(500ms)";

impl Expression {
    /// Parses an expression and checks that aggregate, metric and unit fit together.
    pub fn parse(text: &str) -> Result<Self, ThresholdError> {
        let mut cursor = Cursor {
            chars: text.chars().collect(),
            at: 0,
        };
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
pub(super) fn nearest<'k>(
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

pub(super) fn did_you_mean(word: &str) -> String {
    format!("did you mean `{word}`?")
}

struct Cursor {
    chars: Vec<char>,
    at: usize,
}

impl Cursor {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Passes over white space and says where the next thing stands.
    fn skip_space(&mut self) -> usize {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        self.at
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&accept) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn word(&mut self) -> String {
        self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
    }

    /// An error from `start` to where the cursor stands.
    fn error(&self, start: usize, message: String) -> ThresholdError {
        ThresholdError {
            offset: start,
            length: (self.at - start).max(1),
            message,
            hint: None,
        }
    }

    /// What stands at the cursor, for a message.
    fn found(&self) -> String {
        self.peek()
            .map_or_else(|| "the end".to_owned(), |c| format!("`{c}`"))
    }

    fn expect(&mut self, wanted: char, expected: &str) -> Result<(), ThresholdError> {
        let start = self.skip_space();
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(
            start,
            format!("found {}, expected {expected}", self.found()),
        ))
    }

    fn aggregate(&mut self) -> Result<Aggregate, ThresholdError> {
        let start = self.at;
        let word = self.word();
        let aggregate = match word.as_str() {
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "mean" => Aggregate::Mean,
            "sd" => Aggregate::StandardDeviation,
            "count" => Aggregate::Count,
            "rate" => Aggregate::Rate,
            "ratio" => Aggregate::Ratio,
            "apdex" => return self.apdex(),
            _ if word.starts_with('p') && word[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let quantile: Result<Quantile, UnitError> = word.parse();
                Aggregate::Percentile(
                    quantile.map_err(|error| self.error(start, error.to_string()))?,
                )
            }
            _ => return Err(self.unknown_aggregate(start, &word)),
        };
        Ok(aggregate)
    }

    fn unknown_aggregate(&self, start: usize, word: &str) -> ThresholdError {
        let found = if word.is_empty() {
            self.found()
        } else {
            format!("`{word}`")
        };
        let hint = match word {
            "avg" | "average" => Some("mean"),
            "med" | "median" => Some("p50"),
            "stddev" | "stdev" | "std" => Some("sd"),
            "sum" => Some("count"),
            _ if Metric::ALL.iter().any(|metric| metric.name() == word) => {
                let hint = format!(
                    "an expression names an aggregate first, such as `p95({word})` or `count({word})`"
                );
                let message =
                    format!("found the metric {found}, expected an aggregate: {AN_AGGREGATE}");
                return ThresholdError {
                    hint: Some(hint),
                    ..self.error(start, message)
                };
            }
            _ => nearest(
                word,
                ["min", "max", "mean", "count", "rate", "ratio", "apdex"],
            ),
        };
        ThresholdError {
            hint: hint.map(did_you_mean),
            ..self.error(
                start,
                format!("found {found}, expected an aggregate: {AN_AGGREGATE}"),
            )
        }
    }

    fn apdex(&mut self) -> Result<Aggregate, ThresholdError> {
        self.expect(
            '(',
            "`(` and the time that satisfies, such as `apdex(500ms)(response_time)`",
        )?;
        let start = self.skip_space();
        let text = self.take_while(|c| c != ')');
        let limit = parse_duration(&text).map_err(|error| self.error(start, error.to_string()))?;
        if limit.is_zero() {
            return Err(self.error(
                start,
                "the time that satisfies must be longer than nothing".to_owned(),
            ));
        }
        self.expect(')', "`)`")?;
        Ok(Aggregate::Apdex(limit.into()))
    }

    fn metric(&mut self) -> Result<Metric, ThresholdError> {
        let start = self.at;
        let word = self.word();
        if let Some(metric) = Metric::ALL.into_iter().find(|metric| metric.name() == word) {
            return Ok(metric);
        }
        if word.starts_with("target.") {
            let message = format!("`{word}`: metrics of the target are not supported yet");
            return Err(self.error(start, message));
        }
        let hint = match word.as_str() {
            "http_req_duration" | "latency" | "duration" => Some("response_time"),
            "http_req_failed" | "errors" | "failures" => Some("failed"),
            "http_reqs" => Some("requests"),
            "iteration_duration" => Some("iteration_time"),
            "vus" | "users" => Some("active_users"),
            word => nearest(word, Metric::ALL.map(Metric::name)),
        };
        let found = if word.is_empty() {
            self.found()
        } else {
            format!("`{word}`")
        };
        Err(ThresholdError {
            hint: hint.map_or_else(
                || {
                    Some(format!(
                        "the metrics are {}",
                        Metric::ALL.map(Metric::name).join(", ")
                    ))
                },
                |word| Some(did_you_mean(word)),
            ),
            ..self.error(start, format!("found {found}, expected a metric"))
        })
    }

    fn matchers(&mut self) -> Result<Vec<Matcher>, ThresholdError> {
        self.skip_space();
        if self.peek() != Some('{') {
            return Ok(Vec::new());
        }
        self.at += 1;
        let mut matchers = Vec::new();
        loop {
            matchers.push(self.matcher()?);
            self.skip_space();
            match self.peek() {
                Some(',') => self.at += 1,
                Some('}') => {
                    self.at += 1;
                    return Ok(matchers);
                }
                _ => {
                    let message = format!("found {}, expected `,` or `}}`", self.found());
                    return Err(self.error(self.at, message));
                }
            }
        }
    }

    fn matcher(&mut self) -> Result<Matcher, ThresholdError> {
        let start = self.skip_space();
        let word = self.word();
        let key_at = (start, self.at - start);
        let key = match word.as_str() {
            "" => {
                let message = format!(
                    "found {}, expected step, flow, check or a tag's name",
                    self.found()
                );
                return Err(self.error(start, message));
            }
            "step" => Key::Step,
            "flow" => Key::Flow,
            "check" => Key::Check,
            _ => Key::Tag(word),
        };
        let start = self.skip_space();
        let symbol = self.take_while(|c| matches!(c, '=' | '!' | '~'));
        if !matches!(symbol.as_str(), "=" | "!=" | "=~" | "!~") {
            let found = if symbol.is_empty() {
                self.found()
            } else {
                format!("`{symbol}`")
            };
            let hint = (symbol == "==").then(|| did_you_mean("="));
            let message = format!("found {found}, expected =, !=, =~ or !~");
            return Err(ThresholdError {
                hint,
                ..self.error(start, message)
            });
        }
        let (value, value_at) = self.quoted()?;
        let regex = || {
            // Anchored at both ends, as in PromQL.
            Regex::new(&format!("^(?:{value})$")).map_err(|error| ThresholdError {
                offset: value_at.0,
                length: value_at.1.max(1),
                message: format!(
                    "`{value}` is not a regular expression: {}",
                    last_line(&error.to_string())
                ),
                hint: None,
            })
        };
        let relation = match symbol.as_str() {
            "=" => Relation::Is,
            "!=" => Relation::IsNot,
            "=~" => Relation::Matches(regex()?),
            _ => Relation::MatchesNot(regex()?),
        };
        Ok(Matcher {
            key,
            relation,
            value,
            key_at,
            value_at,
        })
    }

    /// A text between double quotes, in which `\"` and `\\` stand for themselves.
    fn quoted(&mut self) -> Result<(String, (usize, usize)), ThresholdError> {
        self.expect('"', "a text in double quotes, such as `\"login\"`")?;
        let start = self.at;
        let mut text = String::new();
        loop {
            match (self.peek(), self.chars.get(self.at + 1)) {
                (Some('"'), _) => break,
                (Some('\\'), Some(&escaped @ ('"' | '\\'))) => {
                    text.push(escaped);
                    self.at += 2;
                }
                (Some(c), _) => {
                    text.push(c);
                    self.at += 1;
                }
                (None, _) => {
                    return Err(self.error(
                        start.saturating_sub(1),
                        "this text has no closing `\"`".to_owned(),
                    ));
                }
            }
        }
        let at = (start, self.at - start);
        self.at += 1;
        Ok((text, at))
    }

    fn refuse_baseline(&mut self) -> Result<(), ThresholdError> {
        let start = self.skip_space();
        let before = self.at;
        if self.word() == "vs" {
            self.at = self.chars.len();
            return Err(self.error(
                start,
                "a comparison with a baseline is not supported yet".to_owned(),
            ));
        }
        self.at = before;
        Ok(())
    }

    fn comparator(&mut self) -> Result<Comparator, ThresholdError> {
        let start = self.skip_space();
        let symbol = self.take_while(|c| matches!(c, '<' | '>' | '=' | '!'));
        Ok(match symbol.as_str() {
            "<" => Comparator::Less,
            "<=" => Comparator::LessOrEqual,
            ">" => Comparator::Greater,
            ">=" => Comparator::GreaterOrEqual,
            "==" => Comparator::Equal,
            "!=" => Comparator::NotEqual,
            _ => {
                let found = if symbol.is_empty() {
                    self.found()
                } else {
                    format!("`{symbol}`")
                };
                let hint = match symbol.as_str() {
                    "=" => Some("=="),
                    "=<" => Some("<="),
                    "=>" => Some(">="),
                    _ => None,
                };
                return Err(ThresholdError {
                    hint: hint.map(did_you_mean),
                    ..self.error(
                        start,
                        format!("found {found}, expected <, <=, >, >=, == or !="),
                    )
                });
            }
        })
    }

    /// The limit, to the end of the text.
    fn quantity(&mut self, metric: Metric, unit: Unit) -> Result<f64, ThresholdError> {
        let start = self.skip_space();
        let text = self.take_while(|_| true);
        let text = text.trim_end();
        self.at = start + text.chars().count();
        let plain: Option<f64> = text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite() && *number >= 0.0);
        let (limit, expected, hint) = match unit {
            Unit::Us => (
                parse_duration(text)
                    .ok()
                    .map(|limit| Micros::from(limit).0 as f64),
                "a duration such as 500ms or 1.5s",
                plain.map(|_| format!("{text}ms")),
            ),
            Unit::Ratio => {
                let percent = text
                    .strip_suffix('%')
                    .and_then(|number| number.trim_end().parse::<f64>().ok());
                let part = percent.map(|percent| percent / 100.0).or(plain);
                (
                    part.filter(|part| (0.0..=1.0).contains(part)),
                    "a part from 0% to 100%",
                    plain
                        .filter(|number| *number <= 100.0)
                        .map(|_| format!("{text}%")),
                )
            }
            Unit::Count => (plain, "a plain number", None),
            Unit::PerSecond if metric.kind() == MetricKind::Bytes => (
                text.strip_suffix("/s")
                    .and_then(|size| size.parse().ok())
                    .map(|size: ByteSize| size.0 as f64),
                "bytes per second such as 1MiB/s",
                None,
            ),
            Unit::PerSecond => (
                text.parse().ok().map(Rate::as_per_second),
                "a rate such as 200/s",
                plain.map(|_| format!("{text}/s")),
            ),
            Unit::Bytes => (
                text.parse().ok().map(|size: ByteSize| size.0 as f64),
                "a size such as 64KiB or 1GiB",
                None,
            ),
        };
        limit.ok_or_else(|| {
            let found = if text.is_empty() {
                "the end".to_owned()
            } else {
                format!("`{text}`")
            };
            ThresholdError {
                hint: hint.as_deref().map(did_you_mean),
                ..self.error(start, format!("found {found}, expected {expected}"))
            }
        })
    }
}

fn last_line(text: &str) -> &str {
    text.lines()
        .last()
        .unwrap_or(text)
        .trim_start_matches("error: ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_aggregate_fits_the_metrics_it_says() {
        for (text, limit, unit) in [
            ("p50(response_time) < 1m", 60e6, Unit::Us),
            ("p99.99(service_time)<=250us", 250.0, Unit::Us),
            ("min(ttfb) >= 1ms", 1e3, Unit::Us),
            (" max( connect ) < 1m30s ", 90e6, Unit::Us),
            ("mean(tls) != 5ms", 5e3, Unit::Us),
            ("sd(iteration_time) < 1s", 1e6, Unit::Us),
            ("count(start_lag) > 10", 10.0, Unit::Count),
            ("apdex(500ms)(response_time) > 0.9", 0.9, Unit::Ratio),
            ("count(requests) == 1000", 1e3, Unit::Count),
            ("rate(iterations) > 90/min", 1.5, Unit::PerSecond),
            ("ratio(failed) < 1%", 0.01, Unit::Ratio),
            ("ratio(failed) <= 0.005", 0.005, Unit::Ratio),
            ("ratio(checks) >= 99.5 %", 0.995, Unit::Ratio),
            ("ratio(unstarted) < 1%", 0.01, Unit::Ratio),
            (
                "count(bytes_in) < 1GiB",
                1024.0 * 1024.0 * 1024.0,
                Unit::Bytes,
            ),
            ("rate(bytes_out) < 2MB/s", 2e6, Unit::PerSecond),
            ("max(active_users) <= 300", 300.0, Unit::Count),
            ("mean(generator.cpu) < 60%", 0.6, Unit::Ratio),
            (
                "max(generator.rss) < 512MiB",
                512.0 * 1024.0 * 1024.0,
                Unit::Bytes,
            ),
        ] {
            let expression = Expression::parse(text).expect(text);
            assert!(
                (expression.limit - limit).abs() < 1e-9 * limit,
                "{text}: {}",
                expression.limit
            );
            assert_eq!(expression.unit, unit, "{text}");
        }
    }

    #[test]
    fn selectors_compare_names_and_tags() {
        let text = r#"p95(response_time{step="say \"hi\"", flow!="admin", area=~"cat.*", tier!~"a|b"}) < 1s"#;
        let matchers = Expression::parse(text).expect(text).matchers;
        let accepted: Vec<bool> = matchers
            .iter()
            .zip(["say \"hi\"", "browse", "catalogue", "ab"])
            .map(|(matcher, value)| matcher.accepts(value))
            .collect();
        assert_eq!(accepted, [true; 4], "the whole value must match");
        assert!(!matchers[2].accepts("a cat") && !matchers[1].accepts("admin"));
        assert_eq!(matchers[2].key, Key::Tag("area".to_owned()));
    }

    /// The error, with the characters it underlines and its hint.
    fn error(text: &str) -> (String, String, Option<String>) {
        let error = Expression::parse(text).expect_err(text);
        let underlined = text.chars().skip(error.offset).take(error.length).collect();
        (underlined, error.message, error.hint)
    }

    #[test]
    fn errors_point_at_what_is_wrong_and_say_what_to_do() {
        for (text, underlined, message, hint) in [
            ("", "", "found the end, expected an aggregate", None),
            (
                "response_time < 1s",
                "response_time",
                "expected an aggregate",
                Some("such as `p95(response_time)`"),
            ),
            (
                "avg(response_time) < 1s",
                "avg",
                "found `avg`",
                Some("did you mean `mean`?"),
            ),
            (
                "p101(response_time) < 1s",
                "p101",
                "is not a percentile",
                None,
            ),
            ("p95 response_time < 1s", "r", "expected `(`", None),
            (
                "p95(latency) < 1s",
                "latency",
                "found `latency`",
                Some("did you mean `response_time`?"),
            ),
            (
                "p95(zzz) < 1s",
                "zzz",
                "expected a metric",
                Some("the metrics are response_time,"),
            ),
            (
                "p95(failed) < 1s",
                "p95",
                "`p95` does not apply to failed; ratio, count or rate does",
                None,
            ),
            (
                "ratio(requests) < 1%",
                "ratio",
                "does not apply",
                Some("did you mean `ratio(failed)`?"),
            ),
            (
                "apdex(500ms)(iteration_time) > 0.9",
                "apdex(500ms)",
                "does not apply",
                None,
            ),
            (
                "apdex(soon)(response_time) > 0.9",
                "soon",
                "is not a duration",
                None,
            ),
            ("p95(response_time < 1s", "<", "expected `)`", None),
            (
                "p95(response_time) = 1s",
                "=",
                "found `=`",
                Some("did you mean `==`?"),
            ),
            ("p95(response_time) 1s", "1", "expected <, <=", None),
            (
                "p95(response_time) < 500",
                "500",
                "expected a duration",
                Some("did you mean `500ms`?"),
            ),
            (
                "p95(response_time) < ",
                "",
                "found the end, expected a duration",
                None,
            ),
            (
                "p95(response_time) < 500ms or so",
                "500ms or so",
                "expected a duration",
                None,
            ),
            (
                "ratio(failed) < 5",
                "5",
                "expected a part from 0% to 100%",
                Some("did you mean `5%`?"),
            ),
            ("ratio(failed) < 101%", "101%", "expected a part", None),
            (
                "rate(requests) > 200",
                "200",
                "expected a rate",
                Some("did you mean `200/s`?"),
            ),
            ("count(bytes_in) < 10", "10", "expected a size", None),
            (
                "count(requests) > -1",
                "-1",
                "expected a plain number",
                None,
            ),
            (
                "p95(response_time{step=\"a}) < 1s",
                "\"a}) < 1s",
                "no closing",
                None,
            ),
            (
                "p95(response_time{step='a'}) < 1s",
                "'",
                "double quotes",
                None,
            ),
            (
                "p95(response_time{step==\"a\"}) < 1s",
                "==",
                "expected =, !=",
                Some("did you mean `=`?"),
            ),
            (
                "p95(response_time{}) < 1s",
                "}",
                "expected step, flow",
                None,
            ),
            (
                "p95(response_time{step=~\"(\"}) < 1s",
                "(",
                "not a regular expression",
                None,
            ),
            (
                "p95(response_time) vs baseline < +5%",
                "vs baseline < +5%",
                "not supported yet",
                None,
            ),
            (
                "ratio(target.cache_hits) > 85%",
                "target.cache_hits",
                "not supported yet",
                None,
            ),
        ] {
            let found = error(text);
            assert_eq!(found.0, underlined, "{text}: {}", found.1);
            assert!(found.1.contains(message), "{text}: {}", found.1);
            let found_hint = found.2.as_deref().unwrap_or_default();
            assert!(
                found_hint.contains(hint.unwrap_or_default()),
                "{text}: {found_hint}"
            );
            assert_eq!(found.2.is_some(), hint.is_some(), "{text}: {found_hint}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_an_error_within_it(
            pieces in prop::collection::vec(prop::sample::select(&PIECES), 0..12),
        ) {
            let text: String = pieces.concat();
            if let Err(error) = Expression::parse(&text) {
                prop_assert!(error.length > 0 && error.offset <= text.chars().count(), "{:?}", error);
            }
        }
    }

    const PIECES: [&str; 15] = [
        "p95",
        "(",
        ")",
        "{",
        "}",
        "\"",
        "response_time",
        "failed",
        "=~",
        "<",
        " ",
        "é",
        "1",
        "%",
        "vs",
    ];
}
