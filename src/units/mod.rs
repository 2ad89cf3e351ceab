//! Quantities with their unit in the type, parsed from an engineer's notation and formatted in the same notation.
//!
//! Measured times are whole microseconds ([`Micros`]); configured times are [`Duration`]s. Nothing in Gander passes a
//! quantity as a bare integer.

mod micros;
mod number;

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use micros::Micros;
pub use number::{show_count, show_counted, show_number, show_percent, show_rate, show_share};

/// A quantity that could not be parsed: the text found and the form expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not {expected}", shown(.found))]
pub struct UnitError {
    /// The text as it was written.
    pub found: String,
    /// The expected form, with an example.
    pub expected: &'static str,
}

fn shown(found: &str) -> String {
    if found.is_empty() {
        "an empty text".to_owned()
    } else {
        format!("`{found}`")
    }
}

const A_DURATION: &str = "a duration such as 500ms, 30s, 5m, 1h30m or 2h";
const A_SHORTER_DURATION: &str = "a duration that any run could last: at most 100 years";
const A_RATE: &str = "a rate such as 200/s, 90/min or 3600/h";
const A_SIZE: &str = "a size such as 512B, 64KiB, 1MiB or 2MB";
const A_QUANTILE: &str = "a percentile such as p50, p95 or p99.9";

/// The longest time that can be written: far longer than any run, and far below the maximum of [`Micros`].
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// Parses a length of time of up to 100 years: one or more numbers, each with `us`, `µs`, `ms`, `s`, `m`, `min`, `h` or `d`.
///
/// ```
/// use std::time::Duration;
/// use gander::units::parse_duration;
/// assert_eq!(parse_duration("1m30s").unwrap(), Duration::from_secs(90));
/// assert_eq!(parse_duration("1.5s").unwrap(), Duration::from_millis(1_500));
/// assert!(parse_duration("30").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let error = || UnitError {
        found: text.to_owned(),
        expected: A_DURATION,
    };
    let too_long = || UnitError {
        expected: A_SHORTER_DURATION,
        ..error()
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(error());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = split_number(rest).ok_or_else(error)?;
        let unit_length = after
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_length);
        let seconds = match unit {
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(error()),
        };
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| too_long())?;
        total = total
            .checked_add(part)
            .filter(|total| *total <= LONGEST)
            .ok_or_else(too_long)?;
        rest = next;
    }
    // Rounding to a nanosecond removes floating-point noise; every clock in use is coarser.
    Ok(Duration::from_micros(
        ((total.as_nanos() + 500) / 1_000) as u64,
    ))
}

/// Writes a duration in the notation of scenarios: `250ms`, `30s`, `1m30s`, `2h`.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(gander::units::show_duration(Duration::from_secs(90)), "1m30s");
/// ```
pub fn show_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    if (1..1_000).contains(&micros) {
        return format!("{micros}µs");
    }
    if (1..1_000_000).contains(&micros) {
        return format!("{}ms", trim_zeros(micros as f64 / 1e3));
    }
    let whole = duration.as_secs();
    let (hours, minutes) = (whole / 3_600, whole % 3_600 / 60);
    let seconds = (whole % 60) as f64 + f64::from(duration.subsec_millis()) / 1e3;
    let mut text = String::new();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    if seconds > 0.0 || text.is_empty() {
        let _ = write!(text, "{}s", trim_zeros(seconds));
    }
    text
}

fn three_digits(value: f64) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

fn trim_zeros(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Splits a leading non-negative decimal number off `text`.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let number: f64 = digits.replace('_', "").parse().ok()?;
    number.is_finite().then_some((number, rest))
}

/// A frequency of starts, stored per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(f64);

impl Rate {
    /// No starts.
    pub const ZERO: Self = Self(0.0);

    /// A rate of `per_second` starts per second; `None` unless it is finite and not negative.
    pub fn per_second(per_second: f64) -> Option<Self> {
        (per_second.is_finite() && per_second >= 0.0).then_some(Self(per_second))
    }

    /// Starts per second.
    pub const fn as_per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    /// Parses `200/s`, `90/min` (or `/m`), `3600/h`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError {
            found: text.to_owned(),
            expected: A_RATE,
        };
        let (number, unit) = text.trim().split_once('/').ok_or_else(error)?;
        let seconds = match unit.trim() {
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            _ => return Err(error()),
        };
        let (number, rest) = split_number(number.trim()).ok_or_else(error)?;
        if !rest.is_empty() {
            return Err(error());
        }
        Self::per_second(number / seconds).ok_or_else(error)
    }
}

impl fmt::Display for Rate {
    /// In a suitable unit, so that a small rate is not shown as zero: `200/s`, `30/min`, `2/h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (factor, unit) = match self.0 {
            rate if rate == 0.0 || rate >= 1.0 => (1.0, "s"),
            rate if rate * 60.0 >= 1.0 => (60.0, "min"),
            _ => (3_600.0, "h"),
        };
        f.pad(&format!("{}/{unit}", trim_zeros(self.0 * factor)))
    }
}

