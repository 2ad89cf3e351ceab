//! A duration with a unit: `250us`, `5ms`, `1.5s`, `2m`, `8h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Units in microseconds, longest first; used for parsing and printing.
const UNITS: [(&str, u64); 5] = [
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// A duration that is written with its unit, with microsecond resolution, at most [`Span::LONGEST`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A year: practically unlimited, and far from overflowing sums of times.
    pub const LONGEST: Self = Self::seconds(365 * 24 * 3_600);

    /// `count` seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }

    /// `count` milliseconds.
    pub const fn milliseconds(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "expected a duration such as 250us, 5ms, 1.5s, 2m or 8h, at most 8760h";
        let unit_at = text.find(|c: char| c.is_ascii_alphabetic());
        let (number, unit) = text.split_at(unit_at.ok_or(EXPECTED)?);
        let (_, microseconds) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(EXPECTED)?;
        let number: f64 = number.parse().map_err(|_| EXPECTED)?;
        let microseconds = (number * *microseconds as f64).round();
        (0.0..=Self::LONGEST.0.as_micros() as f64)
            .contains(&microseconds)
            .then(|| Self(Duration::from_micros(microseconds as u64)))
            .ok_or(EXPECTED)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let microseconds = self.0.as_micros() as u64;
        let (unit, size) = UNITS
            .into_iter()
            .find(|(_, size)| microseconds >= *size && microseconds.is_multiple_of(*size))
            .unwrap_or(("s", 1_000_000));
        write!(out, "{}{unit}", microseconds / size)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_parsed_with_its_unit_and_printed_with_the_longest_exact_unit() {
        for (text, microseconds, written) in [
            ("250us", 250, "250us"),
            ("1.5s", 1_500_000, "1500ms"),
            ("120s", 120_000_000, "2m"),
            ("90m", 5_400_000_000, "90m"),
            ("8h", 28_800_000_000, "8h"),
            ("0s", 0, "0s"),
            ("1.0004ms", 1_000, "1ms"),
            ("8760h", 31_536_000_000_000, "8760h"),
        ] {
            let span: Span = text.parse().expect("a duration");
            assert_eq!(span.0, Duration::from_micros(microseconds));
            assert_eq!(span.to_string(), written);
        }
    }

    #[test]
    fn an_invalid_duration_is_rejected() {
        for text in ["", "5", "ms", "-1s", "1d", "nans", "8761h", "1e99h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
