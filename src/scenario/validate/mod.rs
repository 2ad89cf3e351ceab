//! Stub.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Diagnostics, Scenario};
use crate::units::Rate;

/// What the command line changes in a scenario.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--target`
    pub target: Option<String>,
    /// `--users`: every stage's level is scaled so that the peak is this; for iterations, the number of users.
    pub users: Option<u32>,
    /// `--rate`: every stage's level is scaled so that the peak is this.
    pub rate: Option<Rate>,
    /// `--for`: every stage is scaled so that the load lasts this long.
    pub duration: Option<Duration>,
    /// `--time-scale`: every duration of load, warm-up, think time, pacing, windows and delays is multiplied by this.
    pub time_scale: Option<f64>,
    /// `--set path=value`, in order; the value is YAML.
    pub set: Vec<(String, String)>,
    /// `--root`: files must stay under this folder.
    pub root: Option<PathBuf>,
}

/// Reads, checks and resolves a scenario file; on failure, everything that is wrong with it.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Scenario, Diagnostics> {
    let _ = overrides;
    Err(Diagnostics {
        path: path.to_owned(),
        text: String::new(),
        list: Vec::new(),
    })
}
