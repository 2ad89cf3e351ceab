//! Linux: `/proc` and system calls.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use procfs::process::{Process, Stat, StatM, Status};
use procfs::{Current, FromRead};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

pub(super) use super::cgroup::Quotas;
use super::health::Usage;

/// CPU time of this process since its start, in nanoseconds.
pub(super) fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Resident memory of this process.
pub(super) fn own_rss() -> u64 {
    rss("self").unwrap_or(0)
}

/// Open file descriptors of this process.
pub(super) fn own_open_fds() -> u32 {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).map(|folder| folder.len()) {
        // Since Linux 6.2 the size of this folder is the number of open descriptors.
        Ok(count) if count > 0 => count as u32,
        _ => fs::read_dir(FOLDER).map_or(0, |entries| entries.count() as u32),
    }
}

/// Cores this process may run on (its affinity), without regard to a quota.
pub(super) fn allowed_cores() -> Option<u32> {
    let ranges = Process::myself().ok()?.status().ok()?.cpus_allowed_list?;
    Some(ranges.iter().map(|(first, last)| last - first + 1).sum())
}

/// CPU time of the whole machine since boot, in ticks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CpuTime {
    all: u64,
    /// Time that the hypervisor gave to other machines while this one had work.
    stolen: u64,
}

impl CpuTime {
    /// The stolen fraction of the time since then.
    pub(super) fn stolen_since(self, then: Self) -> f64 {
        let all = self.all.saturating_sub(then.all).max(1);
        self.stolen.saturating_sub(then.stolen) as f64 / all as f64
    }

    /// Parses the first line of `/proc/stat`: `cpu  user nice system idle iowait irq softirq steal …`; guest time is
    /// part of user time.
    fn parse(line: &str) -> Self {
        let fields: Vec<u64> = line
            .split_ascii_whitespace()
            .skip(1)
            .map_while(|field| field.parse().ok())
            .take(8)
            .collect();
        Self {
            all: fields.iter().sum(),
            stolen: fields.get(7).copied().unwrap_or(0),
        }
    }
}

/// The current reading; zero if it is unknown.
pub(super) fn machine_cpu_time() -> CpuTime {
    // Only the short first line is needed, not the many lines after it.
    let mut start = [0; 256];
    let length = File::open("/proc/stat").and_then(|mut file| file.read(&mut start));
    let start = String::from_utf8_lossy(&start[..length.unwrap_or(0)]);
    CpuTime::parse(start.lines().next().unwrap_or_default())
}

/// Usage of a process; `None` if it has exited, even if it is not reaped yet.
pub(super) fn usage_of(pid: u32) -> Option<Usage> {
    let stat = stat(pid).filter(is_running)?;
    Some(Usage {
        cpu_time: of_ticks(stat.utime + stat.stime),
        rss_bytes: rss(&pid.to_string())?,
    })
}

/// Usage of all descendants of a process, those that it has reaped included; `None` if none of them is running.
pub(super) fn usage_of_descendants(pid: u32) -> Option<Usage> {
    let root = stat(pid)?;
    let mut ticks = reaped(&root);
    let (mut rss_bytes, mut is_any_running) = (0, false);
    for descendant in descendants(pid) {
        let Some(stat) = stat(descendant.pid) else {
            continue;
        };
        ticks += stat.utime + stat.stime + reaped(&stat);
        if is_running(&stat) {
            is_any_running = true;
            rss_bytes += rss(&descendant.pid.to_string()).unwrap_or(0);
        }
    }
    is_any_running.then(|| Usage {
        cpu_time: of_ticks(ticks),
        rss_bytes,
    })
}

fn stat(pid: u32) -> Option<Stat> {
    Stat::from_file(format!("/proc/{pid}/stat")).ok()
}

const fn is_running(stat: &Stat) -> bool {
    !matches!(stat.state, 'Z' | 'X')
}

/// Ticks of the children that the process has waited for, and of theirs.
fn reaped(stat: &Stat) -> u64 {
    (stat.cutime + stat.cstime).max(0) as u64
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / procfs::ticks_per_second() as f64)
}

