//! How many connections this machine lets the generator have.

use std::ops::RangeInclusive;

use super::system;

/// What a run opens beside its connections: its outputs, its journal, its event loops and their timers.
const OWN_FILES: u64 = 32;

/// There are too few file descriptors for a run of any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a run needs at least {needed} open files, and the limit is {limit}: raise it (ulimit -n {needed}, or more for more users)"
)]
pub struct TooFewFiles {
    limit: u64,
    needed: u64,
}

/// The limits that end a run's growth before the target does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open file descriptors this process may have; none where there is no limit, or none is known.
    pub open_files: Option<u64>,
    /// Local ports that connections to one address and port are given; none where that is not known.
    pub local_ports: Option<RangeInclusive<u16>>,
}

impl Limits {
    /// As they are now.
    pub fn read() -> Self {
        Self {
            open_files: system::open_files_limit(),
            local_ports: system::local_ports(),
        }
    }

    /// Raises the limit of open files as far as this process may without privileges, and reads the result. A refusal
    /// leaves the limit as it was.
    pub fn raise() -> Self {
        system::raise_open_files_limit();
        Self::read()
    }

    /// Whether a run can open what it needs before its first connection. Some libraries do not survive a refusal.
    pub fn room_for_a_run(&self) -> Result<(), TooFewFiles> {
        let needed = u64::from(system::own_open_fds()) + OWN_FILES;
        match self.open_files {
            Some(limit) if limit < needed => Err(TooFewFiles { limit, needed }),
            _ => Ok(()),
        }
    }

    /// How many connections to one address and port there are local ports for.
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
