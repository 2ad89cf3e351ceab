//! Settings of the kernel and the hardware that limit or disturb a load generator, or a target on the same machine.

use std::collections::BTreeSet;

use super::system;

/// The settings; `None` is unknown, and for a limit of open files also no limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Environment {
    /// The limit of open file descriptors of this process.
    pub open_files: Option<u64>,
    /// The limit up to which a run raises it.
    pub open_files_hard: Option<u64>,
    /// The longest queue of connections that a listener has not accepted yet.
    pub listen_queue: Option<u32>,
    /// When the kernel uses transparent huge pages: `always`, `madvise` or `never`.
    pub huge_pages: Option<String>,
    /// The frequency governors of the cores, each once.
    pub governors: BTreeSet<String>,
    /// Runnable tasks on this machine, averaged over the last minute.
    pub load_average: Option<f64>,
}

impl Environment {
    /// Reads the current settings. A run raises its limit of open files, so read them before.
    pub fn read() -> Self {
        Self {
            open_files: system::open_files_limit(),
            open_files_hard: system::open_files_hard_limit(),
            listen_queue: system::listen_queue(),
            huge_pages: system::huge_pages(),
            governors: system::governors(),
            load_average: system::load_average(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_limits_and_a_load() {
        let read = Environment::read();
        let soft = read.open_files.unwrap_or(u64::MAX);
        assert!(soft <= read.open_files_hard.unwrap_or(u64::MAX), "{read:?}");
        assert!(read.listen_queue.is_some_and(|queue| queue > 0), "{read:?}");
        assert!(
            read.load_average.is_some_and(|load| load >= 0.0),
            "{read:?}"
        );
    }
}