/// A process below another one.
#[derive(Debug, Clone, Copy)]
pub struct Descendant {
    /// Its process id.
    pub pid: u32,
    /// Its process group; 0 if it has just ended.
    pub group: i32,
}

/// The descendants of a process, parents before their children. One that starts or ends meanwhile may be missing.
pub fn descendants(pid: u32) -> Vec<Descendant> {
    let mut found: Vec<Descendant> = Vec::new();
    let mut next = Some(pid);
    let mut looked_at = 0;
    while let Some(parent) = next {
        found.extend(children(parent).into_iter().map(|pid| Descendant {
            pid,
            group: stat(pid).map_or(0, |stat| stat.pgrp),
        }));
        next = found.get(looked_at).map(|descendant| descendant.pid);
        looked_at += 1;
    }
    found
}

/// The children of each thread. A kernel without `CONFIG_PROC_CHILDREN` shows none; distributions build with it.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        let pids = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(
            pids.split_ascii_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    found
}

/// Resident memory of a process, by its name in `/proc`.
fn rss(process: &str) -> Option<u64> {
    let memory = StatM::from_file(format!("/proc/{process}/statm")).ok()?;
    Some(memory.resident * procfs::page_size())
}

/// True if the process ignores SIGHUP, as under `nohup`. SIGHUP is signal 1.
pub fn ignores_hangup() -> bool {
    Status::from_file("/proc/self/status").is_ok_and(|status| status.sigign & 1 == 1)
}

pub(super) fn open_files_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The limit up to which a process may raise its own.
pub(super) fn open_files_hard_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises the soft limit to the hard one.
pub(super) fn raise_open_files_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // If the system refuses, nothing changes; the caller reads the limit afterwards.
    let _ = setrlimit(Resource::Nofile, raised);
}

pub(super) fn local_ports() -> Option<RangeInclusive<u16>> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut ends = text.split_whitespace().map(str::parse);
    Some(ends.next()?.ok()?..=ends.next()?.ok()?)
}

/// The longest queue of connections that a listener has not accepted yet.
pub(super) fn listen_queue() -> Option<u32> {
    let text = fs::read_to_string("/proc/sys/net/core/somaxconn").ok()?;
    text.trim().parse().ok()
}

/// When the kernel uses transparent huge pages.
pub(super) fn huge_pages() -> Option<String> {
    let text = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").ok()?;
    chosen(&text).map(str::to_owned)
}

/// The chosen word of a line such as `always [madvise] never`.
fn chosen(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once('[')?;
    rest.split_once(']').map(|(word, _)| word)
}

/// The frequency governors of the cores, each once; empty if the hardware shows none.
pub(super) fn governors() -> BTreeSet<String> {
    let cores = fs::read_dir("/sys/devices/system/cpu")
        .into_iter()
        .flatten();
    cores
        .flatten()
        .filter_map(|core| {
            let file = core.path().join("cpufreq/scaling_governor");
            Some(fs::read_to_string(file).ok()?.trim().to_owned())
        })
        .collect()
}

/// Runnable tasks, averaged over the last minute.
pub(super) fn load_average() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_word_is_in_brackets() {
        assert_eq!(chosen("always [madvise] never\n"), Some("madvise"));
        assert_eq!(chosen("always madvise never"), None);
    }

    #[test]
    fn stolen_time_is_the_eighth_field_and_guests_do_not_count_twice() {
        let then = CpuTime::parse("cpu  100 0 50 800 20 0 10 20 40 0");
        let now = CpuTime::parse("cpu  130 0 60 830 20 0 10 50 60 0");
        assert!((now.stolen_since(then) - 0.3).abs() < 1e-9, "{now:?}");
        assert!(now.stolen_since(now).abs() < 1e-9);
        let unknown = CpuTime::parse("");
        assert!(unknown.stolen_since(unknown).abs() < 1e-9);
    }
}
