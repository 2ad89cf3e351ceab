//! Snapshots of the metrics registry, and the differences between two of them.
//!
//! A family that is not registered is absent (`None`); a series that did not exist before counts from zero.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::quantile::Distribution;
use crate::metrics::{Metrics, RecordedTimes};

/// Every metric at one moment.
pub(super) struct MetricsSnapshot {
    at: Instant,
    /// Ordered by name.
    families: Vec<MetricFamily>,
    times: BTreeMap<&'static str, Vec<RecordedTimes>>,
}

/// The period between two snapshots.
#[derive(Clone, Copy)]
pub(super) struct SnapshotWindow<'a> {
    before: &'a MetricsSnapshot,
    now: &'a MetricsSnapshot,
}

/// The labels of one series.
#[derive(Clone, Copy)]
pub(super) struct Labels<'a>(&'a [LabelPair]);

impl<'a> Labels<'a> {
    /// The value of the label `name`, empty when the series has none.
    pub(super) fn get(self, name: &str) -> &'a str {
        let mut pairs = self.0.iter();
        pairs
            .find(|pair| pair.name() == name)
            .map_or("", |pair| pair.value())
    }
}

impl MetricsSnapshot {
    /// The current values of `metrics`.
    pub(super) fn at_now(metrics: &Metrics) -> Self {
        Self {
            at: Instant::now(),
            families: metrics.gather(),
            times: metrics.read_times(),
        }
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// This snapshot with only the families `names`.
    pub(super) fn only(&self, names: &[&str]) -> Self {
        let families = self.families.iter();
        let times = self.times.iter();
        Self {
            at: self.at,
            families: families
                .filter(|family| names.contains(&family.name()))
                .cloned()
                .collect(),
            times: times
                .filter(|(name, _)| names.contains(name))
                .map(|(name, series)| (*name, series.clone()))
                .collect(),
        }
    }

    fn family(&self, name: &str) -> Option<&MetricFamily> {
        let place = self
            .families
            .binary_search_by(|family| family.name().cmp(name));
        place.ok().map(|place| &self.families[place])
    }

    fn series(&self, name: &str) -> Option<impl Iterator<Item = (Labels<'_>, f64)>> {
        let family = self.family(name)?;
        let kind = family.get_field_type();
        let series = family.get_metric().iter();
        Some(series.map(move |metric| (Labels(metric.get_label()), value(kind, metric))))
    }

    fn sum(&self, name: &str, is_asked: impl Fn(Labels<'_>) -> bool) -> Option<f64> {
        let asked = self.series(name)?.filter(|(labels, _)| is_asked(*labels));
        // The sum of no floats is −0, which would be displayed as such.
        Some(asked.fold(0.0, |sum, (_, value)| sum + value))
    }

    fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (labels, value) in self.series(name).into_iter().flatten() {
            *sums.entry(labels.get(label).to_owned()).or_default() += value;
        }
        sums
    }

    fn times(&self, name: &str, is_asked: impl Fn(&str) -> bool) -> Option<Distribution> {
        let mut times = Distribution::default();
        for series in self.times.get(name)? {
            if is_asked(&series.label.1) {
                times.add(series);
            }
        }
        Some(times)
    }
}

impl<'a> SnapshotWindow<'a> {
    pub(super) fn between(before: &'a MetricsSnapshot, now: &'a MetricsSnapshot) -> Self {
        Self { before, now }
    }

    pub(super) fn length(self) -> Duration {
        self.now.at.saturating_duration_since(self.before.at)
    }

    /// `count` per second.
    pub(super) fn per_second(self, count: f64) -> f64 {
        count / self.length().as_secs_f64().max(1e-6)
    }

    /// The sum of a family of gauges at the end.
    pub(super) fn gauge(self, name: &str) -> Option<f64> {
        self.now.sum(name, |_| true)
    }

    /// The gauges of a family at the end, by one label.
    pub(super) fn gauges(self, name: &str, label: &str) -> BTreeMap<String, f64> {
        self.now.by(name, label)
    }

