//! The format of an interval's series: histograms as small numbers that compress well.
//!
//! One second of a series contains some dozens of times, scattered over thousands of bins, so a histogram is written
//! as the distances between its non-empty bins. Most requests start on time and their responses arrive at once, so
//! service times are close to response times, and times to first byte are close to service times. Such a histogram is
//! written as the differences between the k-th smallest times of both. Each histogram uses the form with the smallest
//! numbers.
//!
//! Numbers are LEB128, in this order: the interval's number; the number of histograms; the lengths of the directory,
//! of the counts and of the first two sections; the directory; the counts of all series, as JSON; one section per
//! form, because each compresses best alone. The directory names each histogram by its series and its metric's number.

#[cfg(test)]
mod tests;
pub(super) mod values;

use std::collections::BTreeMap;

use serde::Deserialize;
use strum::VariantArray;

use super::number_keys;
use crate::plan::{MetricId, SeriesId};
use crate::record::bins::{self, Bins};
use crate::record::{Counts, Interval, SeriesInterval, Timing};

/// The form of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
enum HistogramForm {
    /// Standalone: for each bin the distance from the previous one; if the count is above one, then a zero and the
    /// count minus two.
    Own,
    /// For each time, the number of bins below the other histogram's time.
    Near,
    /// The same, as differences from the previous time.
    Steps,
    /// Equal to the other histogram: nothing is written.
    Same,
}

/// The metric that is written before this one and is likely to be close to it.
fn likeness(metric: MetricId) -> Option<MetricId> {
    let like = match Timing::of(metric)? {
        Timing::ServiceTime => Timing::ResponseTime,
        Timing::Ttfb => Timing::ServiceTime,
        Timing::SchedulingLag => Timing::StartLag,
        Timing::ResponseTime
        | Timing::Connect
        | Timing::Tls
        | Timing::FailedTime
        | Timing::TimedOut
        | Timing::StartLag
        | Timing::IterationTime
        | Timing::GroupTime => return None,
    };
    Some(like.into())
}

/// An interval's packed series. Reused for the next interval to save allocations.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// The first numbers, the directory and the counts.
    head: Vec<u8>,
    directory: Vec<u8>,
    counts: Vec<u8>,
    /// Sections by [`HistogramForm`].
    sections: [Vec<u8>; 3],
}

impl Packed {
    /// Packs the series of an interval.
    pub(super) fn fill(&mut self, interval: &Interval) -> Result<(), String> {
        let Self {
            head,
            directory,
            counts,
            sections,
        } = self;
        head.clear();
        directory.clear();
        counts.clear();
        sections.iter_mut().for_each(Vec::clear);
        let mut histograms = 0;
        for (id, series) in &interval.series {
            for (&metric, bins) in &series.histograms {
                let like = likeness(metric)
                    .and_then(|like| series.histogram(like))
                    .filter(|like| like.len() == bins.len());
                let form = smallest(bins, like);
                histograms += 1;
                put(id.0.into(), directory);
                put(u64::from(metric.0) << 2 | form as u64, directory);
                match (form, like) {
                    (HistogramForm::Near, Some(like)) => {
                        near(bins, like).for_each(|number| put(number, &mut sections[1]));
                    }
                    (HistogramForm::Steps, Some(like)) => {
                        steps(bins, like).for_each(|number| put(number, &mut sections[2]));
                    }
                    (HistogramForm::Same, _) => {}
                    (HistogramForm::Own, _)
                    | (HistogramForm::Near | HistogramForm::Steps, None) => {
                        put(bins.len(), directory);
                        own(bins).for_each(|number| put(number, &mut sections[0]));
                    }
                }
            }
        }
        put(interval.number, head);
        put(histograms, head);
        put(directory.len() as u64, head);
        let by_series = interval.series.iter().map(|(id, own)| (*id, &own.counts));
        serde_json::to_writer(&mut *counts, &by_series.collect::<BTreeMap<_, _>>())
            .map_err(|error| error.to_string())?;
        put(counts.len() as u64, head);
        put(sections[0].len() as u64, head);
        put(sections[1].len() as u64, head);
        head.append(directory);
        head.append(counts);
        Ok(())
    }

