//! Arithmetic of numbers: exact while their digits fit into 128 bits, otherwise in floating point.

use super::number::split_exponent;
use super::{Number, Value};

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`: the remainder; it has the sign of the left side.
    Remainder,
}

impl Operator {
    /// The operator as written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// The reason why a calculation has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoResult {
    /// The right side of `/` or `%` is zero.
    #[error("division by zero")]
    DivisionByZero,
    /// No number that Gander calculates with holds the result.
    #[error("the result has too many digits")]
    Overflow,
}

impl Number {
    /// The result of `self operator other`. Whole numbers and decimals are exact: `0.1 + 0.2` is 0.3, and a result
    /// keeps the decimals of its operands. A quotient that does not end is a floating-point number.
    pub fn apply(&self, operator: Operator, other: &Self) -> Result<Self, NoResult> {
        if matches!(operator, Operator::Divide | Operator::Remainder) && other.is_zero() {
            return Err(NoResult::DivisionByZero);
        }
        if let (Some(left), Some(right)) = (self.as_whole(), other.as_whole())
            && let Some(result) = whole(left, operator, right)
        {
            return Ok(result.into());
        }
        if let (Some(left), Some(right)) = (Exact::of(self), Exact::of(other)) {
            if let Some(result) = left.apply(operator, right) {
                return Ok(result.into_number());
            }
            // A whole number that loses digits without notice would be an identifier of something else.
            if left.exponent == 0 && right.exponent == 0 && operator != Operator::Divide {
                return Err(NoResult::Overflow);
            }
        }
        let (left, right) = (self.to_float(), other.to_float());
        Self::from_float(match operator {
            Operator::Add => left + right,
            Operator::Subtract => left - right,
            Operator::Multiply => left * right,
            Operator::Divide => left / right,
            Operator::Remainder => left % right,
        })
        .ok_or(NoResult::Overflow)
    }

    /// The number with the other sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        if let Some(negated) = self.as_whole().and_then(i64::checked_neg) {
            return negated.into();
        }
        let digits = self.to_string();
        match digits.strip_prefix('-') {
            Some(positive) => Self::of(positive),
            None => Self::of(&format!("-{digits}")),
        }
    }

    /// The nearest floating-point number.
    pub fn to_float(&self) -> f64 {
        match self.as_whole() {
            Some(whole) => whole as f64,
            None => self.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    /// The number; `None` if it is infinite or not a number.
    pub fn from_float(float: f64) -> Option<Self> {
        let number = serde_json::Number::from_f64(float)?;
        Some((&number).into())
    }

    /// The number rounded to this many decimals, halves away from zero as in a shop. It keeps the decimals: 1.5 with
    /// two is 1.50.
    #[must_use]
    pub fn rounded(&self, decimals: u32, rounding: Rounding) -> Self {
        if decimals == 0 && self.as_whole().is_some() {
            return self.clone();
        }
        let exact = Exact::of(self).and_then(|exact| exact.rounded(decimals, rounding));
        exact.map_or_else(|| self.clone(), Exact::into_number)
    }
}

/// The direction of rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest.
    Nearest,
    /// Down.
    Floor,
    /// Up.
    Ceiling,
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

fn whole(left: i64, operator: Operator, right: i64) -> Option<i64> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide if left.checked_rem(right) == Some(0) => left.checked_div(right),
        Operator::Divide => None,
        Operator::Remainder => left.checked_rem(right),
    }
}

/// A decimal number: `mantissa` × 10^`exponent`.
#[derive(Debug, Clone, Copy)]
struct Exact {
    mantissa: i128,
    /// From -[`MOST_DIGITS`] to 0.
    exponent: i32,
}

/// A mantissa of this many digits always fits.
const MOST_DIGITS: i32 = 38;

impl Exact {
    /// `None` if it needs more digits.
    fn of(number: &Number) -> Option<Self> {
        if let Some(whole) = number.as_whole() {
            return Some(Self {
                mantissa: whole.into(),
                exponent: 0,
            });
        }
        let text = number.to_string();
        let (mantissa, exponent) = split_exponent(&text);
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() > MOST_DIGITS as usize + 1 {
            return None;
        }
        Self {
            mantissa: format!("{whole}{fraction}").parse().ok()?,
            exponent: exponent.checked_sub(fraction.len() as i32)?,
        }
        .normal()
    }

    /// With an exponent that is not above zero.
    fn normal(self) -> Option<Self> {
        if self.exponent <= 0 {
            return (self.exponent >= -MOST_DIGITS).then_some(self);
        }
        Some(Self {
            mantissa: self.mantissa.checked_mul(power(self.exponent)?)?,
            exponent: 0,
        })
    }

    fn apply(self, operator: Operator, other: Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        let aligned = || {
            let left = self
                .mantissa
                .checked_mul(power(self.exponent - exponent)?)?;
            let right = other
                .mantissa
                .checked_mul(power(other.exponent - exponent)?)?;
            Some((left, right))
        };
        let (mantissa, exponent) = match operator {
            Operator::Add => (aligned().and_then(|(l, r)| l.checked_add(r))?, exponent),
            Operator::Subtract => (aligned().and_then(|(l, r)| l.checked_sub(r))?, exponent),
            Operator::Multiply => (
                self.mantissa.checked_mul(other.mantissa)?,
                self.exponent + other.exponent,
            ),
            Operator::Divide => return self.divided(other),
            Operator::Remainder => (aligned().and_then(|(l, r)| l.checked_rem(r))?, exponent),
        };
        Self { mantissa, exponent }.normal()
    }

    /// The quotient, if it ends within a floating-point number's digits.
    fn divided(self, other: Self) -> Option<Self> {
        const DECIMALS: i32 = 17;
        (0..=DECIMALS).find_map(|decimals| {
            let dividend = self.mantissa.checked_mul(power(decimals)?)?;
            if dividend.checked_rem(other.mantissa)? != 0 {
                return None;
            }
            Self {
                mantissa: dividend / other.mantissa,
                exponent: self.exponent - other.exponent - decimals,
            }
            .normal()
        })
    }

    fn rounded(self, decimals: u32, rounding: Rounding) -> Option<Self> {
        let exponent = -i32::try_from(decimals).ok()?;
        let dropped = exponent - self.exponent;
        let mantissa = if dropped <= 0 {
            self.mantissa.checked_mul(power(-dropped)?)?
        } else {
            let unit = power(dropped)?;
            let floor = self.mantissa.div_euclid(unit);
            let rest = self.mantissa.rem_euclid(unit);
            let is_up = match rounding {
                Rounding::Floor => false,
                Rounding::Ceiling => rest > 0,
                Rounding::Nearest if self.mantissa < 0 => rest > unit / 2,
                Rounding::Nearest => rest >= unit - unit / 2,
            };
            floor + i128::from(is_up)
        };
        Self { mantissa, exponent }.normal()
    }

    fn into_number(self) -> Number {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let decimals = self.exponent.unsigned_abs() as usize;
        let digits = self.mantissa.unsigned_abs().to_string();
        if decimals == 0 {
            return Number::of(&format!("{sign}{digits}"));
        }
        let digits = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        Number::of(&format!("{sign}{whole}.{fraction}"))
    }
}

fn power(exponent: i32) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};

    fn number(text: &str) -> Number {
        Number::from_json(text).expect(text)
    }

    fn applied(left: &str, operator: Operator, right: &str) -> Result<String, NoResult> {
        let result = number(left).apply(operator, &number(right));
        result.map(|number| number.to_string())
    }

    #[test]
    fn results_are_exact_where_the_digits_allow() {
        for (left, operator, right, expected) in [
            ("1", Add, "2", "3"),
            ("0.1", Add, "0.2", "0.3"),
            ("10.00", Add, "0.5", "10.50"),
            ("1", Subtract, "1.00", "0.00"),
            ("-0.5", Subtract, "0.5", "-1.0"),
            ("10.00", Multiply, "3", "30.00"),
            ("9223372036854775807", Add, "1", "9223372036854775808"),
            ("123456789012345678901", Add, "1", "123456789012345678902"),
            ("6", Divide, "2", "3"),
            ("7", Divide, "2", "3.5"),
            ("10.00", Divide, "4", "2.50"),
            ("0.3", Divide, "0.1", "3"),
            ("1", Divide, "3", "0.3333333333333333"),
            ("7", Remainder, "3", "1"),
            ("-7", Remainder, "3", "-1"),
            ("0.7", Remainder, "0.2", "0.1"),
            ("1e2", Add, "1", "101"),
            ("1e200", Multiply, "2", "2e+200"),
            ("-9223372036854775808", Divide, "-1", "9223372036854775808"),
        ] {
            assert_eq!(
                applied(left, operator, right).as_deref(),
                Ok(expected),
                "{left} {} {right}",
                operator.symbol()
            );
        }
    }

    #[test]
    fn what_has_no_result_says_why() {
        let long = "99999999999999999999999999999999999999";
        for (left, operator, right, expected) in [
            ("1", Divide, "0", NoResult::DivisionByZero),
            ("1", Remainder, "0.00", NoResult::DivisionByZero),
            (long, Multiply, long, NoResult::Overflow),
            ("1e308", Multiply, "1e308", NoResult::Overflow),
        ] {
            assert_eq!(applied(left, operator, right), Err(expected), "{left}");
        }
    }

    #[test]
    fn signs_turn_and_halves_round_away_from_zero() {
        for (text, negated) in [
            ("5", "-5"),
            ("-1.50", "1.50"),
            ("-9223372036854775808", "9223372036854775808"),
        ] {
            assert_eq!(number(text).negated(), number(negated), "{text}");
        }
        for (text, decimals, rounding, expected) in [
            ("2.5", 0, Rounding::Nearest, "3"),
            ("-2.5", 0, Rounding::Nearest, "-3"),
            ("-2.4", 0, Rounding::Nearest, "-2"),
            ("2.345", 2, Rounding::Nearest, "2.35"),
            ("2", 2, Rounding::Nearest, "2.00"),
            ("-2.1", 0, Rounding::Floor, "-3"),
            ("2.1", 0, Rounding::Ceiling, "3"),
            ("2.0", 0, Rounding::Ceiling, "2"),
            ("1e300", 0, Rounding::Nearest, "1e300"),
        ] {
            let rounded = number(text).rounded(decimals, rounding);
            assert_eq!(rounded.to_string(), expected, "{text} {rounding:?}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_agree_with_128_bits(left: i64, right: i64) {
            for operator in [Add, Subtract, Multiply, Remainder] {
                let (l, r) = (i128::from(left), i128::from(right));
                let expected = match operator {
                    Add => l + r,
                    Subtract => l - r,
                    Multiply => l * r,
                    Divide | Remainder => l.checked_rem(r).unwrap_or_default(),
                };
                if right != 0 {
                    let result = Number::from(left).apply(operator, &right.into());
                    prop_assert_eq!(result.map(|n| n.to_string()), Ok(expected.to_string()));
                }
            }
        }

        #[test]
        fn no_digits_make_it_panic(
            left in "-?(0|[1-9][0-9]{0,45})(\\.[0-9]{1,45})?(e-?[0-9]{1,10})?",
            right in "-?(0|[1-9][0-9]{0,45})(\\.[0-9]{1,45})?(e-?[0-9]{1,10})?",
            decimals in 0_u32..50,
        ) {
            for operator in [Add, Subtract, Multiply, Divide, Remainder] {
                if let Ok(result) = number(&left).apply(operator, &number(&right)) {
                    prop_assert!(Number::from_json(&result.to_string()).is_some(), "{}", result);
                }
            }
            for rounding in [Rounding::Nearest, Rounding::Floor, Rounding::Ceiling] {
                let rounded = number(&left).rounded(decimals, rounding);
                prop_assert!(Number::from_json(&rounded.to_string()).is_some(), "{}", rounded);
            }
        }
    }
}
