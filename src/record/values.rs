//! The values of metrics of the scenario's own, and the durations that servers tell in `server-timing` headers.
//!
//! Every number is kept in millionths, so that sums are exact in any order. Users write into shards of their own kind,
//! which exist only if the plan records values.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::bins::{Bins, Sum, bin_of, range_of};
use super::recorder::Padded;
use super::shard::lock;
use crate::plan::OTHER;
use crate::plan::threshold::server_timing;
use crate::scenario::{CustomMetric, MetricType};
use crate::units::Micros;

/// The maximum number of names in `server-timing` headers, [`OTHER`] besides.
pub const MOST_NAMES: usize = 32;

/// The longest such name, in bytes; a longer one counts as [`OTHER`].
const LONGEST_NAME: usize = 64;

/// The largest number, positive or negative.
const MOST: f64 = 1e12;

/// A number in millionths.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millionths(pub i64);

impl Millionths {
    /// The largest number.
    pub const MOST: Self = Self(MOST as i64 * 1_000_000);

    /// A number, rounded to six decimals; `None` beyond 10¹² or for no number.
    pub fn of(number: f64) -> Option<Self> {
        // Apart, so that whole numbers stay exact.
        let (whole, rest) = (number.trunc(), number.fract());
        (number.abs() <= MOST).then(|| Self(whole as i64 * 1_000_000 + (rest * 1e6).round() as i64))
    }

    /// The number.
    pub fn number(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// Exact counts of recorded values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCounts {
    /// Values recorded.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub count: u64,
    /// True if they have a histogram.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_trend: bool,
    /// Values that were missing or did not fit, and so were not recorded.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub refused: u64,
    /// The sum of the values, in millionths; of a rate, the number of those that are true.
    #[serde(default, with = "as_text", skip_serializing_if = "is_nothing")]
    pub sum: i128,
    /// The least value; zero without values.
    #[serde(default)]
    pub min: Millionths,
    /// The greatest value; zero without values.
    #[serde(default)]
    pub max: Millionths,
    /// The last value, and its time on the run's clock.
    #[serde(default)]
    pub last: (Micros, Millionths),
}

impl ValueCounts {
    fn add(&mut self, at: Micros, value: Millionths, is_trend: bool) {
        *self += Self {
            count: 1,
            is_trend,
            refused: 0,
            sum: value.0.into(),
            min: value,
            max: value,
            last: (at, value),
        };
    }

    /// The sum of the values.
    pub fn total(&self) -> f64 {
        self.sum as f64 / 1e6
    }

    /// The mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total() / self.count as f64)
    }
}

impl std::ops::AddAssign for ValueCounts {
    fn add_assign(&mut self, other: Self) {
        self.refused += other.refused;
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            let refused = self.refused;
            *self = Self { refused, ..other };
            return;
        }
        self.count += other.count;
        self.is_trend |= other.is_trend;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.last = self.last.max(other.last);
    }
}

const fn is_nothing(sum: &i128) -> bool {
    *sum == 0
}

