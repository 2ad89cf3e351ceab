//! The target's own metrics in an interval, and their sums over a part of the run.
//!
//! Levels are averaged over time, rates are increases divided by the time between their scrapes, quotients divide sums,
//! and histograms are merged bucket by bucket. No rate, quotient or percentile is averaged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Interval;
use super::distribution::{Distribution, divided};
use crate::units::Micros;

/// The readings that arrived in an interval.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Monitored {
    /// By the names of the kept metrics. `None` is a gap: a scrape failed, and none succeeded. A metric without a reading
    /// is not here.
    pub readings: BTreeMap<String, Option<KeptReading>>,
    /// The scrapes that ended in it.
    pub scrapes: Scrapes,
}

/// Scrapes and their cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrapes {
    /// Scrapes, with those that failed.
    pub made: u64,
    /// Those that failed.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub failed: u64,
    /// The time that they took, in all.
    pub took: Micros,
    /// The bytes of their bodies.
    pub bytes: u64,
}

/// A kept metric in an interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptReading {
    /// A level.
    Level(f64),
    /// The increase of a counter, and the time between the scrapes that it is of.
    Rate(f64, Micros),
    /// A numerator and a divisor, both multiplied by their time, so that they can be summed.
    Quotient(f64, f64),
    /// The observations of a histogram.
    Histogram(Distribution),
}

impl Monitored {
    /// True without a scrape.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty() && self.scrapes == Scrapes::default()
    }

    /// Adds what a later scrape has read; in one interval a second level is averaged with the first.
    pub fn absorb(&mut self, later: Self) {
        self.scrapes += later.scrapes;
        for (name, reading) in later.readings {
            let known = self.readings.entry(name).or_default();
            match (known.as_mut(), reading) {
                (Some(known), Some(later)) => known.absorb(later),
                (None, later) => *known = later,
                (Some(_), None) => {}
            }
        }
    }
}

impl std::ops::AddAssign for Scrapes {
    fn add_assign(&mut self, other: Self) {
        self.made += other.made;
        self.failed += other.failed;
        self.took += other.took;
        self.bytes += other.bytes;
    }
}

impl KeptReading {
    fn absorb(&mut self, later: Self) {
        match (self, later) {
            (Self::Level(level), Self::Level(later)) => *level = f64::midpoint(*level, later),
            (Self::Rate(increase, over), Self::Rate(later, more)) => {
                *increase += later;
                *over += more;
            }
            (Self::Quotient(numerator, divisor), Self::Quotient(later, more)) => {
                *numerator += later;
                *divisor += more;
            }
            (Self::Histogram(known), Self::Histogram(later)) => known.absorb(&later),
            // A metric that changes its type keeps the later one.
            (known, later) => *known = later,
        }
    }

    /// Its number in the interval: of a histogram the mean; `None` if it is undefined, such as a quotient by zero.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Level(level) => Some(*level),
            Self::Rate(increase, over) => divided(*increase, over.as_secs_f64()),
            Self::Quotient(numerator, divisor) => divided(*numerator, *divisor),
            Self::Histogram(observed) => divided(observed.sum, observed.count()),
        }
    }
}

/// A kept metric over several intervals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeptSum {
    /// Intervals with a reading.
    pub readings: u64,
    /// Intervals in which a scrape failed and none succeeded.
    pub gaps: u64,
    /// Levels times their microseconds, increases, or numerators.
    amount: f64,
    /// The divisor of `amount`.
    divisor: f64,
    /// The lowest and the highest number of an interval.
    range: Option<(f64, f64)>,
    /// The latest number, and the end of its interval.
    last: Option<(Micros, f64)>,
    /// The observations of a histogram.
    observed: Option<Distribution>,
}

impl KeptSum {
    /// Adds the reading of an interval: `None` is a gap.
    pub fn add(&mut self, reading: Option<&KeptReading>, start: Micros, end: Micros) {
        let Some(reading) = reading else {
            self.gaps += 1;
            return;
        };
        self.readings += 1;
        match reading {
            KeptReading::Level(level) => {
                // Whole microseconds, so that the mean of whole levels is exact.
                let length = end.saturating_sub(start).0 as f64;
                self.amount += level * length;
                self.divisor += length;
            }
            KeptReading::Rate(increase, over) => {
                self.amount += increase;
                self.divisor += over.as_secs_f64();
            }
            KeptReading::Quotient(numerator, divisor) => {
                self.amount += numerator;
                self.divisor += divisor;
            }
            KeptReading::Histogram(observed) => {
                self.observed.get_or_insert_default().absorb(observed);
                // An interval has a distribution, and no single number.
                return;
            }
        }
        if let Some(number) = reading.number() {
            self.widen(number, number);
            self.last = Some((end, number));
        }
    }

