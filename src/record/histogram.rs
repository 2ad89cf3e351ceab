//! The one kind of histogram: 1 µs to 1 h, 3 significant digits.

use hdrhistogram::Histogram;

use crate::units::Micros;

/// The largest time recorded; longer ones are recorded as this.
pub const LONGEST: Micros = Micros(3_600_000_000);

/// An empty histogram, 1 µs to 1 h, 3 significant digits (relative error at most 0.1 %), that grows as it is filled.
#[expect(clippy::missing_panics_doc, reason = "3 digits is a valid precision")]
pub fn empty() -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("3 digits is a valid precision");
    histogram.auto(true);
    histogram
}
