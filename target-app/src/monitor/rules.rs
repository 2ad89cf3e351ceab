//! Alert rules: a rule that is violated in several consecutive samples fires, and is resolved later.
//!
//! A rule fires when it was violated in `monitor.looks` consecutive rated samples, and is resolved when it held in as
//! many. A sample without requests, lookups or waits cannot be rated for a rule and is skipped for it. After a minute
//! of such samples an alert is resolved as quiet, so that it does not stay after a load test ends.

use std::collections::VecDeque;

use prometheus::{IntCounterVec, IntGaugeVec};
use serde::Serialize;

use super::level::{files, pool_wait};
use super::sample::Sample;
use super::usage::BreakerMode;
use crate::metrics::Metrics;
use crate::settings::MonitorSettings;

/// Consecutive samples without a rating that resolve an alert.
const QUIET_LOOKS: u32 = 60;
/// Maximum remembered events.
const MOST_EVENTS: usize = 100;
/// Ratio of open file descriptors to the limit above which the rule `files` is violated.
const MOST_FILES: f64 = 0.9;

/// A rule; the order is that of [`RULES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlertRule {
    /// The 95th percentile is above `monitor.latency_ms`.
    Latency,
    /// The ratio of cached reads without a query is below `monitor.hit_ratio`.
    HitRatio,
    /// The ratio of 5xx responses is above `monitor.errors`.
    Errors,
    /// The CPU usage is above `monitor.cpu`.
    Cpu,
    /// More than nine tenths of the file descriptors are open.
    Files,
    /// A circuit breaker is open.
    Breaker,
    /// The 95th percentile of the wait for a connection is above `monitor.pool_wait_ms`, or a wait timed out.
    PoolWait,
}

const RULES: [AlertRule; 7] = [
    AlertRule::Latency,
    AlertRule::HitRatio,
    AlertRule::Errors,
    AlertRule::Cpu,
    AlertRule::Files,
    AlertRule::Breaker,
    AlertRule::PoolWait,
];

/// An alert that is firing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Alert {
    pub(crate) rule: AlertRule,
    /// Milliseconds since the epoch.
    pub(crate) since_ms: u64,
    /// The value when last rated.
    pub(crate) value: f64,
    pub(crate) bound: f64,
    /// The alert as text.
    pub(crate) message: String,
}

/// The state change of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The rule was violated for long enough.
    Firing,
    /// The rule held for long enough.
    Resolved,
    /// The rule could not be rated for long enough.
    Quiet,
}

/// The start or the end of an alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AlertEvent {
    pub(crate) phase: Phase,
    /// Milliseconds since the epoch.
    pub(crate) at_ms: u64,
    #[serde(flatten)]
    pub(crate) alert: Alert,
}

/// Every rule with its progress.
pub(super) struct AlertRules {
    watches: [RuleProgress; RULES.len()],
    events: VecDeque<AlertEvent>,
    fired: IntCounterVec,
    firing: IntGaugeVec,
}

#[derive(Default)]
struct RuleProgress {
    alert: Option<Alert>,
    /// Consecutive ratings that contradict the present state.
    contrary: u32,
    /// Consecutive samples without a rating.
    silent: u32,
}

/// The rating of one rule in one window.
struct Rating {
    value: f64,
    bound: f64,
    is_broken: bool,
    message: String,
}

impl AlertRule {
    fn label(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::HitRatio => "hit_ratio",
            Self::Errors => "errors",
            Self::Cpu => "cpu",
            Self::Files => "files",
            Self::Breaker => "breaker",
            Self::PoolWait => "pool_wait",
        }
    }

    /// `None` if the window has no value to rate.
    fn rate(self, sample: &Sample, settings: &MonitorSettings) -> Option<Rating> {
        Some(match self {
            Self::Latency => {
                let p95 = sample.requests.latency_ms?.p95;
                let bound = f64::from(settings.latency_ms);
                above(
                    p95,
                    bound,
                    format!("p95 latency is {p95:.1} ms, limit {bound} ms"),
                )
            }
            Self::HitRatio => {
                let hits = sample.cache.as_ref()?.overall;
                let value = hits.hit_ratio?;
                let bound = settings.hit_ratio;
                Rating {
                    value,
                    bound,
                    is_broken: value < bound,
                    message: format!(
                        "hit ratio is {}, minimum {}",
                        percent(value),
                        percent(bound)
                    ),
                }
            }
            Self::Errors => {
                let value = sample.requests.error_ratio?;
                above_part("5xx responses are", value, settings.errors)
            }
            Self::Cpu => above_part("CPU is", sample.process.as_ref()?.cpu, settings.cpu),
            Self::Files => above_part("open file descriptors are", files(sample)?, MOST_FILES),
            Self::Breaker => {
                let breakers = &sample.breakers;
                let open = breakers
                    .iter()
                    .filter(|breaker| breaker.state == BreakerMode::Open);
                let open: Vec<_> = open.map(|breaker| breaker.name.as_str()).collect();
                if breakers.is_empty() {
                    return None;
                }
                let message = match open.len() {
                    0 => "no circuit breaker is open".to_owned(),
                    _ => format!("open circuit breakers: {}", open.join(", ")),
                };
                above(open.len() as f64, 0.0, message)
            }
            Self::PoolWait => pool_waits(sample, f64::from(settings.pool_wait_ms))?,
        })
    }
}

