//! A description of the machine, so that a reader can compare two runs.

use serde::{Deserialize, Serialize};

use super::{Limits, system};

/// The machine the generator ran on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// `linux x86_64`
    pub platform: String,
    /// The kernel version.
    pub kernel: String,
    /// The processor model.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: u32,
    /// The CPU quota in cores, such as 1.5, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<f64>,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// The limit of open file descriptors.
    pub fd_limit: u64,
}

impl Machine {
    /// The CPU time that processes may use per second, in cores.
    pub fn cpu_capacity(&self) -> f64 {
        let cores = f64::from(self.cores);
        // The number of cores is rounded down to the quota.
        let quota = self.cpu_quota.filter(|quota| *quota < cores + 1.0);
        quota.unwrap_or(cores)
    }
}

/// Describes this machine; unknown values are empty or zero.
pub fn machine() -> Machine {
    Machine {
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        kernel: system::kernel(),
        cpu: system::cpu_name(),
        cores: cores(),
        cpu_quota: system::Quotas::of_this_process().cores(),
        memory_bytes: system::memory_bytes(),
        fd_limit: Limits::read().open_files.unwrap_or(0),
    }
}

/// Cores this process may use, by affinity and quota; at least 1.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

/// Cores for running users: all but one, at least 1. The last core is for other work: closing intervals, the kernel's
/// network stack, a target on this machine.
pub fn user_cores() -> u32 {
    cores().saturating_sub(1).max(1)
}

/// CPU time this process may use per second, in cores: a quota of 1.5 cores counts as 1.5, not as the 1 of [`cores`].
pub(super) fn cpu_capacity() -> f64 {
    let quota = system::Quotas::of_this_process().cores();
    let allowed = system::allowed_cores().unwrap_or_else(cores);
    quota.map_or_else(|| f64::from(cores()), |quota| quota.min(f64::from(allowed)))
}

/// CPU time that users may use per second, in cores: all of [`user_cores`], unless the quota is less.
pub fn user_capacity() -> f64 {
    cpu_capacity().min(f64::from(user_cores()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_everything_a_machine_has() {
        let machine = machine();
        assert!(machine.platform.starts_with("linux "), "{machine:?}");
        assert!(!machine.kernel.is_empty(), "{machine:?}");
        assert!(machine.cores >= 1 && machine.memory_bytes > 1 << 20);
        assert!(machine.fd_limit >= 3, "{machine:?}");
    }
}