    /// The packed parts; each compresses best alone.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.head)
            .chain(&self.sections)
            .map(Vec::as_slice)
            .filter(|part| !part.is_empty())
    }
}

/// The form of a histogram with the smallest numbers.
fn smallest(bins: &Bins, like: Option<&Bins>) -> HistogramForm {
    let Some(like) = like else {
        return HistogramForm::Own;
    };
    if bins == like {
        return HistogramForm::Same;
    }
    // If bins have many counts, one number per time takes more space than one per bin.
    if bins.len() > 2 * bins.distinct() {
        return HistogramForm::Own;
    }
    let width = |number: u64| u64::from(u64::BITS - number.leading_zeros());
    let (own, near): (u64, u64) = (
        own(bins).map(width).sum(),
        near(bins, like).map(width).sum(),
    );
    let steps: u64 = steps(bins, like).map(width).sum();
    // Steps vary more than the values they connect, so numbers of equal length compress worse.
    match () {
        () if own <= near.min(steps) => HistogramForm::Own,
        () if near * 3 <= steps * 4 => HistogramForm::Near,
        () => HistogramForm::Steps,
    }
}

fn own(bins: &Bins) -> impl Iterator<Item = u64> {
    let mut next = 0;
    bins.iter().flat_map(move |(bin, count)| {
        let distance = bin + 1 - next;
        next = bin + 1;
        // A new bin counts one by itself. A bin whose count is too large for one entry comes again with the rest.
        let again = count - u64::from(distance > 0);
        let distance = (distance > 0).then_some(distance.into());
        let again = (again > 0).then(|| [0, again - 1]);
        distance.into_iter().chain(again.into_iter().flatten())
    })
}

fn near(bins: &Bins, like: &Bins) -> impl Iterator<Item = u64> {
    let pairs = like.times().zip(bins.times());
    pairs.map(|(like, time)| zigzag(i64::from(like) - i64::from(time)))
}

fn steps(bins: &Bins, like: &Bins) -> impl Iterator<Item = u64> {
    let mut last = 0;
    let pairs = like.times().zip(bins.times());
    pairs.map(move |(like, time)| {
        let below = i64::from(like) - i64::from(time);
        let step = below - last;
        last = below;
        zigzag(step)
    })
}

#[derive(Deserialize)]
#[serde(transparent)]
struct CountsBySeries(
    #[serde(deserialize_with = "number_keys::deserialize")] BTreeMap<SeriesId, Counts>,
);

/// An interval's unpacked series.
pub(super) type BySeries = BTreeMap<SeriesId, SeriesInterval>;

/// Reads the output of [`Packed`]: the interval's number and its series; the error describes the damage. `metrics` are
/// by the numbers in `bytes`.
pub(super) fn unpack(mut bytes: &[u8], metrics: &[MetricId]) -> Result<(u64, BySeries), String> {
    let mut next = || take(&mut bytes).ok_or_else(short);
    let (number, histograms) = (next()?, next()?);
    let lengths = [next()?, next()?, next()?, next()?];
    let mut part = |length: u64| {
        let length = usize::try_from(length).map_err(|_| short())?;
        let (part, rest) = bytes.split_at_checked(length).ok_or_else(short)?;
        bytes = rest;
        Ok::<_, String>(part)
    };
    let (directory, counts) = (part(lengths[0])?, part(lengths[1])?);
    let sections = [part(lengths[2])?, part(lengths[3])?, bytes];
    let CountsBySeries(counts) =
        serde_json::from_slice(counts).map_err(|error| error.to_string())?;
    let without = |(id, counts)| {
        let histograms = BTreeMap::new();
        (id, SeriesInterval { counts, histograms })
    };
    let mut series = counts.into_iter().map(without).collect();
    let found = read_histograms(directory, sections, metrics, &mut series)?;
    if found != histograms {
        return Err(format!(
            "it has {found} histograms, but its header says {histograms}"
        ));
    }
    Ok((number, series))
}

