//! The format of the histograms of recorded values, which follow the series of their interval.
//!
//! Numbers are LEB128: the interval's number; then for each metric with a histogram, in the order of the names, the
//! number of its values and its bins in the form [`Own`](super::HistogramForm::Own).

use std::collections::BTreeMap;

use super::{own, put, read_own, short, take};
use crate::record::bins::bin_of;
use crate::record::{Bins, Interval, Millionths, Recorded, ValueCounts};

/// The last bin of a value.
const LAST: u32 = bin_of(Millionths::MOST.0 as u64);

/// Packs the histograms of an interval; empty if it has none.
pub(in crate::record::journal) fn pack(interval: &Interval, packed: &mut Vec<u8>) {
    packed.clear();
    for (index, recorded) in (0..).zip(interval.values.values()) {
        if recorded.bins.is_empty() {
            continue;
        }
        if packed.is_empty() {
            put(interval.number, packed);
        }
        put(index, packed);
        put(recorded.bins.len(), packed);
        own(&recorded.bins).for_each(|number| put(number, packed));
    }
}

/// The values with these counts, each with its histogram; the error describes the damage.
pub(in crate::record::journal) fn unpack(
    mut bytes: &[u8],
    number: u64,
    counts: BTreeMap<String, ValueCounts>,
) -> Result<BTreeMap<String, Recorded>, String> {
    let mut histograms = BTreeMap::new();
    if !bytes.is_empty() {
        let found = take(&mut bytes).ok_or_else(short)?;
        if found != number {
            return Err(format!("its histograms are those of interval {found}"));
        }
    }
    while !bytes.is_empty() {
        let index = take(&mut bytes).ok_or_else(short)?;
        let values = take(&mut bytes).ok_or_else(short)?;
        histograms.insert(index, read_own(values, &mut bytes, LAST)?);
    }
    let values = (0..).zip(counts).map(|(index, (name, counts))| {
        let bins: Bins = histograms.remove(&index).unwrap_or_default();
        let expected = if counts.is_trend { counts.count } else { 0 };
        if bins.len() != expected {
            let found = bins.len();
            return Err(format!("a histogram has {found} of {expected} values"));
        }
        Ok((name, Recorded { counts, bins }))
    });
    let values = values.collect::<Result<_, _>>()?;
    if histograms.is_empty() {
        Ok(values)
    } else {
        Err("it has a histogram of no metric".to_owned())
    }
}
