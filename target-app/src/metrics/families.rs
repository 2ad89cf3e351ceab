//! Metric families by name: a second request for the same name, such as by the second breaker, gets the same family.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus::core::{Atomic, AtomicF64, AtomicI64, Collector, Desc, GenericGauge};
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
};

use super::{BUCKETS, MetricFamily, Metrics};

/// All families by name.
#[derive(Default)]
pub(super) struct Families(Mutex<HashMap<String, Family>>);

/// A family of one type.
#[derive(Clone)]
enum Family {
    Counters(IntCounterVec),
    Gauges(IntGaugeVec),
    Seconds(HistogramVec),
}

/// A gauge whose value is computed at every scrape and costs nothing in between.
struct Observed<P: Atomic> {
    gauge: GenericGauge<P>,
    read: Box<dyn Fn() -> P::T + Send + Sync>,
}

impl<P: Atomic + 'static> Collector for Observed<P> {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set((self.read)());
        self.gauge.collect()
    }
}

/// Increments a gauge while it lives; the gauge stays correct when a request is dropped in the middle.
pub(crate) struct GaugeGuard<'a>(&'a IntGauge);

impl<'a> GaugeGuard<'a> {
    pub(crate) fn enter(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for GaugeGuard<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// The family of counters of this name, created on first use.
    pub(crate) fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        let made = || IntCounterVec::new(Opts::new(name, help), labels).map(Family::Counters);
        match self.family(name, made)? {
            Family::Counters(family) => Ok(family),
            Family::Gauges(_) | Family::Seconds(_) => Err(prometheus::Error::AlreadyReg),
        }
    }

    /// The family of gauges of this name, created on first use.
    pub(crate) fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        let made = || IntGaugeVec::new(Opts::new(name, help), labels).map(Family::Gauges);
        match self.family(name, made)? {
            Family::Gauges(family) => Ok(family),
            Family::Counters(_) | Family::Seconds(_) => Err(prometheus::Error::AlreadyReg),
        }
    }

    /// The family of histograms of seconds of this name, from 50 µs to 10 s, created on first use.
    pub(crate) fn seconds(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
        let made = || HistogramVec::new(options, labels).map(Family::Seconds);
        match self.family(name, made)? {
            Family::Seconds(family) => Ok(family),
            Family::Counters(_) | Family::Gauges(_) => Err(prometheus::Error::AlreadyReg),
        }
    }

    /// A new family of gauges of fractions, 0 to 1.
    pub(crate) fn ratios(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<GaugeVec, prometheus::Error> {
        let family = GaugeVec::new(Opts::new(name, help), labels)?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    /// A gauge that calls `read` at every scrape; gauges of one name differ in the value of `label`.
    pub(crate) fn observe(
        &self,
        name: &str,
        help: &str,
        label: (&str, &str),
        read: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<(), prometheus::Error> {
        let gauge = IntGauge::with_opts(Opts::new(name, help).const_label(label.0, label.1))?;
        self.registry.register(Box::new(Observed::<AtomicI64> {
            gauge,
            read: Box::new(read),
        }))
    }

    /// A gauge of a fractional value, such as a ratio or seconds; gauges of one name differ in their label values.
    pub(crate) fn observe_float(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<(), prometheus::Error> {
        let options = labels.iter().fold(Opts::new(name, help), |options, label| {
            options.const_label(label.0, label.1)
        });
        self.registry.register(Box::new(Observed::<AtomicF64> {
            gauge: GenericGauge::with_opts(options)?,
            read: Box::new(read),
        }))
    }

    fn family(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Family, prometheus::Error>,
    ) -> Result<Family, prometheus::Error> {
        let mut families = self
            .families
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(family) = families.get(name) {
            return Ok(family.clone());
        }
        let family = make()?;
        self.registry.register(match &family {
            Family::Counters(family) => Box::new(family.clone()),
            Family::Gauges(family) => Box::new(family.clone()),
            Family::Seconds(family) => Box::new(family.clone()) as Box<dyn Collector>,
        })?;
        families.insert(name.to_owned(), family.clone());
        Ok(family)
    }
}
