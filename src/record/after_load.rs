//! Requests that started after the end of the load: they are counted, but excluded from rates.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{Counts, is_zero};

/// Requests that an iteration of the load started after the end of the load. They have ended and are included in the
/// other counts. A rate is per second of the load, so it excludes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterLoad {
    /// Ended, including failed ones.
    pub ended: u64,
    /// The failed ones among them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Bytes read from the network.
    pub bytes_in: u64,
    /// Bytes written to the network.
    pub bytes_out: u64,
}

impl AfterLoad {
    /// True if nothing started after the end of the load.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for AfterLoad {
    fn add_assign(&mut self, other: Self) {
        self.ended += other.ended;
        self.failed += other.failed;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}

impl Counts {
    /// Requests that were due or started during the load, whenever they ended: the basis of rates.
    pub const fn of_load(&self) -> u64 {
        self.ended.saturating_sub(self.after_load.ended)
    }
}
