//! Systems without `/proc`: every reading is unknown.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::health::Usage;

pub(super) const fn own_cpu_time() -> Duration {
    Duration::ZERO
}

/// Unknown quotas.
#[derive(Debug, Default)]
pub(super) struct Quotas;

impl Quotas {
    pub(super) const fn of_this_process() -> Self {
        Self
    }

    pub(super) const fn cores(&self) -> Option<f64> {
        None
    }

    pub(super) const fn throttled(&self) -> Duration {
        Duration::ZERO
    }
}

/// Unknown CPU time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CpuTime;

impl CpuTime {
    pub(super) const fn stolen_since(self, _then: Self) -> f64 {
        0.0
    }
}

pub(super) const fn machine_cpu_time() -> CpuTime {
    CpuTime
}

pub(super) const fn allowed_cores() -> Option<u32> {
    None
}

pub(super) const fn own_rss() -> u64 {
    0
}

pub(super) const fn own_open_fds() -> u32 {
    0
}

pub(super) const fn usage_of(_pid: u32) -> Option<Usage> {
    Some(Usage {
        cpu_time: Duration::ZERO,
        rss_bytes: 0,
    })
}

pub(super) const fn usage_of_descendants(pid: u32) -> Option<Usage> {
    usage_of(pid)
}

/// A process below another one.
#[derive(Debug, Clone, Copy)]
pub struct Descendant {
    /// Its process id.
    pub pid: u32,
    /// Its process group.
    pub group: i32,
}

/// Unknown.
pub const fn descendants(_pid: u32) -> Vec<Descendant> {
    Vec::new()
}

pub(super) const fn open_files_limit() -> Option<u64> {
    None
}

pub(super) const fn open_files_hard_limit() -> Option<u64> {
    None
}

pub(super) const fn listen_queue() -> Option<u32> {
    None
}

pub(super) const fn huge_pages() -> Option<String> {
    None
}

pub(super) const fn governors() -> BTreeSet<String> {
    BTreeSet::new()
}

pub(super) const fn load_average() -> Option<f64> {
    None
}

pub(super) const fn raise_open_files_limit() {}

pub(super) const fn local_ports() -> Option<RangeInclusive<u16>> {
    None
}

/// Unknown.
pub const fn ignores_hangup() -> bool {
    false
}

pub(super) const fn kernel() -> String {
    String::new()
}

pub(super) const fn cpu_name() -> String {
    String::new()
}

pub(super) const fn memory_bytes() -> u64 {
    0
}
