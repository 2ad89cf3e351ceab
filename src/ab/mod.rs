//! A comparison of two settings by interleaved runs: the two arms, the order of their runs, and the record of both.
//!
//! Each pair is one run of each arm with the same seed, and so with the same schedule, rows and random values. This
//! module runs nothing; a record can be written at any time and read again.

mod arm;
mod order;
mod record;

pub use arm::{Arm, read_arms};
pub use order::order;
pub use record::{AbRecord, ArmRecord, JudgedAs, RECORD_FILE, RunRecord, SCHEMA};

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The first: usually the state before a change.
    A,
    /// The second.
    B,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::A => "a",
            Self::B => "b",
        })
    }
}
