//! The search for the capacity.

use crate::record::journal::Ending;
use crate::record::{LevelResult, SearchEnd, SearchLevel};
use crate::report::text::clean;
use crate::stats::Usl;
use crate::units::{show_number, show_percent, show_rate};

/// The part of the variance of throughput that a law must explain to be shown.
const FITS: f64 = 0.9;

/// A search for the capacity: the rates that it tried, its result, and the law that they follow.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacitySearch {
    /// The rates, in the order in which they were tried.
    pub levels: Vec<SearchLevel>,
    /// The result; `None` if the run was cut short.
    pub end: Option<SearchEnd>,
    /// The Universal Scalability Law, fitted to the rates that were measured.
    pub law: Option<Usl>,
}

impl CapacitySearch {
    /// The search of a run; `None` if it was none.
    pub(super) fn of(ending: &Ending) -> Option<Self> {
        if ending.levels.is_empty() && ending.capacity.is_none() {
            return None;
        }
        let measured = ending.levels.iter();
        let measured = measured.filter(|level| level.result != LevelResult::Invalid);
        let points: Vec<(f64, f64)> = measured
            .map(|level| (level.in_flight, level.completed_per_second()))
            .collect();
        // Below its limit every target is a straight line, which says nothing about the limit.
        let is_near_its_limit = ending
            .levels
            .iter()
            .any(|level| level.result == LevelResult::Broke);
        let levels = ending.levels.iter().map(|level| SearchLevel {
            reason: clean(&level.reason),
            ..level.clone()
        });
        Some(Self {
            levels: levels.collect(),
            end: ending.capacity.clone(),
            law: Usl::fit(&points).filter(|law| is_near_its_limit && law.r_squared >= FITS),
        })
    }

    /// The law in words.
    pub fn law_in_words(&self) -> String {
        let Some(law) = &self.law else {
            return "The rates that were measured do not determine a Universal Scalability Law."
                .to_owned();
        };
        let Usl {
            lambda,
            sigma,
            kappa,
            r_squared,
        } = *law;
        let peak = match (law.peak(), law.limit()) {
            (Some(peak), Some(limit)) => format!(
                "throughput peaks at {} with {} requests in flight, and falls beyond that",
                show_rate(limit),
                show_number(peak)
            ),
            (None, Some(limit)) => format!("throughput approaches {}", show_rate(limit)),
            (_, None) => "no limit is in sight".to_owned(),
        };
        format!(
            "Universal Scalability Law: one request at a time {}, contention {}, coherency {}; {peak} (R² {}).",
            show_rate(lambda),
            show_percent(sigma),
            show_number(kappa),
            show_number(r_squared)
        )
    }
}
