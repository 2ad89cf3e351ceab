//! The right-hand side of an expression: how to compare, and with what.

use super::cursor::Cursor;
use super::parse::{ThresholdError, did_you_mean};
use super::{Metric, MetricKind, Unit};
use crate::scenario::Comparator;
use crate::units::{ByteSize, Micros, Rate, parse_duration};

impl Cursor {
    pub(super) fn comparator(&mut self) -> Result<Comparator, ThresholdError> {
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
    pub(super) fn quantity(&mut self, metric: Metric, unit: Unit) -> Result<f64, ThresholdError> {
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
