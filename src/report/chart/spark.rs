//! Sparklines: small charts without axes beside a number.

use std::fmt::Write as _;

use crate::units::Micros;

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 28.0;

/// A sparkline of some numbers, starting at zero; empty for fewer than two numbers.
///
/// Its size stands in attributes too, for viewers that block the page's style. It is decoration: the table shows the number too, so screen readers skip it.
pub(in crate::report) fn spark(points: &[Option<f64>]) -> String {
    let top = points.iter().flatten().copied().fold(0.0, f64::max);
    if points.iter().flatten().count() < 2 {
        return String::new();
    }
    let top = if top > 0.0 { top } else { 1.0 };
    let step = WIDTH / (points.len() - 1).max(1) as f64;
    let mut path = String::new();
    let mut is_down = false;
    for (index, point) in points.iter().enumerate() {
        let Some(value) = point else {
            is_down = false;
            continue;
        };
        let x = index as f64 * step;
        let y = HEIGHT - 1.5 - value / top * (HEIGHT - 3.0);
        let command = if is_down { 'L' } else { 'M' };
        // Writing into a String cannot fail.
        let _ = write!(path, "{command}{x:.0} {y:.1}");
        is_down = true;
    }
    format!(
        "<svg class=\"spark\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path d=\"{path}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" vector-effect=\"non-scaling-stroke\"/></svg>"
    )
}

/// A sparkline of some times.
pub(in crate::report) fn spark_of_times(points: &[Option<Micros>]) -> String {
    let numbers: Vec<Option<f64>> = points
        .iter()
        .map(|point| point.map(|time| time.0 as f64))
        .collect();
    spark(&numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_lifts_the_pen_and_one_point_is_no_shape() {
        let svg = spark(&[Some(0.0), Some(1.0), None, Some(2.0), Some(1.0)]);
        assert_eq!(svg.matches('M').count(), 2, "{svg}");
        assert_eq!(svg.matches('L').count(), 2, "{svg}");
        assert_eq!(spark(&[Some(1.0), None]), "");
        assert_eq!(spark(&[]), "");
    }
}
