//! Linux: `/proc` and system calls.

use std::fs;
use std::ops::RangeInclusive;
use std::time::Duration;

use procfs::Current;
use procfs::process::Process;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::health::Usage;

/// CPU time of this process since it began, to the nanosecond.
pub(super) fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Resident memory of this process.
pub(super) fn own_rss() -> u64 {
    Process::myself()
        .ok()
        .and_then(|own| rss(&own))
        .unwrap_or(0)
}

/// Open file descriptors of this process.
pub(super) fn own_open_fds() -> u32 {
    Process::myself()
        .and_then(|own| own.fd_count())
        .map_or(0, |count| count as u32)
}

/// Usage of a process; none when it is gone, or has ended and waits to be reaped.
pub(super) fn usage_of(pid: u32) -> Option<Usage> {
    let process = Process::new(i32::try_from(pid).ok()?).ok()?;
    let stat = process.stat().ok()?;
    if matches!(stat.state, 'Z' | 'X') {
        return None;
    }
    let ticks = (stat.utime + stat.stime) as f64;
    Some(Usage {
        cpu_time: Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64),
        rss_bytes: rss(&process)?,
    })
}

fn rss(process: &Process) -> Option<u64> {
    Some(process.statm().ok()?.resident * procfs::page_size())
}

pub(super) fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Raises the soft limit to the hard one.
pub(super) fn raise_open_files_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // A refusal changes nothing; the caller reads the limit that holds.
    let _ = setrlimit(Resource::Nofile, raised);
}

pub(super) fn local_ports() -> Option<RangeInclusive<u16>> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut ends = text.split_whitespace().map(str::parse);
    Some(ends.next()?.ok()?..=ends.next()?.ok()?)
}

pub(super) fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .map(|release| release.trim().to_owned())
        .unwrap_or_default()
}

pub(super) fn cpu_name() -> String {
    procfs::CpuInfo::current()
        .ok()
        .and_then(|cpus| cpus.model_name(0).map(str::to_owned))
        .unwrap_or_default()
}

pub(super) fn memory_bytes() -> u64 {
    procfs::Meminfo::current().map_or(0, |memory| memory.mem_total)
}
