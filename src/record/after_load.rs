//! What was begun after the end of the load: it is counted like everything else, and is in no rate.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{Counts, is_zero};

/// Requests that an iteration of the load began after the end of the load. They have ended and are among the other
/// counts. A rate is per second of the load, so it leaves them out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterLoad {
    /// Ended, failed ones too.
    pub ended: u64,
    /// Of those, failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Bytes read off the wire.
    pub bytes_in: u64,
    /// Bytes written to the wire.
    pub bytes_out: u64,
}

impl AfterLoad {
    /// Whether nothing was begun after the end of the load.
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
    /// Requests that were due or begun within the load, whenever they ended: what a rate counts.
    pub const fn of_load(&self) -> u64 {
        self.ended.saturating_sub(self.after_load.ended)
    }
}
