//! The health of the generator, second by second: the evidence that the measurement is valid.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::machine::{cpu_capacity, user_capacity};
use super::system::{self, CpuTime};
use super::wake_ups::WakeUps;
use crate::units::Micros;

/// The generator's health in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// User and system CPU time used in the interval, in µs.
    pub cpu_us: u64,
    /// CPU usage as a fraction of all cores, or of the CPU quota if that is less; 1.0 means that every core is busy.
    pub cpu: f64,
    /// The CPU time as a fraction of [`user_cores`](super::user_cores). At 1.0 users wait for the generator, even if
    /// other cores are idle.
    #[serde(default)]
    pub user_cores: f64,
    /// Resident memory at the end of the interval, in bytes.
    pub rss_bytes: u64,
    /// Open file descriptors at the end of the interval.
    pub open_fds: u32,
    /// The longest delay of the event loop in the interval: the time from a timer's due time to its wake-up.
    pub loop_delay_max: Micros,
    /// The total time in the interval for which the event loop stalled, in stalls of 100 ms or more.
    #[serde(default)]
    pub stood_still: Micros,
    /// Lateness of timers on the threads that run users.
    #[serde(default)]
    pub wake_ups: WakeUps,
    /// The fraction of this machine's CPU time that its hypervisor gave to other machines (steal).
    #[serde(default)]
    pub stolen: f64,
    /// The time for which a CPU quota throttled the generator, summed over its cores.
    #[serde(default)]
    pub throttled: Micros,
}

/// The resource usage of a target that Gander started, in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// User and system CPU time used in the interval, in µs; runs of older versions have none.
    #[serde(default)]
    pub cpu_us: u64,
    /// CPU usage as a fraction of all cores.
    pub cpu: f64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
}

/// Measures this process from one interval to the next.
#[derive(Debug)]
pub struct OwnHealth {
    cpu: CpuMeter,
    /// The cores that run users, as a fraction of `cpu`'s capacity.
    user_part: f64,
    quotas: system::Quotas,
    throttled: Duration,
    machine: CpuTime,
}

impl OwnHealth {
    /// Starts the first interval.
    #[expect(
        clippy::new_without_default,
        reason = "it reads the clock, so two are not alike"
    )]
    pub fn new() -> Self {
        let cpu = CpuMeter::starting_at(system::own_cpu_time());
        let quotas = system::Quotas::of_this_process();
        Self {
            user_part: user_capacity() / cpu.capacity,
            cpu,
            throttled: quotas.throttled(),
            quotas,
            machine: system::machine_cpu_time(),
        }
    }

    /// Restarts the first interval and discards earlier readings.
    pub fn restart(&mut self) {
        self.throttled = self.quotas.throttled();
        self.machine = system::machine_cpu_time();
        // Read last, so that the readings above are not counted.
        self.cpu.read(system::own_cpu_time());
    }

    /// Ends the interval and starts the next; the event loop measures its own delays.
    pub fn sample(&mut self) -> Health {
        let (used, cpu) = self.cpu.read(system::own_cpu_time());
        let throttled = self.quotas.throttled();
        let machine = system::machine_cpu_time();
        let health = Health {
            cpu_us: Micros::from(used).0,
            cpu,
            user_cores: four_digits(cpu / self.user_part),
            rss_bytes: system::own_rss(),
            open_fds: system::own_open_fds(),
            stolen: four_digits(machine.stolen_since(self.machine)),
            throttled: throttled.saturating_sub(self.throttled).into(),
            ..Health::default()
        };
        self.throttled = throttled;
        self.machine = machine;
        health
    }
}

/// Measures other processes from one interval to the next. The system counts their CPU time in ticks of 10 ms.
#[derive(Debug)]
pub struct ProcessHealth {
    of: Measured,
    cpu: CpuMeter,
}

/// The processes that are measured.
#[derive(Debug, Clone, Copy)]
enum Measured {
    /// The process with this id.
    Process(u32),
    /// All descendants of the process with this id, without itself.
    Descendants(u32),
}

impl Measured {
    fn usage(self) -> Option<Usage> {
        match self {
            Self::Process(pid) => system::usage_of(pid),
            Self::Descendants(pid) => system::usage_of_descendants(pid),
        }
    }
}

impl ProcessHealth {
    /// Starts the first interval of the process with this id.
    pub fn of(pid: u32) -> Self {
        Self::starting(Measured::Process(pid))
    }

    /// Starts the first interval of all descendants of the process with this id, without itself. Memory that they share
    /// counts once for each of them.
    pub fn of_descendants(pid: u32) -> Self {
        Self::starting(Measured::Descendants(pid))
    }