/// A sum as a text, because JSON readers keep only 64 bits of a number.
mod as_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(sum: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&sum.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i128, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The values of a metric in an interval or, with a dense sum, in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded<T = Bins> {
    /// Their exact counts.
    pub counts: ValueCounts,
    /// Their distribution in millionths; empty unless the metric is a trend.
    pub bins: T,
}

impl Recorded {
    fn record(&mut self, at: Micros, value: Millionths, is_trend: bool) {
        self.counts.add(at, value, is_trend);
        if is_trend {
            self.bins.record_number(value.0.unsigned_abs());
        }
    }

    fn merge(&mut self, other: &Self) {
        self.counts += other.counts;
        self.bins.merge(&other.bins);
    }
}

impl Recorded<Sum> {
    /// The value at a quantile above zero; `None` unless it is a trend with values.
    pub fn at_quantile(&self, quantile: f64) -> Option<Millionths> {
        at_quantile(&self.bins, &self.counts, quantile)
    }

    /// Adds those of an interval.
    pub fn absorb(&mut self, part: &Recorded) {
        self.counts += part.counts;
        self.bins.add(&part.bins);
    }
}

/// The value at a quantile above zero; `None` without values. Of the values that the bin there may contain, it is the one
/// with the fewest digits, so that 20 is found as 20 and not as 20.004.
pub fn at_quantile(values: &Sum, counts: &ValueCounts, quantile: f64) -> Option<Millionths> {
    if values.is_empty() {
        return None;
    }
    let (low, high) = range_of(bin_of(values.value_at_quantile(quantile)));
    let mut step = 10_u64.pow(18);
    while low.next_multiple_of(step) > high {
        step /= 10;
    }
    let roundest = Millionths(low.next_multiple_of(step) as i64);
    Some(roundest.min(counts.max).max(counts.min))
}

/// Where users record values.
#[derive(Debug, Default)]
pub(super) struct Values {
    custom: Vec<CustomMetric>,
    /// Empty if the plan records nothing.
    shards: Box<[Padded<Mutex<ValueShard>>]>,
    /// The names in `server-timing` headers, each with the metric that reports show.
    names: Mutex<Vec<(Box<str>, String)>>,
}

/// The values of some users in the current interval.
#[derive(Debug, Default)]
struct ValueShard {
    /// By metric.
    custom: Vec<Recorded>,
    timings: Vec<(Box<str>, Recorded)>,
    /// Those of names beyond the limit.
    other: Recorded,
}

impl Values {
    /// For these metrics, and for these names before all others in `server-timing` headers, if those are recorded.
    pub(super) fn new(
        custom: &[CustomMetric],
        first_names: Option<Vec<String>>,
        shards: usize,
    ) -> Self {
        let is_needed = !custom.is_empty() || first_names.is_some();
        let shard = || ValueShard {
            custom: vec![Recorded::default(); custom.len()],
            ..ValueShard::default()
        };
        let names = first_names.into_iter().flatten();
        let names = names.map(|name| (name.as_str().into(), server_timing(&name)));
        Self {
            custom: custom.to_vec(),
            shards: (0..if is_needed { shards } else { 0 })
                .map(|_| Padded(Mutex::new(shard())))
                .collect(),
            names: Mutex::new(names.collect()),
        }
    }

    /// Records a value; `None` counts one that was missing or did not fit.
    pub(super) fn record(
        &self,
        shard: usize,
        metric: usize,
        at: Micros,
        value: Option<Millionths>,
    ) {
        let Some(shard) = self.shards.get(shard) else {
            return;
        };
        let is_trend = self.custom[metric].kind == MetricType::Trend;
        let own = &mut lock(&shard.0).custom[metric];
        match value {
            Some(value) => own.record(at, value, is_trend),
            None => own.counts.refused += 1,
        }
    }

    /// Records a duration in ms. `shown` is the name without secrets, asked for once for each name.
    pub(super) fn time(
        &self,
        shard: usize,
        name: &str,
        at: Micros,
        ms: Millionths,
        shown: impl FnOnce(&str) -> String,
    ) {
        let Some(shard) = self.shards.get(shard) else {
            return;
        };
        let mut shard = lock(&shard.0);
        let known = shard.timings.iter().position(|(known, _)| **known == *name);
        let recorded = match known {
            Some(index) => &mut shard.timings[index].1,
            None if self.admit(name, shown) => {
                shard.timings.push((name.into(), Recorded::default()));
                let index = shard.timings.len() - 1;
                &mut shard.timings[index].1
            }
            None => &mut shard.other,
        };
        recorded.record(at, ms, true);
    }

    /// True if the name has a metric of its own.
    fn admit(&self, name: &str, shown: impl FnOnce(&str) -> String) -> bool {
        let mut names = lock(&self.names);
        if names.iter().any(|(known, _)| **known == *name) {
            return true;
        }
        let has_room = names.len() < MOST_NAMES && name.len() <= LONGEST_NAME;
        if has_room {
            names.push((name.into(), server_timing(&shown(name))));
        }
        has_room
    }

    /// Takes the values since the last call, by the names of their metrics.
    pub(super) fn take(&self) -> BTreeMap<String, Recorded> {
        let mut taken: BTreeMap<String, Recorded> = BTreeMap::new();
        let mut add = |name: String, recorded: &mut Recorded| {
            let recorded = std::mem::take(recorded);
            if recorded != Recorded::default() {
                taken.entry(name).or_default().merge(&recorded);
            }
        };
        for shard in &self.shards {
            let shard = &mut *lock(&shard.0);
            for (metric, recorded) in self.custom.iter().zip(&mut shard.custom) {
                add(metric.name.clone(), recorded);
            }
            let names = lock(&self.names);
            for (name, recorded) in &mut shard.timings {
                let shown = names.iter().find(|(known, _)| known == name);
                if let Some((_, metric)) = shown {
                    add(metric.clone(), recorded);
                }
            }
            add(server_timing(OTHER), &mut shard.other);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_six_decimals_and_bounded() {
        for (number, expected) in [
            (0.25, Some(250_000)),
            (0.1, Some(100_000)),
            (-1.5, Some(-1_500_000)),
            (1e12, Some(1_000_000_000_000_000_000)),
            (999_999_999_999.0, Some(999_999_999_999_000_000)),
            (0.000_000_4, Some(0)),
            (1.1e12, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(Millionths::of(number), expected.map(Millionths), "{number}");
        }
    }

    #[test]
    fn a_percentile_is_the_roundest_value_of_its_bin() {
        for value in [
            0,
            1,
            250_000,
            1_234_000,
            20_000_000,
            999_000_000,
            Millionths::MOST.0,
        ] {
            let mut recorded = Recorded::default();
            recorded.record(Micros(1), Millionths(value), true);
            // Wider than the value, so that it is not its bound.
            recorded.record(Micros(1), Millionths::MOST, true);
            recorded.record(Micros(1), Millionths(0), true);
            let mut sum = Recorded::<Sum>::default();
            sum.absorb(&recorded);
            assert_eq!(sum.at_quantile(0.5), Some(Millionths(value)));
        }
    }

    #[test]
    fn names_beyond_the_limit_are_counted_together() {
        let values = Values::new(&[], Some(vec!["last".to_owned()]), 2);
        for round in 0..2 {
            for name in 0..40 {
                let (name, ms) = (format!("n{name}"), Millionths(1_000_000));
                values.time(round, &name, Micros(1), ms, str::to_owned);
            }
        }
        values.time(0, "last", Micros(2), Millionths(7), str::to_owned);
        let taken = values.take();
        assert_eq!(taken.len(), MOST_NAMES + 1);
        let count = |name: &str| taken[&server_timing(name)].counts.count;
        assert_eq!((count("n0"), count("n30"), count("last")), (2, 2, 1));
        assert_eq!(count(OTHER), 2 * 9);
        assert!(values.take().is_empty());
    }
}
