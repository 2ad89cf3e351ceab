//! Numbers that keep their digits.

use std::cmp::Ordering;
use std::fmt;

/// A number with its original digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(Digits);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Digits {
    /// A whole number in its usual form.
    Whole(i64),
    /// Any other JSON number.
    Written(Box<str>),
}

impl Number {
    /// Parses a JSON number; `None` if the complete text is not one.
    pub fn from_json(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let exponent = exponent.map(|digits| digits.strip_prefix(['+', '-']).unwrap_or(digits));
        let is_number = are_digits(whole)
            && (whole == "0" || !whole.starts_with('0'))
            && fraction.is_none_or(are_digits)
            && exponent.is_none_or(are_digits);
        is_number.then(|| Self::of(text))
    }

    /// Parses a number in a form that people use: JSON, or with a sign `+`, leading zeros, or no digit on one side of
    /// the point.
    pub fn from_text(text: &str) -> Option<Self> {
        if let Some(number) = Self::from_json(text) {
            return Some(number);
        }
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => ("-", unsigned),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(unsigned.len());
        let (whole, rest) = unsigned.split_at(end);
        let fraction = rest.strip_prefix('.').unwrap_or_default();
        if whole.is_empty() && !fraction.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let rest = match rest.strip_prefix('.') {
            Some(after) if !after.starts_with(|c: char| c.is_ascii_digit()) => after,
            _ => rest,
        };
        Self::from_json(&format!("{sign}{whole}{rest}"))
    }

    /// A number from a valid JSON number.
    pub(super) fn of(digits: &str) -> Self {
        match digits.parse::<i64>() {
            Ok(whole) if digits != "-0" => Self(Digits::Whole(whole)),
            _ => Self(Digits::Written(digits.into())),
        }
    }

    /// The whole number, if it is written as one.
    pub const fn as_whole(&self) -> Option<i64> {
        match self.0 {
            Digits::Whole(whole) => Some(whole),
            Digits::Written(_) => None,
        }
    }

    /// True for zero.
    pub fn is_zero(&self) -> bool {
        match &self.0 {
            Digits::Whole(whole) => *whole == 0,
            Digits::Written(digits) => Decimal::of(digits).is_zero(),
        }
    }

    /// Compares exactly: 1E2 equals 100, and digits beyond the seventeenth count.
    pub fn compare(&self, other: &Self) -> Ordering {
        if let (Digits::Whole(left), Digits::Whole(right)) = (&self.0, &other.0) {
            return left.cmp(right);
        }
        let (left, right) = (self.to_string(), other.to_string());
        Decimal::of(&left).compare(&Decimal::of(&right))
    }
}

/// The digits before an exponent, and the exponent; 0 if there is none.
pub(super) fn split_exponent(text: &str) -> (&str, &str) {
    text.split_once(['e', 'E']).unwrap_or((text, "0"))
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Digits::Whole(whole) => write!(f, "{whole}"),
            Digits::Written(digits) => f.write_str(digits),
        }
    }
}

impl From<i64> for Number {
    fn from(whole: i64) -> Self {
        Self(Digits::Whole(whole))
    }
}

impl From<u64> for Number {
    fn from(whole: u64) -> Self {
        i64::try_from(whole).map_or_else(|_| Self::of(&whole.to_string()), Self::from)
    }
}

impl From<&serde_json::Number> for Number {
    fn from(number: &serde_json::Number) -> Self {
        match number.as_i64() {
            Some(whole) => whole.into(),
            None => Self::of(&number.to_string()),
        }
    }
}

impl From<&Number> for serde_json::Number {
    fn from(number: &Number) -> Self {
        let text = number.to_string();
        serde_json::from_str(&text).unwrap_or_else(|_| {
            let bound = if text.starts_with('-') {
                f64::MIN
            } else {
                f64::MAX
            };
            Self::from_f64(bound).unwrap_or_else(|| 0.into())
        })
    }
}

/// The parts of a number: 0.`digits` × 10^`scale`, without zeros at either end of the digits.
#[derive(Debug)]
struct Decimal<'d> {
    is_negative: bool,
    /// The digits before the point, and those after it.
    parts: (&'d str, &'d str),
    scale: i64,
}

impl<'d> Decimal<'d> {
    fn of(text: &'d str) -> Self {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = split_exponent(unsigned);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') {
            i64::MIN
        } else {
            i64::MAX
        });
        let significant = whole.trim_start_matches('0');
        let (parts, scale) = if significant.is_empty() {
            let digits = fraction.trim_start_matches('0');
            (("", digits), -((fraction.len() - digits.len()) as i64))
        } else {
            ((significant, fraction), significant.len() as i64)
        };
        Self {
            is_negative: text.starts_with('-'),
            parts,
            scale: scale.saturating_add(exponent),
        }
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.parts.0.bytes().chain(self.parts.1.bytes())
    }

    fn is_zero(&self) -> bool {
        self.digits().all(|digit| digit == b'0')
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) if other.is_negative => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            (false, true) if self.is_negative => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_sizes(other),
            (true, true) => other.compare_sizes(self),
        }
    }

    fn compare_sizes(&self, other: &Self) -> Ordering {
        let longest = self.digits().count().max(other.digits().count());
        let padded = |decimal: &Self| {
            let digits: Vec<u8> = decimal
                .digits()
                .chain(std::iter::repeat(b'0'))
                .take(longest)
                .collect();
            digits
        };
        self.scale
            .cmp(&other.scale)
            .then_with(|| padded(self).cmp(&padded(other)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::from_json(text).expect(text)
    }

    #[test]
    fn numbers_are_compared_exactly() {
        use Ordering::{Equal, Less};
        for (left, right, expected) in [
            ("1", "1.0", Equal),
            ("1E2", "100", Equal),
            ("100e-2", "1", Equal),
            ("0.001", "1e-3", Equal),
            ("-0", "0.0e9", Equal),
            ("9", "10", Less),
            ("-10", "-9", Less),
            ("-1", "0", Less),
            ("0", "0.0001", Less),
            ("0.1", "0.10000000000000000000000000000000001", Less),
            ("123456789012345678901", "123456789012345678902", Less),
            ("9007199254740992", "9007199254740993", Less),
            ("1e99999999999999999999", "2e99999999999999999999", Less),
            ("1e-99999999999999999999", "1", Less),
        ] {
            assert_eq!(
                number(left).compare(&number(right)),
                expected,
                "{left} {right}"
            );
            assert_eq!(number(right).compare(&number(left)), expected.reverse());
        }
    }

    #[test]
    fn only_numbers_are_read_and_their_digits_stay() {
        for (text, kept) in [
            ("10.00", Some("10.00")),
            ("1E2", Some("1E2")),
            ("+5", Some("5")),
            ("007", Some("7")),
            ("-00.50", Some("-0.50")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("", None),
            ("-", None),
            (".", None),
            ("1_000", None),
            ("1e", None),
            ("1.2.3", None),
            ("0x1f", None),
            ("nan", None),
            (" 1", None),
            ("ü", None),
        ] {
            let read = Number::from_text(text).map(|number| number.to_string());
            assert_eq!(read.as_deref(), kept, "{text:?}");
        }
        assert_eq!(Number::from_json("007"), None);
    }

    proptest! {
        #[test]
        fn whole_numbers_are_ordered_as_they_are(left: i64, right: i64) {
            let far = |whole: i64| Number::of(&format!("{whole}.0"));
            prop_assert_eq!(far(left).compare(&far(right)), left.cmp(&right));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            if let Some(number) = Number::from_text(&text) {
                prop_assert_eq!(number.compare(&number), Ordering::Equal);
            }
        }
    }
}
