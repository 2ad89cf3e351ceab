//! Control of a running test from another process, over a local socket.
//!
//! The socket lies in a directory that only its owner may enter, because the path of a run's folder may be too long for
//! one; the folder has a file with the path of the socket. A request is one line of JSON, and so is its reply. This
//! module knows neither runs nor loads.

mod client;
mod socket;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use client::{ask, is_alive};
pub use socket::{ControlSocket, ReplyTo};

use crate::units::Micros;

/// The file in the folder of a run that has the path of its socket.
pub const PATH_FILE: &str = "control.path";

/// A request to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How the run is doing.
    Status,
    /// No iteration starts until `resume`.
    Pause,
    /// Iterations start again.
    Resume,
    /// Sets the number of users of a closed load.
    Users {
        /// The number.
        users: u32,
        /// The flow with the load; `None` for the shared one.
        flow: Option<String>,
    },
    /// Sets the rate of an open load.
    Rate {
        /// Starts per second.
        per_second: f64,
        /// The flow with the load; `None` for the shared one.
        flow: Option<String>,
    },
    /// Marks this time in the journal and in charts.
    Tag {
        /// The text of the mark.
        text: String,
    },
    /// Ends the load; requests in flight have the grace period.
    Stop,
}

/// The reply to a request: the state of the run after it, or why it was refused.
pub type Reply = Result<Status, String>;

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The run.
    pub run_id: String,
    /// Its scenario.
    pub scenario: String,
    /// The phase of the load.
    pub phase: Phase,
    /// The time on the run's clock, in microseconds.
    pub at: Micros,
    /// The planned length of the load, in microseconds, if the schedule has one.
    pub planned: Option<Micros>,
    /// Users active.
    pub users: u32,
    /// Iterations due in the last second.
    pub offered: u64,
    /// Iterations started in the last second.
    pub started: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests ended since the warm-up.
    pub requests: u64,
    /// Those among them that failed.
    pub failed: u64,
    /// The 95th percentile of their response times, in microseconds.
    pub p95: Option<u64>,
    /// The thresholds, and whether each holds; `None` if it cannot be judged yet.
    pub thresholds: Vec<(String, Option<bool>)>,
}

/// The phase of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Iterations start.
    Running,
    /// No iteration starts until `resume`.
    Paused,
    /// The load is over; requests in flight may end.
    Ending,
}

/// The reason why a run cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The folder names no socket.
    #[error("{} names no running test: the file {PATH_FILE} is missing, so its load has not begun, or is over", .0.display())]
    NotRunning(PathBuf),
    /// Nobody answers on the socket.
    #[error("the run in {} has ended", .0.display())]
    Ended(PathBuf),
    /// The exchange failed.
    #[error("the run in {} gave no answer", .0.display())]
    NoAnswer(PathBuf, #[source] std::io::Error),
}
