//! Times as `HdrHistogram`s, beside the coarse buckets that Prometheus is given: percentiles are read from these.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram as Hdr;
use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};

use super::{BUCKETS, Metrics};

/// Significant digits: a percentile is at most 1 % off.
const DIGITS: u8 = 2;
/// A longer time counts as this long.
const LONGEST: Duration = Duration::from_hours(1);

/// A family of times, told apart by one label; copies share it.
#[derive(Clone)]
pub(crate) struct TimesFamily {
    label: &'static str,
    buckets: HistogramVec,
    series: Arc<Mutex<BTreeMap<String, Times>>>,
}

/// The times of one series; copies share it.
#[derive(Clone)]
pub(crate) struct Times {
    buckets: Histogram,
    /// In nanoseconds. Taken for some tens of nanoseconds to record, and once a look to read.
    exact: Arc<Mutex<Hdr<u64>>>,
}

/// Every family of times, by name.
#[derive(Default)]
pub(super) struct TimesFamilies(Mutex<BTreeMap<&'static str, TimesFamily>>);

/// What a series had recorded at one moment.
#[derive(Clone)]
pub(crate) struct RecordedTimes {
    /// The family's label and the series' value of it.
    pub(crate) label: (&'static str, String),
    /// Rising times in nanoseconds, each with how often it was recorded.
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

    /// The series whose label has this value, made when it is first asked for.
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
    /// Records one.
    pub(crate) fn observe(&self, took: Duration) {
        self.buckets.observe(took.as_secs_f64());
        let nanos = took.min(LONGEST).as_nanos() as u64;
        // The histogram grows as far as the longest time, so there is none that it refuses.
        let _ = lock(&self.exact).record(nanos);
    }

    /// How many were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.get_sample_count()
    }
}

impl Metrics {
    /// The family of times of this name, made when it is first asked for.
    pub(crate) fn times(
        &self,
        name: &'static str,
        help: &str,
        label: &'static str,
    ) -> Result<TimesFamily, prometheus::Error> {
        self.times.family(&self.registry, name, help, label)
    }

    /// What every series of times has recorded, by the name of its family.
    pub(crate) fn read_times(&self) -> BTreeMap<&'static str, Vec<RecordedTimes>> {
        let families = lock(&self.times.0);
        families
            .iter()
            .map(|(name, family)| (*name, family.read()))
            .collect()
    }
}

/// One that grows with what it is given.
fn empty() -> Hdr<u64> {
    let mut times = Hdr::new(DIGITS).unwrap_or_else(|_| unreachable!("two digits are allowed"));
    times.auto(true);
    times
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
