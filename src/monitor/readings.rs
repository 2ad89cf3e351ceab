//! From pages to readings: what a kept metric needs to remember between two scrapes.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use super::exposition::{FamilyType, Page, Sample};
use super::increase::{Histograms, Increases};
use crate::expr::selector::{Query, Term};
use crate::record::{Distribution, KeptReading};
use crate::scenario::{JsonPath, KeptSelector, SourceFormat};
use crate::source::nearest;
use crate::units::Micros;

/// More names of a page than are remembered for suggestions.
const MOST_NAMES: usize = 10_000;

/// The kept metrics of a source, and what they remember.
#[derive(Debug)]
pub(super) struct Readings {
    kept: Vec<Kept>,
    /// The time of the last good scrape.
    last: Option<Micros>,
    /// Names of the last page, if a metric was not found in it.
    names: BTreeSet<String>,
}

/// A kept metric.
#[derive(Debug)]
struct Kept {
    name: String,
    selector: String,
    place: Place,
    /// True if it was ever found.
    is_found: bool,
    /// Why what was found is no number.
    fault: Option<&'static str>,
}

#[derive(Debug)]
enum Place {
    Series {
        value: TermState,
        divisor: Option<TermState>,
        histograms: Histograms,
    },
    Json(JsonPath),
}

#[derive(Debug)]
struct TermState {
    term: Term,
    increases: Increases,
}

/// The time of a scrape, and the time since the last good one.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// `None` for the first scrape, and the first after the warm-up.
    over: Option<Micros>,
    /// The time that a level stands for, if there is no `over`.
    every: Micros,
}

impl Readings {
    pub(super) fn of(format: &SourceFormat) -> Self {
        let kept = match format {
            SourceFormat::Prometheus(kept) => kept.iter().map(Kept::of_query).collect(),
            SourceFormat::Json(kept) => kept.iter().map(Kept::of_path).collect(),
        };
        Self {
            kept,
            last: None,
            names: BTreeSet::new(),
        }
    }

    /// Forgets the time of the last scrape, so that no increase reaches back beyond it.
    pub(super) fn begin_anew(&mut self) {
        self.last = None;
    }

    /// The readings of a page of Prometheus that arrived at this time.
    pub(super) fn read_page(
        &mut self,
        page: &Page<'_>,
        at: Micros,
        every: Micros,
    ) -> Vec<(String, KeptReading)> {
        let moment = self.moment(at, every);
        let readings = self.kept.iter_mut().filter_map(|kept| {
            let reading = kept.read(page, moment)?;
            Some((kept.name.clone(), reading))
        });
        let readings = readings.collect();
        if self.kept.iter().any(|kept| !kept.is_found) {
            let names = page.samples.iter().take(MOST_NAMES);
            self.names = names.map(|sample| sample.name.to_string()).collect();
            self.names
                .extend(page.types.keys().map(|name| (*name).to_owned()));
        }
        readings
    }

    /// The readings of a JSON document.
    pub(super) fn read_json(&mut self, document: &serde_json::Value) -> Vec<(String, KeptReading)> {
        let readings = self.kept.iter_mut().filter_map(|kept| {
            let reading = kept.read_json(document)?;
            Some((kept.name.clone(), reading))
        });
        readings.collect()
    }

    fn moment(&mut self, at: Micros, every: Micros) -> Moment {
        let last = self.last.replace(at);
        Moment {
            over: last.map(|last| at.saturating_sub(last)),
            every,
        }
    }

    /// The names of the metrics.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(|kept| kept.name.as_str())
    }

    /// A sentence about each metric that was never found, or was no number.
    pub(super) fn complaints(&self, source: &str) -> Vec<String> {
        let complaint = |kept: &Kept| {
            let (name, selector) = (&kept.name, &kept.selector);
            if let Some(fault) = kept.fault {
                return Some(format!(
                    "`target.{name}`: {fault} (`{selector}` at {source})"
                ));
            }
            if kept.is_found {
                return None;
            }
            let nearest = kept.metric_name().and_then(|wanted| {
                let names = self.names.iter().map(String::as_str);
                nearest(wanted, names.filter(|name| *name != wanted))
            });
            let hint = match (nearest, kept.metric_name()) {
                (Some(name), _) => format!("; did you mean `{name}`?"),
                (None, Some(wanted)) if self.names.contains(wanted) => {
                    "; there are series of this name, but with other labels".to_owned()
                }
                (None, _) => String::new(),
            };
            Some(format!(
                "`target.{name}` has no reading: nothing at {source} matched `{selector}`{hint}"
            ))
        };
        self.kept.iter().filter_map(complaint).collect()
    }
}

impl Kept {
    fn of_query(kept: &KeptSelector<Query>) -> Self {
        let state = |term: &Term| TermState {
            term: term.clone(),
            increases: Increases::default(),
        };
        Self::at(
            kept,
            Place::Series {
                value: state(&kept.selector.value),
                divisor: kept.selector.divisor.as_ref().map(state),
                histograms: Histograms::default(),
            },
        )
    }

