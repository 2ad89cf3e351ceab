//! Reading an expression character by character, every error with its place.

use regex::Regex;

use super::parse::{Key, Matcher, Relation, ThresholdError, did_you_mean, nearest};
use super::{Aggregate, Metric, synonyms};
use crate::units::{Quantile, UnitError, parse_duration};

const AN_AGGREGATE: &str = "p50, p99.9, min, max, mean, sd, count, rate, ratio or apdex(500ms)";

/// A place in an expression.
pub(super) struct Cursor {
    chars: Vec<char>,
    pub(super) at: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Passes over white space and says where the next thing stands.
    pub(super) fn skip_space(&mut self) -> usize {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        self.at
    }

    pub(super) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
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
    pub(super) fn error(&self, start: usize, message: String) -> ThresholdError {
        ThresholdError {
            offset: start,
            length: (self.at - start).max(1),
            message,
            hint: None,
        }
    }

    /// What stands at the cursor, for a message.
    pub(super) fn found(&self) -> String {
        self.peek()
            .map_or_else(|| "the end".to_owned(), |c| format!("`{c}`"))
    }

    pub(super) fn expect(&mut self, wanted: char, expected: &str) -> Result<(), ThresholdError> {
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

    pub(super) fn aggregate(&mut self) -> Result<Aggregate, ThresholdError> {
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
        let metric = Metric::ALL
            .into_iter()
            .find(|metric| metric.name() == word)
            .or_else(|| synonyms::metric(word));
        let message = format!("found {found}, expected an aggregate: {AN_AGGREGATE}");
        let hint = match (metric, synonyms::aggregate(word)) {
            (Some(metric), _) => {
                let (name, usual) = (metric.name(), synonyms::usual(metric));
                Some(format!(
                    "an expression names an aggregate first, such as `{usual}({name})`"
                ))
            }
            (None, Some(meant)) => Some(did_you_mean(meant)),
            // As k6 has it: `p(95)`.
            (None, None) if word == "p" => {
                Some("the percentile follows the p, such as `p95(response_time)`".to_owned())
            }
            (None, None) => nearest(
                word,
                ["min", "max", "mean", "count", "rate", "ratio", "apdex"],
            )
            .map(did_you_mean),
        };
        ThresholdError {
            hint,
            ..self.error(start, message)
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

    pub(super) fn metric(&mut self) -> Result<Metric, ThresholdError> {
        let start = self.at;
        let word = self.word();
        if let Some(metric) = Metric::ALL.into_iter().find(|metric| metric.name() == word) {
            return Ok(metric);
        }
        if word.starts_with("target.") {
            let message = format!("`{word}`: metrics of the target are not supported yet");
            return Err(self.error(start, message));
        }
        let hint = synonyms::metric(&word).map(Metric::name);
        let hint = hint.or_else(|| nearest(&word, Metric::ALL.map(Metric::name)));
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

    pub(super) fn matchers(&mut self) -> Result<Vec<Matcher>, ThresholdError> {
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

    pub(super) fn refuse_baseline(&mut self) -> Result<(), ThresholdError> {
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
}

fn last_line(text: &str) -> &str {
    text.lines()
        .last()
        .unwrap_or(text)
        .trim_start_matches("error: ")
}
