//! Parses the quantities that thresholds compare with.

use super::super::ExprError;
use super::super::cursor::Cursor;
use super::read::found;
use super::{Metric, MetricKind, Unit};
use crate::source::did_you_mean;
use crate::units::{ByteSize, Micros, Rate, parse_duration};

/// Parses the limit, to the end of the text.
pub(super) fn limit(cursor: &mut Cursor<'_>, metric: Metric, unit: Unit) -> Result<f64, ExprError> {
    cursor.skip_space();
    let text = cursor.rest().trim_end();
    read_limit(cursor, text, metric, unit)
}

/// Parses the limit, up to the next closing parenthesis.
pub(super) fn limit_in_parentheses(
    cursor: &mut Cursor<'_>,
    metric: Metric,
    unit: Unit,
) -> Result<f64, ExprError> {
    cursor.skip_space();
    let text = cursor
        .rest()
        .split(')')
        .next()
        .unwrap_or_default()
        .trim_end();
    read_limit(cursor, text, metric, unit)
}

fn read_limit(
    cursor: &mut Cursor<'_>,
    text: &str,
    metric: Metric,
    unit: Unit,
) -> Result<f64, ExprError> {
    let start = cursor.at;
    cursor.at += text.len();
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
            // Prometheus writes seconds without a unit.
            plain.map(|_| match metric {
                Metric::KeptSeconds => format!("{text}s"),
                _ => format!("{text}ms"),
            }),
        ),
        // Some tools read 1 as 100 %, others as 1 %.
        Unit::Ratio if text == "1" => {
            let message = "found `1`, which may mean 100 % or 1 %: write `100%` or `1%`";
            return Err(cursor.fault(start, message));
        }
        Unit::Ratio => {
            let percent = text
                .strip_suffix('%')
                .and_then(|number| number.trim_end().parse::<f64>().ok());
            let part = percent.map(|percent| percent / 100.0).or(plain);
            (
                part.filter(|part| (0.0..=1.0).contains(part)),
                "a ratio from 0% to 100%",
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
            match metric.kind() {
                MetricKind::Part if text.ends_with('%') => {
                    Some(format!("ratio({})", metric.name()))
                }
                MetricKind::Time
                | MetricKind::Counter
                | MetricKind::Part
                | MetricKind::Checks
                | MetricKind::Bytes
                | MetricKind::Gauge
                | MetricKind::Trend
                | MetricKind::Value
                | MetricKind::KeptValue
                | MetricKind::KeptRate
                | MetricKind::KeptQuotient => plain.map(|_| format!("{text}/s")),
            },
        ),
        Unit::Bytes => (
            text.parse().ok().map(|size: ByteSize| size.0 as f64),
            "a size such as 64KiB or 1GiB",
            None,
        ),
        Unit::Change
        | Unit::ChangePerHour
        | Unit::UsPerHour
        | Unit::RatioPerHour
        | Unit::CountPerHour
        | Unit::BytesPerHour => (
            signed_percent(text),
            "a change with its sign, such as +10% or -5%",
            percent(text).map(|_| format!("+{text}")),
        ),
    };
    limit.ok_or_else(|| {
        let message = format!("found {}, expected {expected}", found(cursor, text));
        ExprError {
            hint: hint.as_deref().map(did_you_mean),
            ..cursor.fault(start, message)
        }
    })
}

/// Parses the limit of a slope, to the end of the text; returns it per hour, with its unit. `unit` is that of the number
/// that slopes.
pub(super) fn slope(cursor: &mut Cursor<'_>, unit: Unit) -> Result<(f64, Unit), ExprError> {
    cursor.skip_space();
    let start = cursor.at;
    let text = cursor.rest().trim_end();
    cursor.at += text.len();
    let read = || {
        let (amount, time) = text.rsplit_once('/')?;
        let per_hour = match time.trim() {
            "min" => 60.0,
            "h" => 1.0,
            "d" => 1.0 / 24.0,
            _ => return None,
        };
        let amount = amount.trim();
        let (sign, amount) = match amount.strip_prefix('-') {
            Some(amount) => (-1.0, amount),
            None => (1.0, amount.strip_prefix('+').unwrap_or(amount)),
        };
        let (amount, unit) = match (percent(amount), unit) {
            (Some(part), Unit::Ratio) => (part, Unit::RatioPerHour),
            (Some(part), _) => (part, Unit::ChangePerHour),
            (None, Unit::Us) => (
                Micros::from(parse_duration(amount).ok()?).0 as f64,
                Unit::UsPerHour,
            ),
            (None, Unit::Bytes) => (
                amount.parse::<ByteSize>().ok()?.0 as f64,
                Unit::BytesPerHour,
            ),
            (None, Unit::Count) => (
                amount
                    .parse()
                    .ok()
                    .filter(|number: &f64| number.is_finite())?,
                Unit::CountPerHour,
            ),
            (None, _) => return None,
        };
        Some((sign * amount * per_hour, unit))
    };
    read().ok_or_else(|| {
        let example = match unit.per_hour() {
            Some(Unit::UsPerHour) => "1%/h or 5ms/h",
            Some(Unit::BytesPerHour) => "1%/h or 5MB/h",
            Some(Unit::CountPerHour) => "1%/h or 10/h",
            _ => "1%/h",
        };
        let message = format!(
            "found {}, expected a slope such as {example}",
            found(cursor, text)
        );
        let hint =
            (!text.contains('/') && !text.is_empty()).then(|| did_you_mean(&format!("{text}/h")));
        ExprError {
            hint,
            ..cursor.fault(start, message)
        }
    })
}

/// A percentage that begins with `+` or `-`, as a part of one.
fn signed_percent(text: &str) -> Option<f64> {
    match text.strip_prefix('+') {
        Some(rise) => percent(rise),
        None => text.strip_prefix('-').and_then(percent).map(|fall| -fall),
    }
}

/// A percentage without a sign, as a part of one.
fn percent(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?.trim();
    let is_unsigned = number.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let number: f64 = number.parse().ok().filter(|_| is_unsigned)?;
    number.is_finite().then_some(number / 100.0)
}
