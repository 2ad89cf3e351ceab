//! The only kind of histogram: 1 µs to 1 h, 3 significant digits.
//!
//! A time of zero is recorded as zero: the crate's lowest bin is [0, 1), although its lowest *discernible* value is
//! 1.

use hdrhistogram::Histogram;

use super::bins::Bins;
use crate::units::Micros;

/// The largest recorded time; longer ones are recorded as this.
pub const LONGEST: Micros = Micros(3_600_000_000);

/// An empty histogram, 1 µs to 1 h, 3 significant digits (relative error at most 0.1 %), that grows as it is filled.
#[expect(clippy::missing_panics_doc, reason = "3 digits is a valid precision")]
pub fn empty() -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("3 digits is a valid precision");
    histogram.auto(true);
    histogram
}

/// Records one time; above [`LONGEST`] as [`LONGEST`]. The histogram must come from [`empty`].
pub fn record(histogram: &mut Histogram<u64>, time: Micros) {
    let recorded = histogram.record(time.0.min(LONGEST.0));
    debug_assert!(recorded.is_ok(), "a growing histogram takes any time");
}

/// Adds every count of `part` to `sum`, bin by bin. `sum` must come from [`empty`].
pub fn merge(sum: &mut Histogram<u64>, part: &Bins) {
    for (value, count) in part.values() {
        let recorded = sum.record_n(value, count);
        debug_assert!(recorded.is_ok(), "a growing histogram takes any time");
    }
}