    fn starting(of: Measured) -> Self {
        let used = of.usage().map_or(Duration::ZERO, |usage| usage.cpu_time);
        Self {
            of,
            cpu: CpuMeter::starting_at(used),
        }
    }

    /// Ends the interval and starts the next; `None` when the processes have exited.
    pub fn sample(&mut self) -> Option<TargetHealth> {
        let usage = self.of.usage()?;
        let (used, cpu) = self.cpu.read(usage.cpu_time);
        Some(TargetHealth {
            cpu_us: Micros::from(used).0,
            cpu,
            rss_bytes: usage.rss_bytes,
        })
    }
}

/// CPU time and memory of one or several processes, as counted by the system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// User and system time since the start.
    pub(super) cpu_time: Duration,
    /// Resident memory.
    pub(super) rss_bytes: u64,
}

/// Turns increasing CPU time into a usage of the machine.
#[derive(Debug)]
struct CpuMeter {
    at: Instant,
    used: Duration,
    /// In cores.
    capacity: f64,
}

impl CpuMeter {
    fn starting_at(used: Duration) -> Self {
        Self {
            at: Instant::now(),
            used,
            capacity: cpu_capacity(),
        }
    }

    /// CPU time since the last reading, also as a fraction of all cores: used / (elapsed × capacity). The fraction is
    /// rounded to four digits, so that it survives a round trip through JSON.
    fn read(&mut self, used: Duration) -> (Duration, f64) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.at);
        let since = used.saturating_sub(self.used);
        self.at = now;
        self.used = used;
        let part = since.as_secs_f64() / (elapsed.as_secs_f64() * self.capacity).max(1e-9);
        (since, four_digits(part))
    }
}

fn four_digits(part: f64) -> f64 {
    (part * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_busy_interval_uses_cpu_and_the_next_counts_from_zero() {
        let mut health = OwnHealth::new();
        let start = Instant::now();
        let mut spins = 0_u64;
        while start.elapsed() < Duration::from_millis(50) {
            spins = std::hint::black_box(spins + 1);
        }
        let busy = health.sample();
        assert!(busy.cpu > 0.0 && busy.cpu_us > 1_000, "{busy:?}");
        assert!(busy.rss_bytes > 1 << 20 && busy.open_fds >= 3, "{busy:?}");
        // Other tests of this process run at the same time, so only the machine's capacity can be asserted as a
        // bound.
        let next = health.sample();
        assert!((0.0..=1.0).contains(&next.stolen), "{next:?}");
        let json = serde_json::to_string(&next).expect("serializes");
        assert_eq!(serde_json::from_str::<Health>(&json).ok(), Some(next));
    }

    #[test]
    fn a_process_is_measured_until_it_is_gone() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep starts");
        let mut health = ProcessHealth::of(child.id());
        let seen = health.sample().expect("it is alive");
        assert!(seen.rss_bytes > 0 && seen.cpu < 1.0, "{seen:?}");
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
        assert_eq!(health.sample(), None);
    }

    #[test]
    fn descendants_are_measured_also_those_that_have_ended() {
        // The shell's own time is not counted; that of its children is, while they run and after they have ended.
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let mut root = std::process::Command::new("sh")
            .args([
                "-c",
                &format!("echo; read go; sh -c '{script}'; sleep 60 & wait"),
            ])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("sh starts");
        let mut health = ProcessHealth::of_descendants(root.id());
        assert_eq!(health.sample(), None, "it has no child yet");
        drop(root.stdin.take());
        let deadline = Instant::now() + Duration::from_mins(1);
        // The child that worked has ended when `sleep` is the only one; until then it is the first descendant.
        let mut used = Duration::ZERO;
        while used.is_zero() {
            assert!(Instant::now() < deadline, "no time was counted");
            std::thread::sleep(Duration::from_millis(5));
            let works = super::super::descendants(root.id());
            if let [sleep] = works[..]
                && std::fs::read_to_string(format!("/proc/{}/comm", sleep.pid))
                    .is_ok_and(|name| name.trim() == "sleep")
            {
                let usage = Measured::Descendants(root.id())
                    .usage()
                    .expect("sleep is alive");
                assert!(usage.rss_bytes > 0, "{usage:?}");
                used = usage.cpu_time;
            }
        }
        for descendant in super::super::descendants(root.id()) {
            let pid = rustix::process::Pid::from_raw(descendant.pid as i32).expect("a process");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL)
                .expect("it is killed");
        }
        root.wait().expect("it can be waited for");
    }
}
