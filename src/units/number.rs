//! Formats counts, numbers, fractions and rates for a reader, the same in plans, verdicts, tables and charts.

/// A count with thousands separators: `60,000`.
///
/// ```
/// assert_eq!(gander::units::show_count(1_500_000), "1,500,000");
/// ```
pub fn show_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun, which gets an `s` unless there is one of it: `1 request`, `60,000 requests`.
///
/// ```
/// use gander::units::show_counted;
/// assert_eq!(show_counted(1_u64, "request"), "1 request");
/// assert_eq!(show_counted(60_000_u64, "request"), "60,000 requests");
/// ```
pub fn show_counted(count: impl Into<u64>, noun: &str) -> String {
    let count = count.into();
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", show_count(count))
}

/// A number: a whole one as [`show_count`], another with at most two decimals, or with more if two would show zero. Beyond
/// a readable size it is a power of ten.
///
/// ```
/// use gander::units::show_number;
/// assert_eq!(show_number(1_234.5), "1,235");
/// assert_eq!(show_number(12.5), "12.5");
/// assert_eq!(show_number(0.00125), "0.0013");
/// assert_eq!(show_number(2.5e21), "2.5 × 10^21");
/// ```
pub fn show_number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    let text = if size >= 1e15 {
        power_of_ten(size)
    } else if size.fract() == 0.0 || size >= 999.95 {
        show_count(size.round() as u64)
    } else {
        let decimals = if size >= 100.0 { 1 } else { decimals(size) };
        trimmed(size, decimals)
    };
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{text}")
}

/// A fraction as a percentage with at most two decimals: `0.12 %`. It has more if two would show a failure as `0 %` or an
/// incomplete part as `100 %`.
///
/// ```
/// use gander::units::show_percent;
/// assert_eq!(show_percent(0.123_456), "12.35 %");
/// assert_eq!(show_percent(0.999_99), "99.999 %");
/// ```
pub fn show_percent(ratio: f64) -> String {
    if !ratio.is_finite() {
        return "–".to_owned();
    }
    let value = ratio * 100.0;
    let size = value.abs();
    if size >= 1_000.0 {
        return format!("{} %", show_number(value.round()));
    }
    let from_whole = (100.0 - size).abs();
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{} %", trimmed(size, decimals(size.min(from_whole))))
}

/// `part` of `whole` as a percentage; a dash if `whole` is zero.
pub fn show_share(part: u64, whole: u64) -> String {
    if whole == 0 {
        "–".to_owned()
    } else {
        show_percent(part as f64 / whole as f64)
    }
}

/// A number per second: `200/s`.
pub fn show_rate(per_second: f64) -> String {
    format!("{}/s", show_number(per_second))
}

/// Two decimals, or as many as show two digits of a smaller number.
fn decimals(size: f64) -> usize {
    if size >= 0.01 || size == 0.0 {
        return 2;
    }
    (1.0 - size.log10().floor()).min(12.0) as usize
}

/// The number without trailing zeros.
fn trimmed(size: f64, decimals: usize) -> String {
    let text = format!("{size:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn power_of_ten(size: f64) -> String {
    let text = format!("{size:.1e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match mantissa.trim_end_matches(".0") {
        "1" => format!("10^{exponent}"),
        mantissa => format!("{mantissa} × 10^{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_never_hides_a_failure_or_invents_a_whole() {
        for (ratio, shown) in [
            (0.0, "0 %"),
            (-0.0, "0 %"),
            (0.000_001, "0.0001 %"),
            (-0.000_001, "−0.0001 %"),
            (0.005, "0.5 %"),
            (0.123_456, "12.35 %"),
            (0.999_9, "99.99 %"),
            (0.999_999, "99.9999 %"),
            (1.0, "100 %"),
            (1.000_001, "100.0001 %"),
            (12.5, "1,250 %"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(show_percent(ratio), shown);
        }
        assert_eq!(show_share(1, 3), "33.33 %");
        assert_eq!(show_share(0, 0), "–");
    }

    #[test]
    fn numbers_have_their_thousands_apart_and_no_needless_digit() {
        for (value, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(show_count(value), shown);
        }
        for (value, shown) in [
            (0.0, "0"),
            (0.001, "0.001"),
            (0.5, "0.5"),
            (12.345, "12.35"),
            (123.45, "123.5"),
            (999.97, "1,000"),
            (-1_234.5, "−1,235"),
            (1e15, "10^15"),
        ] {
            assert_eq!(show_number(value), shown);
        }
        assert_eq!(show_rate(40.0), "40/s");
    }
}
