//! Durations as `HdrHistogram`s in addition to the coarse Prometheus buckets; percentiles are computed from these.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram as Hdr;
use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};

use super::{BUCKETS, Metrics};

/// Significant digits: a percentile is at most 1 % off.
const DIGITS: u8 = 2;
/// Longer durations are recorded as this one.
const LONGEST: Duration = Duration::from_hours(1);

/// A family of durations with one label; clones share it.
#[derive(Clone)]
pub(crate) struct TimesFamily {
    label: &'static str,
    buckets: HistogramVec,
    series: Arc<Mutex<BTreeMap<String, Times>>>,
}

/// The durations of one series; clones share it.
#[derive(Clone)]
pub(crate) struct Times {
    buckets: Histogram,
    /// In nanoseconds. The lock is held for some tens of nanoseconds per record, and once per sample for reading.
    exact: Arc<Mutex<Hdr<u64>>>,
}

/// Every family of durations, by name.
#[derive(Default)]
pub(super) struct TimesFamilies(Mutex<BTreeMap<&'static str, TimesFamily>>);

/// The durations of a series at one moment.
#[derive(Clone)]
pub(crate) struct RecordedTimes {
    /// Name and value of the series' label.
    pub(crate) label: (&'static str, String),
    /// Ascending durations in nanoseconds with their counts.
    pub(crate) counts: Vec<(u64, u64)>,
}

impl TimesFamilies {
    pub(super) fn family(
        &self,
        registry: &Registry,
        name: &'static str,
        help: &str,
        label: &'static str,
    ) -> Result<TimesFamily, prometheus::Error> {
        let mut families = lock(&self.0);
        if let Some(family) = families.get(name) {
            return Ok(family.clone());
        }
        let family = TimesFamily::new(name, help, label)?;
        registry.register(Box::new(family.buckets.clone()))?;
        families.insert(name, family.clone());
        Ok(family)
    }
}

impl TimesFamily {
    fn new(name: &'static str, help: &str, label: &'static str) -> Result<Self, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
        Ok(Self {
            label,
            buckets: HistogramVec::new(options, &[label])?,
            series: Arc::default(),
        })
    }

    /// The series with this label value, created on first use.
    pub(crate) fn series(&self, value: &str) -> Times {
        let mut series = lock(&self.series);
        if let Some(times) = series.get(value) {
            return times.clone();
        }
        let times = Times {
            buckets: self.buckets.with_label_values(&[value]),
            exact: Arc::new(Mutex::new(empty())),
        };
        series.insert(value.to_owned(), times.clone());
        times
    }

    fn read(&self) -> Vec<RecordedTimes> {
        let series = lock(&self.series);
        series
            .iter()
            .map(|(value, times)| {
                let exact = lock(&times.exact);
                let recorded = exact.iter_recorded();
                RecordedTimes {
                    label: (self.label, value.clone()),
                    counts: recorded
                        .map(|bin| (bin.value_iterated_to(), bin.count_at_value()))
                        .collect(),
                }
            })
            .collect()
    }
}

impl Times {
    /// Records a duration.
    pub(crate) fn observe(&self, took: Duration) {
        self.buckets.observe(took.as_secs_f64());
        let nanos = took.min(LONGEST).as_nanos() as u64;
        // The histogram extends to the longest duration, so no value is rejected.
        let _ = lock(&self.exact).record(nanos);
    }

    /// Number of recorded durations.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.get_sample_count()
    }
}

impl Metrics {
    /// The family of durations of this name, created on first use.
    pub(crate) fn times(
        &self,
        name: &'static str,
        help: &str,
        label: &'static str,
    ) -> Result<TimesFamily, prometheus::Error> {
        self.times.family(&self.registry, name, help, label)
    }

    /// The recorded durations of every series, by family name.
    pub(crate) fn read_times(&self) -> BTreeMap<&'static str, Vec<RecordedTimes>> {
        let families = lock(&self.times.0);
        families
            .iter()
            .map(|(name, family)| (*name, family.read()))
            .collect()
    }
}

/// A histogram that grows with its values.
fn empty() -> Hdr<u64> {
    let mut times = Hdr::new(DIGITS).unwrap_or_else(|_| unreachable!("two digits are allowed"));
    times.auto(true);
    times
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
