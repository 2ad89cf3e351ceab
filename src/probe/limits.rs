//! The number of connections that this machine allows the generator.

use std::ops::RangeInclusive;

use super::system;

/// Descriptors besides connections: outputs, journal, event loops and their timers.
const OWN_FILES: u64 = 32;

/// The limit of file descriptors is too low for any run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a run needs at least {needed} open files, but the limit is {limit}: raise it (ulimit -n {needed}, or more for \
     more users)"
)]
pub struct TooFewFiles {
    limit: u64,
    needed: u64,
}

/// Limits of this machine that can stop a run from growing before the target does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The limit of open file descriptors; `None` if there is no limit or it is unknown.
    pub open_files: Option<u64>,
    /// Local ports for connections to one address and port; `None` if unknown.
    pub local_ports: Option<RangeInclusive<u16>>,
}

impl Limits {
    /// Reads the current limits.
    pub fn read() -> Self {
        Self {
            open_files: system::open_files_limit(),
            local_ports: system::local_ports(),
        }
    }

    /// Raises the limit of open files as far as the process may without privileges, and reads the result. If the
    /// system refuses, the limit stays.
    pub fn raise() -> Self {
        system::raise_open_files_limit();
        Self::read()
    }

    /// Checks that a run can open what it needs before its first connection. Some libraries panic if they cannot.
    pub fn room_for_a_run(&self) -> Result<(), TooFewFiles> {
        let needed = u64::from(system::own_open_fds()) + OWN_FILES;
        match self.open_files {
            Some(limit) if limit < needed => Err(TooFewFiles { limit, needed }),
            _ => Ok(()),
        }
    }

    /// The number of connections to one address and port that the local ports allow.
    pub fn port_count(&self) -> Option<u32> {
        let ports = self.local_ports.as_ref()?;
        Some(u32::from(*ports.end()).saturating_sub(u32::from(*ports.start())) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_never_lowers() {
        let before = Limits::read();
        let after = Limits::raise();
        assert!(
            after.open_files.unwrap_or(u64::MAX) >= before.open_files.unwrap_or(u64::MAX),
            "{before:?} {after:?}"
        );
        assert_eq!(after, Limits::raise());
    }

    #[test]
    fn ports_are_counted_with_both_ends() {
        let limits = Limits {
            open_files: None,
            local_ports: Some(32_768..=60_999),
        };
        assert_eq!(limits.port_count(), Some(28_232));
    }
}
