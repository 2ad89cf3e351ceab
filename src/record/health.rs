//! What the generator did to itself, second by second: the evidence for whether a run's numbers can be believed.

use serde::{Deserialize, Serialize};

use crate::units::Micros;

/// The generator in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// CPU time used in the interval, user and system, in µs.
    pub cpu_us: u64,
    /// CPU use as a part of all cores: 1.0 is every core busy.
    pub cpu: f64,
    /// Resident memory at the end of the interval, in bytes.
    pub rss_bytes: u64,
    /// Open file descriptors at the end of the interval.
    pub open_fds: u32,
    /// The longest delay of the event loop in the interval: a timer's wake-up against when it was due.
    pub loop_delay_max: Micros,
}

/// The bundled target's own use of the machine in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// CPU use as a part of all cores.
    pub cpu: f64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
}
