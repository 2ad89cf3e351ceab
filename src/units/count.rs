//! Formats counts for a reader.

/// A whole number: as digits up to a readable size, then as a power of ten.
///
/// ```
/// use gander::units::show_count;
/// assert_eq!(show_count(1_500_000.0), "1,500,000");
/// assert_eq!(show_count(2.5e21), "2.5 × 10^21");
/// ```
pub fn show_count(count: f64) -> String {
    if count < 1e15 {
        let digits = format!("{count:.0}");
        let mut shown = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                shown.push(',');
            }
            shown.push(digit);
        }
        return shown;
    }
    let text = format!("{count:.1e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match mantissa.trim_end_matches(".0") {
        "1" => format!("10^{exponent}"),
        mantissa => format!("{mantissa} × 10^{exponent}"),
    }
}
