//! The noise floor: how much a figure differs between two runs of the same thing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stats;

use super::profile::{Profile, Reading};

/// The standard deviation of each figure between runs, beyond the error within a run; from runs of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// The scenario of the runs.
    pub scenario: String,
    /// The number of runs.
    pub runs: u32,
    /// The measured seconds of each.
    pub load_s: f64,
    /// τ by figure, on the figure's scale.
    pub floor: BTreeMap<String, f64>,
}

impl Noise {
    /// The noise floor of A/A runs: τ² = s² − mean(error²), at least 0; `None` for fewer than three runs.
    pub fn of(runs: &[Profile]) -> Option<Self> {
        let first = runs.first().filter(|_| runs.len() >= 3)?;
        let floor = first.figures.iter().filter_map(|(figure, _)| {
            let readings: Option<Vec<Reading>> =
                runs.iter().map(|run| run.reading(&figure.name)).collect();
            Some((figure.name.clone(), between(&readings?)?.sqrt()))
        });
        Some(Self {
            scenario: first.facts.scenario.clone(),
            runs: runs.len() as u32,
            load_s: stats::mean(&runs.iter().map(|run| run.facts.load_s).collect::<Vec<_>>())?,
            floor: floor.collect(),
        })
    }

    /// τ² of a figure.
    pub fn variance(&self, figure: &str) -> Option<f64> {
        self.floor.get(figure).map(|tau| tau * tau)
    }

    /// The degrees of freedom of τ.
    pub fn df(&self) -> f64 {
        f64::from(self.runs.saturating_sub(1))
    }
}

/// The variance between runs beyond the one within them.
fn between(readings: &[Reading]) -> Option<f64> {
    let values: Vec<f64> = readings.iter().map(|reading| reading.value).collect();
    let within: Option<Vec<f64>> = readings
        .iter()
        .map(|reading| reading.error.map(|error| error * error))
        .collect();
    let within = within.and_then(|errors| stats::mean(&errors));
    Some((stats::variance(&values)? - within.unwrap_or(0.0)).max(0.0))
}
