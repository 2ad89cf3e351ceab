//! The generator's own resource usage, that of a target that it started, and the limits of this machine.
//!
//! On Linux the readings come from `/proc` and system calls. On other systems every reading is zero and every limit
//! unknown: a run is recorded there, but the health of its generator is not verified.

#[cfg(target_os = "linux")]
mod cgroup;
mod environment;
mod health;
mod limits;
mod machine;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod system;
mod wake_ups;

pub use environment::Environment;
pub use health::{Health, OwnHealth, ProcessHealth, TargetHealth};
pub use limits::{Limits, TooFewFiles};
pub use machine::{Machine, cores, machine, user_capacity, user_cores};
pub use system::{Descendant, descendants, ignores_hangup};
pub use wake_ups::WakeUps;
