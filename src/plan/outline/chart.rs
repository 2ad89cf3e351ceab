//! Draws a curve as a text chart.

use std::fmt;
use std::time::Duration;

use super::Charset;
use crate::plan::curve::Curve;
use crate::plan::schedule::show_level;
use crate::units::show_duration;

/// Columns of the chart's area.
const WIDTH: usize = 76;
/// Lines of the chart's area.
const HEIGHT: usize = 8;
/// Columns left of the area.
const MARGIN: usize = 9;

/// Draws the curve, with levels on the left and time below; the time axis marks the warm-up.
pub(super) fn draw(
    f: &mut fmt::Formatter<'_>,
    curve: &Curve,
    unit: &str,
    warm_up: Duration,
    charset: Charset,
) -> fmt::Result {
    let (duration, peak) = (curve.duration(), curve.peak());
    if duration.is_zero() || peak <= 0.0 {
        return Ok(());
    }
    let at = |column: usize| duration.mul_f64((column as f64 + 0.5) / WIDTH as f64);
    let levels: Vec<f64> = (0..WIDTH)
        .map(|column| curve.level_at(at(column)) / peak * HEIGHT as f64)
        .collect();
    for line in (0..HEIGHT).rev() {
        let label = match line {
            _ if line == HEIGHT - 1 => format!("{}{unit}", show_level(peak)),
            _ if line == HEIGHT / 2 - 1 => format!("{}{unit}", show_level(peak / 2.0)),
            _ => String::new(),
        };
        let cells: String = levels
            .iter()
            .map(|level| charset.block(level - line as f64))
            .collect();
        writeln!(f, "{label:>MARGIN$} {}{}", charset.side(), cells.trim_end())?;
    }
    let axis: String = (0..WIDTH)
        .map(|column| charset.axis(at(column) < warm_up))
        .collect();
    writeln!(f, "{:>MARGIN$} {}{axis}", "0", charset.corner())?;
    time_labels(f, duration)
}

/// The labels of the time axis, one per quarter, centred except for the first and the last.
fn time_labels(f: &mut fmt::Formatter<'_>, duration: Duration) -> fmt::Result {
    let mut line = String::new();
    for quarter in 0..=4_usize {
        let text = show_duration(duration * quarter as u32 / 4);
        let place = MARGIN + 2 + WIDTH * quarter / 4;
        let start = match quarter {
            0 => place,
            4 => place.saturating_sub(text.len()),
            _ => place.saturating_sub(text.len() / 2),
        };
        // A label that would touch the previous one is left out.
        if quarter == 0 || start > line.len() + 1 {
            line = format!("{line:<start$}{text}");
        }
    }
    writeln!(f, "{line}")
}

impl Charset {
    /// A cell filled from the bottom to this part of its height.
    fn block(self, part: f64) -> char {
        const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        match self {
            Self::Unicode => EIGHTHS[(part.clamp(0.0, 1.0) * 8.0).round() as usize],
            Self::Ascii if part >= 0.5 => '#',
            Self::Ascii => ' ',
        }
    }

    const fn side(self) -> char {
        match self {
            Self::Unicode => '│',
            Self::Ascii => '|',
        }
    }

    const fn corner(self) -> char {
        match self {
            Self::Unicode => '└',
            Self::Ascii => '+',
        }
    }

    const fn axis(self, is_warm_up: bool) -> char {
        match (self, is_warm_up) {
            (Self::Unicode, false) => '─',
            (Self::Unicode, true) => '┄',
            (Self::Ascii, false) => '-',
            (Self::Ascii, true) => '.',
        }
    }
}