/// A position in a distribution, stored in `[0, 1]`; shown as a percentile.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantile(f64);

impl Quantile {
    /// The median.
    pub const P50: Self = Self(0.50);
    /// 75 of 100 lie at or below.
    pub const P75: Self = Self(0.75);
    /// 90 of 100 lie at or below.
    pub const P90: Self = Self(0.90);
    /// 95 of 100 lie at or below.
    pub const P95: Self = Self(0.95);
    /// 99 of 100 lie at or below.
    pub const P99: Self = Self(0.99);
    /// 999 of 1,000 lie at or below.
    pub const P99_9: Self = Self(0.999);

    /// A quantile in `[0, 1]`, else `None`.
    pub fn new(q: f64) -> Option<Self> {
        (0.0..=1.0).contains(&q).then_some(Self(q))
    }

    /// The position, in `[0, 1]`.
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl FromStr for Quantile {
    type Err = UnitError;

    /// Parses `p95`, `p99.9`: above 0 and at most 100.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError {
            found: text.to_owned(),
            expected: A_QUANTILE,
        };
        let digits = text.strip_prefix('p').ok_or_else(error)?;
        let (percent, rest) = split_number(digits).ok_or_else(error)?;
        if !rest.is_empty() || percent <= 0.0 || percent > 100.0 {
            return Err(error());
        }
        // Equal for every notation: 99.9 / 100 is not 0.999 in binary.
        let q = (percent * 1e7).round() / 1e9;
        Self::new(q).ok_or_else(error)
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = format!("{:.7}", self.0 * 100.0);
        f.pad(&format!(
            "p{}",
            percent.trim_end_matches('0').trim_end_matches('.')
        ))
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = UnitError;

    /// Parses `512B`, `64KiB`, `1MiB`, `1GiB` (powers of 1,024) and `2KB`, `2MB`, `2GB` (powers of 1,000).
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError {
            found: text.to_owned(),
            expected: A_SIZE,
        };
        let (number, unit) = split_number(text.trim()).ok_or_else(error)?;
        let factor = match unit.trim() {
            "B" => 1.0,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            "KB" | "kB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            _ => return Err(error()),
        };
        Ok(Self((number * factor).round() as u64))
    }
}

impl fmt::Display for ByteSize {
    /// Three significant digits in a suitable unit, or a whole number of it: `512 B`, `64 KiB`, `1.50 GiB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1023.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let digits = if value.fract() == 0.0 {
            value.to_string()
        } else {
            three_digits(value)
        };
        f.pad(&format!("{digits} {}", UNITS[unit]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_and_show_the_same() {
        for (text, micros, shown) in [
            ("500ms", 500_000, "500ms"),
            ("30s", 30_000_000, "30s"),
            ("1h30m", 5_400_000_000, "1h30m"),
            ("0.1s", 100_000, "100ms"),
            ("2d", 172_800_000_000, "48h"),
            ("150us", 150, "150µs"),
            ("0s", 0, "0s"),
        ] {
            let parsed = parse_duration(text).expect(text);
            assert_eq!(parsed, Duration::from_micros(micros), "{text}");
            assert_eq!(show_duration(parsed), shown, "{text}");
        }
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1x",
            "1s2",
            "1e999s",
            "99999999999999999999d",
            "40000d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_parse_per_second_minute_and_hour() {
        assert_eq!("200/s".parse::<Rate>().map(Rate::as_per_second), Ok(200.0));
        assert_eq!("90/min".parse::<Rate>().map(Rate::as_per_second), Ok(1.5));
        assert_eq!("3600/h".parse::<Rate>().map(Rate::as_per_second), Ok(1.0));
        for shown in ["200/s", "1.5/s", "30/min", "2/h", "0/s"] {
            let rate = shown.parse::<Rate>().expect(shown);
            assert_eq!(rate.to_string(), shown);
        }
        for text in ["200", "/s", "x/s", "2 2/s", "-1/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn quantiles_round_trip_exactly() {
        assert_eq!("p99.9".parse::<Quantile>(), Ok(Quantile::P99_9));
        assert_eq!("p95".parse::<Quantile>(), Ok(Quantile::P95));
        assert_eq!(Quantile::P99_9.to_string(), "p99.9");
        for text in ["95", "p0", "p101", "p", "p9x"] {
            assert!(text.parse::<Quantile>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_parse_and_show() {
        assert_eq!("64KiB".parse(), Ok(ByteSize(65_536)));
        assert_eq!("2MB".parse(), Ok(ByteSize(2_000_000)));
        for (bytes, shown) in [
            (512, "512 B"),
            (65_536, "64 KiB"),
            (70_000, "68.4 KiB"),
            (3 << 29, "1.50 GiB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), shown);
        }
        assert!("12".parse::<ByteSize>().is_err());
    }

    #[test]
    fn micros_show_three_digits() {
        for (us, shown) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.00 ms"),
            (12_345, "12.3 ms"),
            (999_499, "999 ms"),
            (999_500, "1.00 s"),
            (125_000_000, "2m5s"),
        ] {
            assert_eq!(Micros(us).to_string(), shown);
        }
    }
}
