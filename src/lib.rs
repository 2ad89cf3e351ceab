//! Gander drives virtual users against a target from a YAML scenario and reports, with exact measurements, how the
//! target performed.
//!
//! The pipeline, in the order of the modules: a file becomes a [`scenario`], a scenario becomes a [`plan`], the
//! [`engine`] runs the plan's users over the [`transport`], their samples are [`record`]ed, a [`monitor`]
//! reads the target's own metrics beside them, the [`verdict`] judges
//! the record, and [`report`] renders it. [`cmd`] connects these, one function per subcommand.

pub mod ab;
#[cfg(feature = "bundled-target")]
pub mod bundled;
pub mod cli;
pub mod cmd;
pub mod compare;
pub mod control;
pub mod doctor;
pub mod engine;
pub mod exit;
pub mod export;
pub mod expr;
mod format;
pub mod managed;
pub mod mask;
pub mod monitor;
pub mod outcome;
pub mod plan;
pub mod probe;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod script;
pub mod source;
pub mod starter;
pub mod stats;
pub mod transport;
pub mod trial;
pub mod units;
pub mod verdict;
