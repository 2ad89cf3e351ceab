//! Alerts: rules that are broken look after look, told when that begins and when it ends.
//!
//! A rule fires when it was broken in `monitor.looks` judged looks in a row, and is resolved when it held in as many. A
//! look with nothing to judge by, no request, lookup or wait, is no look for that rule: it neither counts nor breaks the row. After a minute of
//! looks without a judgement an alert is resolved as quiet, so that a load test that ends does not leave it lit.

use std::collections::VecDeque;

use prometheus::{IntCounterVec, IntGaugeVec};
use serde::Serialize;

use super::level::{files, pool_wait};
use super::sample::Sample;
use super::usage::BreakerMode;
use crate::metrics::Metrics;
use crate::settings::MonitorSettings;

/// Looks in a row without a judgement that resolve an alert.
const QUIET_LOOKS: u32 = 60;
/// Events that are remembered.
const MOST_EVENTS: usize = 100;
/// Part of the allowed file descriptors above which the rule `files` is broken.
const MOST_FILES: f64 = 0.9;

/// What is watched; the order is that of [`RULES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlertRule {
    /// The 95th percentile is above `monitor.latency_ms`.
    Latency,
    /// Fewer cached reads than `monitor.hit_ratio` did without a query.
    HitRatio,
    /// More responses than `monitor.errors` are 5xx.
    Errors,
    /// The process uses more of its cores than `monitor.cpu`.
    Cpu,
    /// Nine tenths of the file descriptors are open.
    Files,
    /// A breaker is open.
    Breaker,
    /// The 95th percentile of the waits for a connection is above `monitor.pool_wait_ms`, or a wait ended without one.
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
    /// As it was when last judged.
    pub(crate) value: f64,
    pub(crate) bound: f64,
    /// The same for people.
    pub(crate) message: String,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The rule was broken for long enough.
    Firing,
    /// It held for long enough.
    Resolved,
    /// There was nothing to judge it by for long enough.
    Quiet,
}

/// The beginning or the end of an alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AlertEvent {
    pub(crate) phase: Phase,
    /// Milliseconds since the epoch.
    pub(crate) at_ms: u64,
    #[serde(flatten)]
    pub(crate) alert: Alert,
}

/// Every rule with what became of it so far.
pub(super) struct AlertRules {
    watches: [RuleProgress; RULES.len()],
    events: VecDeque<AlertEvent>,
    fired: IntCounterVec,
    firing: IntGaugeVec,
}

#[derive(Default)]
struct RuleProgress {
    alert: Option<Alert>,
    /// Judgements in a row that contradict the present state.
    contrary: u32,
    /// Looks in a row without a judgement.
    silent: u32,
}

/// One rule held against one window.
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

    /// `None` when there is nothing in the window to judge by.
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
            // A rule that never fired shows as zero, so that a rate over it is right from the first time on.
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

    /// Holds every rule against `sample` and gives what began or ended with it.
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

    /// What fires now.
    pub(super) fn firing(&self) -> Vec<Alert> {
        let alerts = self.watches.iter().filter_map(|watch| watch.alert.clone());
        alerts.collect()
    }

    /// The latest events, the newest first.
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