    /// The increase of the selected counters of a family.
    pub(super) fn growth(self, name: &str, is_asked: impl Fn(Labels<'_>) -> bool) -> Option<f64> {
        let now = self.now.sum(name, &is_asked)?;
        let before = self.before.sum(name, &is_asked).unwrap_or_default();
        Some((now - before).max(0.0))
    }

    /// The increase of the counters of a family, by one label.
    pub(super) fn growths(self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let before = self.before.by(name, label);
        let mut growths = self.now.by(name, label);
        for (key, value) in &mut growths {
            *value = (*value - before.get(key).copied().unwrap_or_default()).max(0.0);
        }
        growths
    }

    /// The durations that the selected series of a family recorded.
    pub(super) fn times(self, name: &str, is_asked: impl Fn(&str) -> bool) -> Option<Distribution> {
        let now = self.now.times(name, &is_asked)?;
        let before = self.before.times(name, &is_asked).unwrap_or_default();
        Some(now.since(&before))
    }
}

fn value(kind: MetricType, metric: &Metric) -> f64 {
    match kind {
        MetricType::COUNTER => metric.get_counter().get_value(),
        MetricType::GAUGE => metric.get_gauge().get_value(),
        MetricType::HISTOGRAM => metric.get_histogram().get_sample_count() as f64,
        MetricType::SUMMARY | MetricType::UNTYPED => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn counters_are_read_as_differences_and_gauges_as_values() {
        let metrics = Metrics::new().expect("metrics");
        let lookups = metrics
            .counters("folio_test_total", "Test.", &["layer", "result"])
            .expect("a family");
        let open = metrics
            .gauges("folio_test_open", "Test.", &["pool"])
            .expect("a family");
        lookups.with_label_values(&["l1", "hit"]).inc_by(5);
        let before = MetricsSnapshot::at_now(&metrics);
        lookups.with_label_values(&["l1", "hit"]).inc_by(3);
        lookups.with_label_values(&["l2", "hit"]).inc_by(4);
        open.with_label_values(&["reader"]).set(7);
        let now = MetricsSnapshot::at_now(&metrics);

        let window = SnapshotWindow::between(&before, &now);
        let name = "folio_test_total";
        assert_eq!(window.growth(name, |_| true), Some(7.0));
        assert_eq!(
            window.growth(name, |labels| labels.get("layer") == "l1"),
            Some(3.0)
        );
        let none = window.growth(name, |_| false).expect("registered");
        assert!(none == 0.0 && none.is_sign_positive(), "{none}");
        assert_eq!(
            window.growths(name, "layer"),
            BTreeMap::from([("l1".to_owned(), 3.0), ("l2".to_owned(), 4.0)])
        );
        assert_eq!(window.gauge("folio_test_open"), Some(7.0));
        let open = window.gauges("folio_test_open", "pool");
        assert_eq!(open, BTreeMap::from([("reader".to_owned(), 7.0)]));
    }

    #[test]
    fn an_unregistered_family_is_absent_and_not_zero() {
        let metrics = Metrics::new().expect("metrics");
        let look = MetricsSnapshot::at_now(&metrics);
        let window = SnapshotWindow::between(&look, &look);
        assert_eq!(window.growth("folio_nothing", |_| true), None);
        assert_eq!(window.gauge("folio_nothing"), None);
        assert!(window.growths("folio_nothing", "kind").is_empty());
        assert!(window.times("folio_nothing", |_| true).is_none());
    }

    #[test]
    fn durations_are_those_of_the_window_within_one_per_cent() {
        let metrics = Metrics::new().expect("metrics");
        let name = "folio_test_seconds";
        let waits = metrics.times(name, "Test.", "pool").expect("a family");
        waits.series("reader").observe(Duration::from_secs(5));
        let before = MetricsSnapshot::at_now(&metrics);
        for millis in 1..=100 {
            waits
                .series("reader")
                .observe(Duration::from_millis(millis));
        }
        waits.series("writer").observe(Duration::from_secs(9));
        let now = MetricsSnapshot::at_now(&metrics);
        let window = SnapshotWindow::between(&before, &now);
        let times = window
            .times(name, |pool| pool == "reader")
            .expect("registered");
        assert_eq!(times.count(), 100);
        for (q, expected) in [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0)] {
            let found = times.milliseconds(q).expect("some");
            assert!((found / expected - 1.0).abs() < 0.01, "{q}: {found}");
        }
        let kept = now.only(&[name]);
        assert_eq!((kept.families.len(), kept.times.len()), (1, 1));
    }
}