    fn widen(&mut self, low: f64, high: f64) {
        self.range = Some(match self.range {
            Some((least, most)) => (least.min(low), most.max(high)),
            None => (low, high),
        });
    }

    /// Adds a later part of the run.
    pub fn merge(&mut self, later: &Self) {
        self.readings += later.readings;
        self.gaps += later.gaps;
        self.amount += later.amount;
        self.divisor += later.divisor;
        if let Some((low, high)) = later.range {
            self.widen(low, high);
        }
        self.last = later.last.or(self.last);
        if let Some(observed) = &later.observed {
            self.observed.get_or_insert_default().absorb(observed);
        }
    }

    /// The mean: of a level over time, of a rate, of a quotient by the sums of both sides, of a histogram's observations.
    pub fn mean(&self) -> Option<f64> {
        match &self.observed {
            Some(observed) => divided(observed.sum, observed.count()),
            None => divided(self.amount, self.divisor),
        }
    }

    /// The lowest number of an interval; `None` for a histogram.
    pub fn min(&self) -> Option<f64> {
        self.range.map(|(low, _)| low)
    }

    /// The highest number of an interval; `None` for a histogram.
    pub fn max(&self) -> Option<f64> {
        self.range.map(|(_, high)| high)
    }

    /// The last number of an interval; `None` for a histogram.
    pub fn last(&self) -> Option<f64> {
        self.last.map(|(_, number)| number)
    }

    /// The observations of a histogram; `None` for other metrics.
    pub const fn observed(&self) -> Option<&Distribution> {
        self.observed.as_ref()
    }
}

/// Adds the readings of an interval to sums by name.
pub fn add_kept(sums: &mut BTreeMap<String, KeptSum>, interval: &Interval) {
    for (name, reading) in &interval.monitored.readings {
        let sum = match sums.get_mut(name) {
            Some(sum) => sum,
            None => sums.entry(name.clone()).or_default(),
        };
        sum.add(reading.as_ref(), interval.start, interval.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Bucket;

    const SECOND: Micros = Micros(1_000_000);

    fn sum_of(readings: &[(Option<KeptReading>, u64)]) -> KeptSum {
        let (mut sum, mut at) = (KeptSum::default(), Micros::ZERO);
        for (reading, seconds) in readings {
            let end = at + Micros(seconds * SECOND.0);
            sum.add(reading.as_ref(), at, end);
            at = end;
        }
        sum
    }

    #[test]
    fn levels_are_weighted_by_time_and_gaps_have_none() {
        use KeptReading::Level;
        let sum = sum_of(&[(Some(Level(1.0)), 1), (None, 5), (Some(Level(4.0)), 2)]);
        assert_eq!(sum.mean(), Some(3.0));
        assert_eq!(
            (sum.min(), sum.max(), sum.last()),
            (Some(1.0), Some(4.0), Some(4.0))
        );
        assert_eq!((sum.readings, sum.gaps), (2, 1));
    }

    #[test]
    fn rates_and_quotients_divide_sums() {
        use KeptReading::{Quotient, Rate};
        // Ten a second for a second, then one a second for nine: 1.9 a second, not 5.5.
        let rates = [
            (Some(Rate(10.0, SECOND)), 1),
            (Some(Rate(9.0, Micros(9_000_000))), 9),
        ];
        assert_eq!(sum_of(&rates).mean(), Some(1.9));
        assert_eq!(sum_of(&rates).max(), Some(10.0));
        let quotients = [(Some(Quotient(1.0, 1.0)), 1), (Some(Quotient(0.0, 9.0)), 1)];
        assert_eq!(sum_of(&quotients).mean(), Some(0.1));
        // No request: no quotient, and no zero.
        let nothing = sum_of(&[(Some(Quotient(0.0, 0.0)), 1)]);
        assert_eq!(
            (nothing.mean(), nothing.min(), nothing.readings),
            (None, None, 1)
        );
    }

    fn distribution(buckets: &[Bucket]) -> Distribution {
        Distribution {
            sum: 0.0,
            over: SECOND,
            buckets: buckets.to_vec(),
        }
    }

    #[test]
    fn a_reading_survives_the_journal() {
        let read = Monitored {
            readings: [
                ("a".to_owned(), Some(KeptReading::Level(0.1))),
                ("b".to_owned(), None),
                (
                    "c".to_owned(),
                    Some(KeptReading::Histogram(distribution(&[
                        (None, Some(0.5), 2.0),
                        (Some(0.5), None, 1.0),
                    ]))),
                ),
                ("d".to_owned(), Some(KeptReading::Rate(3.0, SECOND))),
            ]
            .into(),
            scrapes: Scrapes {
                made: 2,
                failed: 1,
                took: SECOND,
                bytes: 7,
            },
        };
        let text = serde_json::to_string(&read).expect("serializes");
        assert_eq!(serde_json::from_str::<Monitored>(&text).ok(), Some(read));
    }
}
