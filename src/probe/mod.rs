//! What this machine does while it drives load: the generator's own use of it, the bundled target's, and its limits.
//!
//! Linux is read through `/proc` and system calls. Elsewhere every figure is zero and every limit unknown: such a run
//! is recorded, but nothing vouches for its generator.

#[cfg(target_os = "linux")]
mod cgroup;
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

pub use health::{Health, OwnHealth, ProcessHealth, TargetHealth};
pub use limits::{Limits, TooFewFiles};
pub use machine::{Machine, cores, machine, user_cores};
pub use system::ignores_hangup;
pub use wake_ups::WakeUps;
