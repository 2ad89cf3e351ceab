//! Comparing runs: is side B slower than side A, and how sure is that.
//!
//! A run becomes a [`Profile`]: its figures with their errors, and the facts that decide whether two runs are comparable.
//! [`compare`] takes the profiles of two sides. Requests within a run are alike, and runs of one thing differ, so an
//! interval comes from the spread between runs or pairs; one run a side needs a noise floor from calibration. Nothing here
//! reads a clock or a file.

mod baseline;
mod blocks;
mod comparison;
mod conditions;
mod design;
mod detectability;
mod facts;
mod figure;
mod noise;
mod profile;
mod row;
mod shift;

pub use baseline::{Baseline, BaselineError, SCHEMA as BASELINE_SCHEMA};
pub use comparison::{
    Answer, Comparison, DEFAULT_GATES, DEFAULT_TOLERANCE, Gate, GateLimit, Options,
    SHARE_TOLERANCE, Shift, compare,
};
pub use conditions::{Conditions, Difference};
pub use design::{Design, Flaw, Slot};
pub use detectability::Detectability;
pub use facts::RunFacts;
pub use figure::{Figure, Part, Scale, Worse};
pub use noise::Noise;
pub use profile::{CURVE, Profile, ProfileFold, Reading, TARGET_CPU};
pub use row::{Change, Need, Row, show_change, show_confidence};