fn pool_waits(sample: &Sample, bound: f64) -> Option<Rating> {
    let timeouts: f64 = sample.pools.iter().map(|pool| pool.timeouts).sum();
    let wait = match pool_wait(sample) {
        None if timeouts == 0.0 => return None,
        wait => wait.unwrap_or_default(),
    };
    let message = format!(
        "p95 wait for a connection is {wait:.1} ms, limit {bound} ms; {timeouts} waits timed out"
    );
    Some(Rating {
        is_broken: timeouts > 0.0 || wait > bound,
        ..above(wait, bound, message)
    })
}

fn above(value: f64, bound: f64, message: String) -> Rating {
    Rating {
        value,
        bound,
        is_broken: value > bound,
        message,
    }
}

fn above_part(what: &str, value: f64, bound: f64) -> Rating {
    let message = format!("{what} {}, limit {}", percent(value), percent(bound));
    above(value, bound, message)
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

impl AlertRules {
    pub(super) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let fired = metrics.counters(
            "folio_alerts_total",
            "Alerts that began to fire.",
            &["rule"],
        )?;
        let firing = metrics.gauges("folio_alert_firing", "1 while an alert fires.", &["rule"])?;
        for rule in RULES {
            // A rule that never fired is exported as zero, so that a rate over it is right from the first time on.
            fired.with_label_values(&[rule.label()]);
            firing.with_label_values(&[rule.label()]);
        }
        Ok(Self {
            watches: Default::default(),
            events: VecDeque::new(),
            fired,
            firing,
        })
    }

    /// Rates every rule against `sample`; returns the alerts that began or ended.
    pub(super) fn evaluate(
        &mut self,
        sample: &Sample,
        settings: &MonitorSettings,
    ) -> Vec<AlertEvent> {
        let mut news = Vec::new();
        for (rule, watch) in RULES.into_iter().zip(&mut self.watches) {
            let judgement = rule.rate(sample, settings);
            let event = watch.evaluate(rule, judgement, settings.looks, sample.at_ms);
            let Some(event) = event else { continue };
            let is_firing = event.phase == Phase::Firing;
            let labels = [rule.label()];
            self.firing.with_label_values(&labels).set(is_firing.into());
            if is_firing {
                self.fired.with_label_values(&labels).inc();
            }
            news.push(event);
        }
        self.events.extend(news.iter().cloned());
        let surplus = self.events.len().saturating_sub(MOST_EVENTS);
        self.events.drain(..surplus);
        news
    }

    /// The firing alerts.
    pub(super) fn firing(&self) -> Vec<Alert> {
        let alerts = self.watches.iter().filter_map(|watch| watch.alert.clone());
        alerts.collect()
    }

    /// The latest events, newest first.
    pub(super) fn events(&self) -> Vec<AlertEvent> {
        self.events.iter().rev().cloned().collect()
    }
}

impl RuleProgress {
    fn evaluate(
        &mut self,
        rule: AlertRule,
        judgement: Option<Rating>,
        looks: u32,
        at_ms: u64,
    ) -> Option<AlertEvent> {
        let Some(judgement) = judgement else {
            self.silent += 1;
            if self.silent < QUIET_LOOKS {
                return None;
            }
            let alert = std::mem::take(self).alert?;
            return Some(AlertEvent {
                phase: Phase::Quiet,
                at_ms,
                alert,
            });
        };
        self.silent = 0;
        if judgement.is_broken == self.alert.is_some() {
            self.contrary = 0;
        } else {
            self.contrary += 1;
        }
        let since_ms = self.alert.as_ref().map_or(at_ms, |alert| alert.since_ms);
        let alert = Alert {
            rule,
            since_ms,
            value: judgement.value,
            bound: judgement.bound,
            message: judgement.message,
        };
        let phase = match (&mut self.alert, self.contrary >= looks) {
            (firing @ None, true) => {
                *firing = Some(alert.clone());
                Phase::Firing
            }
            (firing @ Some(_), true) => {
                *firing = None;
                Phase::Resolved
            }
            (Some(firing), false) => {
                firing.clone_from(&alert);
                return None;
            }
            (None, false) => return None,
        };
        self.contrary = 0;
        Some(AlertEvent {
            phase,
            at_ms,
            alert,
        })
    }
}

#[cfg(test)]
mod tests;
