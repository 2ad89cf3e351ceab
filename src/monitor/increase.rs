//! Increases of counters and of histograms between two scrapes.
//!
//! A counter that has fallen started again from zero. A series that is new since the first scrape did too: a target
//! creates many of them when they are first needed.

use super::exposition::{Page, Sample};
use super::readings::{BySeries, key};
use crate::expr::selector::SeriesSelector;
use crate::record::Distribution;

/// The counters of a term.
#[derive(Debug, Default)]
pub(super) struct Increases {
    known: BySeries<f64>,
    is_found: bool,
}

impl Increases {
    /// True if a series was ever found.
    pub(super) const fn is_found(&self) -> bool {
        self.is_found
    }

    /// The increase of all series since the last scrape; `None` if there was none to compare with, or no series yet.
    pub(super) fn since_last(&mut self, samples: &[&Sample<'_>], has_last: bool) -> Option<f64> {
        self.is_found |= !samples.is_empty();
        let mut increase = 0.0;
        for sample in samples.iter().filter(|sample| sample.value.is_finite()) {
            let value = sample.value;
            let before = self.known.insert(key(sample, ""), value);
            increase += match before {
                Some(before) if before <= value => value - before,
                Some(_) | None => value,
            };
        }
        (has_last && self.is_found).then_some(increase)
    }
}

/// The histograms of a selector.
#[derive(Debug, Default)]
pub(super) struct Histograms {
    known: BySeries<Cumulative>,
    is_found: bool,
}

/// A histogram as a page tells it.
#[derive(Debug, Default, Clone)]
struct Cumulative {
    /// Upper bounds in ascending order, each with the number of observations up to it.
    buckets: Vec<(f64, f64)>,
    sum: f64,
}

impl Histograms {
    /// True if a histogram was ever found.
    pub(super) const fn is_found(&self) -> bool {
        self.is_found
    }

    /// The observations since the last scrape, without their time; `None` if there was none to compare with, or the page
    /// has no histogram of this name.
    pub(super) fn read(
        &mut self,
        series: &SeriesSelector,
        page: &Page<'_>,
        has_last: bool,
    ) -> Option<Distribution> {
        let now = cumulative(series, page);
        if now.is_empty() {
            return None;
        }
        self.is_found = true;
        let mut observed = Distribution::default();
        for (key, mut histogram) in now {
            histogram.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            let before = self.known.insert(key, histogram.clone());
            let before = before.filter(|before| !histogram.has_restarted_since(before));
            observed.absorb(&histogram.since(&before.unwrap_or_default()));
        }
        has_last.then_some(observed)
    }
}

/// The histograms that the selector selects, by their other labels.
fn cumulative(series: &SeriesSelector, page: &Page<'_>) -> BySeries<Cumulative> {
    let (buckets, sum) = (
        format!("{}_bucket", series.name),
        format!("{}_sum", series.name),
    );
    let mut found: BySeries<Cumulative> = BySeries::new();
    let selected = page
        .samples
        .iter()
        .filter(|sample| sample.name == buckets || sample.name == sum)
        .filter(|sample| series.accepts_labels(|label| sample.label(label)));
    for sample in selected {
        let histogram = found.entry(key(sample, "le")).or_default();
        if sample.name == sum {
            histogram.sum = sample.value;
        } else if let Some(Ok(bound)) = sample.label("le").map(str::parse::<f64>)
            && !bound.is_nan()
        {
            histogram.buckets.push((bound, sample.value));
        }
    }
    found.retain(|_, histogram| !histogram.buckets.is_empty());
    found
}

impl Cumulative {
    fn total(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    fn has_restarted_since(&self, before: &Self) -> bool {
        self.total() < before.total()
    }

    /// The observations since then, bucket by bucket.
    fn since(&self, before: &Self) -> Distribution {
        let up_to = |bound: f64| {
            let mut known = before.buckets.iter();
            known
                .find(|(known, _)| known.total_cmp(&bound).is_eq())
                .map_or(0.0, |(_, count)| *count)
        };
        let finite = |bound: f64| bound.is_finite().then_some(bound);
        let (mut below, mut low) = (0.0, None);
        let mut observed = Distribution::default();
        for &(bound, count) in &self.buckets {
            let increase = count - up_to(bound);
            // Buckets are read one after the other, so a page may be slightly inconsistent.
            let own = (increase - below).max(0.0);
            below = f64::max(below, increase);
            // Prometheus takes the lowest bucket of positive bounds to begin at zero.
            let from = low.or_else(|| (bound > 0.0).then_some(0.0));
            if own > 0.0 {
                observed.buckets.push((from, finite(bound), own));
            }
            low = finite(bound);
        }
        let sum = self.sum - before.sum;
        observed.sum = if sum.is_finite() { sum } else { 0.0 };
        observed
    }
}