    fn of_path(kept: &KeptSelector<JsonPath>) -> Self {
        Self::at(kept, Place::Json(kept.selector.clone()))
    }

    fn at<T>(kept: &KeptSelector<T>, place: Place) -> Self {
        Self {
            name: kept.metric.name.clone(),
            selector: kept.metric.selector.clone(),
            place,
            is_found: false,
            fault: None,
        }
    }

    /// The name of the metric in the page that was not found, or the first of them.
    fn metric_name(&self) -> Option<&str> {
        match &self.place {
            Place::Series { value, divisor, .. } => {
                let missing = divisor.as_ref().filter(|_| value.increases.is_found());
                Some(&missing.unwrap_or(value).term.series.name)
            }
            Place::Json(_) => None,
        }
    }

    fn read(&mut self, page: &Page<'_>, moment: Moment) -> Option<KeptReading> {
        let Place::Series { value, divisor, .. } = &mut self.place else {
            return None;
        };
        let Some(divisor) = divisor else {
            if !value.term.is_rate {
                return self.level_or_histogram(page, moment);
            }
            let amount = value.amount(page, moment, 0.0);
            self.is_found |= value.increases.is_found();
            return Some(KeptReading::Rate(amount?, moment.over?));
        };
        // Of two levels the unit of time does not matter, and whole microseconds are exact.
        let is_of_levels = !value.term.is_rate && !divisor.term.is_rate;
        let over = moment.over.unwrap_or(moment.every);
        let length = if is_of_levels {
            over.0 as f64
        } else {
            over.as_secs_f64()
        };
        // Both are read in any case, so that both remember the same scrape.
        let (value_amount, divisor_amount) = (
            value.amount(page, moment, length),
            divisor.amount(page, moment, length),
        );
        self.is_found |= value.increases.is_found() && divisor.increases.is_found();
        Some(KeptReading::Quotient(value_amount?, divisor_amount?))
    }

    /// A selector alone: the sum of the series with its name, or the histogram whose buckets these are.
    fn level_or_histogram(&mut self, page: &Page<'_>, moment: Moment) -> Option<KeptReading> {
        let Place::Series {
            value, histograms, ..
        } = &mut self.place
        else {
            return None;
        };
        let series = &value.term.series;
        let is_summary = page.type_of(&series.name) == FamilyType::Summary;
        if is_summary && !series.names_label("quantile") {
            self.fault = Some("it is a summary, of which one quantile can be kept by its label");
            return None;
        }
        let matching = page
            .samples
            .iter()
            .filter(|sample| series.accepts(&sample.name, |label| sample.label(label)));
        let mut levels = matching.map(|sample| sample.value).peekable();
        if levels.peek().is_some() {
            self.is_found = true;
            let level: f64 = levels.sum();
            return level.is_finite().then_some(KeptReading::Level(level));
        }
        let observed = histograms.read(series, page, moment.over.is_some());
        self.is_found |= histograms.is_found();
        Some(KeptReading::Histogram(Distribution {
            over: moment.over?,
            ..observed?
        }))
    }

    fn read_json(&mut self, document: &serde_json::Value) -> Option<KeptReading> {
        let Place::Json(path) = &self.place else {
            return None;
        };
        let Ok(found) = path.query(document) else {
            self.fault = Some("the path visits too many values; use fewer descents (..)");
            return None;
        };
        if found.is_empty() {
            return None;
        }
        self.is_found = true;
        let numbers: Option<Vec<f64>> = found.iter().map(|value| value.as_f64()).collect();
        let Some(numbers) = numbers else {
            // Null is how JSON says that there is no value now.
            if found
                .iter()
                .any(|value| !value.is_null() && !value.is_number())
            {
                self.fault = Some("the path found something other than a number");
            }
            return None;
        };
        let level: f64 = numbers.iter().sum();
        level.is_finite().then_some(KeptReading::Level(level))
    }
}

impl TermState {
    /// The increase since the last scrape, or the level times the `length` of time that it stands for; `None` without one.
    fn amount(&mut self, page: &Page<'_>, moment: Moment, length: f64) -> Option<f64> {
        let series = &self.term.series;
        let matching: Vec<&Sample<'_>> = page
            .samples
            .iter()
            .filter(|sample| series.accepts(&sample.name, |label| sample.label(label)))
            .collect();
        let increase = self.increases.since_last(&matching, moment.over.is_some());
        let amount = if self.term.is_rate {
            increase?
        } else {
            let level: f64 = matching.iter().map(|sample| sample.value).sum();
            level * length
        };
        (amount.is_finite() && !matching.is_empty()).then_some(amount)
    }
}

/// A key of a series: its labels, without the one named `except`.
pub(super) fn key(sample: &Sample<'_>, except: &str) -> String {
    let mut labels: Vec<_> = sample
        .labels
        .iter()
        .filter(|(name, _)| name != except)
        .collect();
    labels.sort();
    let mut key = String::new();
    for (name, value) in labels {
        // In quotes and escaped, so that no two series have the same key.
        let _ = write!(key, "{name:?}{value:?}");
    }
    key
}

/// Values by series.
pub(super) type BySeries<T> = HashMap<String, T>;