/// Reads the histograms of a directory (in ascending order) into their series; returns their number.
fn read_histograms(
    mut directory: &[u8],
    [mut own, mut near, mut steps]: [&[u8]; 3],
    metrics: &[MetricId],
    series: &mut BySeries,
) -> Result<u64, String> {
    let mut found = 0;
    let mut last = None;
    while !directory.is_empty() {
        let id = take(&mut directory).ok_or_else(short)?;
        let kind = take(&mut directory).ok_or_else(short)?;
        let id = SeriesId(u32::try_from(id).map_err(|_| "there is no such series")?);
        let number = kind >> 2;
        let &metric = usize::try_from(number)
            .ok()
            .and_then(|number| metrics.get(number))
            .ok_or_else(|| format!("metric {number} is not in the header"))?;
        if last.replace((id, number)) >= Some((id, number)) {
            return Err("its histograms are not in order".to_owned());
        }
        let series = series.get_mut(&id);
        let histograms = &mut series
            .ok_or_else(|| format!("series {} has times but no counts", id.0))?
            .histograms;
        let like = likeness(metric).and_then(|like| histograms.get(&like));
        let like = || like.ok_or("the histogram that another is close to is missing");
        let bins = match HistogramForm::VARIANTS[(kind & 3) as usize] {
            HistogramForm::Own => {
                let times = take(&mut directory).ok_or_else(short)?;
                read_own(times, &mut own, bins::LAST)?
            }
            HistogramForm::Near => read_near(like()?, &mut near, false)?,
            HistogramForm::Steps => read_near(like()?, &mut steps, true)?,
            HistogramForm::Same => like()?.clone(),
        };
        histograms.insert(metric, bins);
        found += 1;
    }
    if own.len() + near.len() + steps.len() > 0 {
        return Err("it is longer than its header says".to_owned());
    }
    Ok(found)
}

fn read_own(times: u64, bytes: &mut &[u8], most: u32) -> Result<Bins, String> {
    let mut bins = Bins::with_capacity(times.min(bytes.len() as u64) as usize);
    let (mut next, mut last) = (0_u64, None);
    while bins.len() < times {
        let count = match take(bytes).ok_or_else(short)? {
            0 => {
                let more = take(bytes).ok_or_else(short)?;
                more.saturating_add(1)
            }
            distance => {
                let bin = next.saturating_add(distance - 1);
                last = Some(bin);
                next = bin.saturating_add(1);
                1
            }
        };
        let bin = last.ok_or("its first entry has no bin")?;
        if bin > u64::from(most) {
            return Err(
                "it contains numbers beyond its range, such as times longer than an hour"
                    .to_owned(),
            );
        }
        if count > times - bins.len() {
            return Err("it has an impossible count".to_owned());
        }
        bins.add(bin as u32, count);
    }
    Ok(bins)
}

fn read_near(like: &Bins, bytes: &mut &[u8], are_steps: bool) -> Result<Bins, String> {
    let mut bins = Bins::with_capacity(like.distinct() as usize);
    let (mut last, mut below) = (0, 0_i64);
    for like in like.times() {
        let number = unzigzag(take(bytes).ok_or_else(short)?);
        below = if are_steps {
            below.saturating_add(number)
        } else {
            number
        };
        let bin = i64::from(like).saturating_sub(below);
        if bin < last || bin > i64::from(bins::LAST) {
            return Err("it has an impossible time".to_owned());
        }
        last = bin;
        bins.add(bin as u32, 1);
    }
    Ok(bins)
}

fn short() -> String {
    "it is cut short".to_owned()
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn put(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
