//! This machine as a load generator: a short measurement of Gander itself, and the settings that limit it.
//!
//! [`measure`] runs two loads through the same pipeline as a run, against a server in another process, so that the CPU
//! time of this process is the generator's alone. [`Checkup::of`] judges the figures; it is pure. A checkup is shown as a
//! table or as JSON.

mod checks;
mod json;
mod measure;
mod server;
mod table;

use serde::Serialize;

pub use json::{JSON_SCHEMA, SCHEMA};
pub use measure::{DoctorError, Measured, SHORTEST, TimerLateness, measure};
pub use server::serve;

use crate::probe::{Environment, Limits, Machine};

/// How far a figure limits measurements on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Nothing to do.
    Ok,
    /// Worth knowing when results are read.
    Note,
    /// Limits what can be measured here.
    Limit,
}

/// A figure of this machine and its judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name for programs: `timer_lateness`.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// The judgement.
    pub judgement: Judgement,
    /// The figure with its unit.
    pub value: String,
    /// What the figure means.
    pub meaning: String,
    /// What to do; `None` if nothing is to be done.
    pub advice: Option<String>,
}

/// The kind of build that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// Optimised.
    Release,
    /// Not optimised.
    Debug,
}

impl Build {
    /// The build of this binary.
    pub const THIS: Self = if cfg!(debug_assertions) {
        Self::Debug
    } else {
        Self::Release
    };
}

/// The state of a machine as a load generator.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkup {
    /// The build that was measured.
    pub build: Build,
    /// The machine.
    pub machine: Machine,
    /// The figures of the measurement.
    pub measured: Measured,
    /// The highest rate of such requests that the cores of the users can send in a valid run, per second.
    pub valid_rate: f64,
    /// The judged figures.
    pub rows: Vec<Row>,
}

impl Checkup {
    /// Judges a machine. `limits` are those of a run, `user_cores` the CPU time per second for running users.
    pub fn of(
        build: Build,
        machine: Machine,
        environment: &Environment,
        limits: &Limits,
        user_cores: f64,
        measured: Measured,
    ) -> Self {
        Self {
            rows: checks::rows(build, &machine, environment, limits, user_cores, &measured),
            valid_rate: checks::valid_rate(&measured, user_cores),
            build,
            machine,
            measured,
        }
    }

    /// The worst judgement.
    pub fn judgement(&self) -> Judgement {
        let judgements = self.rows.iter().map(|row| row.judgement);
        judgements.max().unwrap_or(Judgement::Ok)
    }
}
