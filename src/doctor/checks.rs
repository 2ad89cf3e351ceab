//! Judges the figures of a machine, one row each. The bounds are those with which a run judges its generator.

use super::{Build, Judgement, Measured, Row};
use crate::probe::{Environment, Limits, Machine};
use crate::units::{show_count, show_number, show_percent, show_rate};
use crate::verdict::{CPU_SATURATED, LAG_HIGH, LAG_INVALID, STOLEN_PART, THROTTLED_PART};

/// Steal at which results begin to vary.
const STOLEN_NOTE: f64 = 0.01;
/// Open files below which a run of many users is limited, and below which any run is.
const FILES: [u64; 2] = [10_000, 1_024];
/// Local ports below which many short connections are limited, and below which even a few are.
const PORTS: [u32; 2] = [20_000, 5_000];
/// The queue of a listener below which a burst of connections overflows it.
const LISTEN_QUEUE: u32 = 1_024;
/// Runnable tasks per core at which other work disturbs a measurement.
const BUSY: f64 = 0.5;

/// All rows, in their order.
pub(super) fn rows(
    build: Build,
    machine: &Machine,
    environment: &Environment,
    limits: &Limits,
    user_cores: f64,
    measured: &Measured,
) -> Vec<Row> {
    let rows = [
        build_row(build),
        Some(ceiling(measured)),
        Some(cost(measured)),
        Some(valid(measured, user_cores)),
        Some(timers(measured)),
        Some(steal(measured)),
        Some(quota(machine, measured)),
        Some(cores(machine, user_cores)),
        environment.load_average.map(|load| busy(load, machine)),
        Some(files(environment)),
        limits.port_count().map(ports),
        environment.listen_queue.map(queue),
        environment.huge_pages.as_deref().map(huge_pages),
        Some(governor(environment)),
    ];
    rows.into_iter().flatten().collect()
}

/// The highest rate at which the CPU time of the users lasts for a valid run: `saturated × user cores ÷ CPU per request`.
pub(super) fn valid_rate(measured: &Measured, user_cores: f64) -> f64 {
    CPU_SATURATED * user_cores / (measured.cpu_per_request / 1e6)
}

impl Row {
    fn new(
        id: &'static str,
        name: &'static str,
        value: String,
        meaning: impl Into<String>,
    ) -> Self {
        Self {
            id,
            name,
            judgement: Judgement::Ok,
            value,
            meaning: meaning.into(),
            advice: None,
        }
    }

    fn with(self, judgement: Judgement, advice: impl Into<String>) -> Self {
        match judgement {
            Judgement::Ok => self,
            Judgement::Note | Judgement::Limit => Self {
                judgement,
                advice: Some(advice.into()),
                ..self
            },
        }
    }
}

/// The judgement of a figure that should be small.
fn at_most<T: PartialOrd + Copy>(value: T, ok: T, note: T) -> Judgement {
    if value <= ok {
        Judgement::Ok
    } else if value <= note {
        Judgement::Note
    } else {
        Judgement::Limit
    }
}

/// The judgement of a figure that should be large.
fn at_least<T: PartialOrd + Copy>(value: T, [ok, note]: [T; 2]) -> Judgement {
    if value >= ok {
        Judgement::Ok
    } else if value >= note {
        Judgement::Note
    } else {
        Judgement::Limit
    }
}

fn build_row(build: Build) -> Option<Row> {
    let row = Row::new(
        "build",
        "Build of Gander",
        "debug".to_owned(),
        "not optimised: each request costs several times as much CPU",
    );
    let advice = "build it with `cargo build --release`, and measure again";
    match build {
        Build::Release => None,
        Build::Debug => Some(row.with(Judgement::Limit, advice)),
    }
}

fn ceiling(measured: &Measured) -> Row {
    let row = Row::new(
        "loopback_rate",
        "Requests on loopback",
        show_rate(measured.requests_per_second.round()),
        format!(
            "{} users without pauses for {}; the server shares the cores",
            measured.users, measured.time
        ),
    );
    if measured.failed == 0 {
        return row;
    }
    let advice = format!(
        "{} of {} requests failed: other limits of this machine, such as a firewall, are in the way",
        show_count(measured.failed),
        show_count(measured.requests)
    );
    row.with(Judgement::Limit, advice)
}

fn cost(measured: &Measured) -> Row {
    Row::new(
        "cpu_per_request",
        "CPU per request",
        format!("{} µs", show_number(tenths(measured.cpu_per_request))),
        "of the generator at that rate, with a template and a check; the server is another process",
    )
}

fn valid(measured: &Measured, user_cores: f64) -> Row {
    Row::new(
        "valid_rate",
        "Valid up to about",
        show_rate(valid_rate(measured, user_cores).round()),
        format!(
            "of such requests: {} of {} for users; beyond it, a run is invalid",
            show_percent(CPU_SATURATED),
            count_of(user_cores, "core")
        ),
    )
}

fn timers(measured: &Measured) -> Row {
    let timers = measured.timers;
    let judgement = at_most(timers.p99, LAG_HIGH, LAG_INVALID);
    Row::new(
        "timer_lateness",
        "Timer lateness",
        format!("p50 {}, p99 {}", timers.p50, timers.p99),
        format!(
            "of starts at {}, at most {}; a run is invalid above {LAG_INVALID} at p99",
            show_rate(timers.rate),
            timers.max
        ),
    )
    .with(
        judgement,
        "stop other work on this machine, or use one whose cores are not shared",
    )
}

fn steal(measured: &Measured) -> Row {
    Row::new(
        "cpu_steal",
        "CPU steal",
        show_percent(tenths(measured.stolen * 100.0) / 100.0),
        "of this machine's CPU time went to other machines during the measurement",
    )
    .with(
        at_most(measured.stolen, STOLEN_NOTE, STOLEN_PART),
        "use a machine with dedicated cores, or expect results to vary",
    )
}

fn quota(machine: &Machine, measured: &Measured) -> Row {
    let name = "CPU quota";
    let Some(quota) = machine.cpu_quota else {
        let meaning = "no control group limits the CPU time";
        return Row::new("cpu_quota", name, "none".to_owned(), meaning);
    };
    let judgement = if measured.throttled > THROTTLED_PART {
        Judgement::Limit
    } else {
        Judgement::Note
    };
    Row::new(
        "cpu_quota",
        name,
        count_of(quota, "core"),
        format!(
            "of the control group; it held the generator back for {} of the time",
            show_percent(tenths(measured.throttled * 100.0) / 100.0)
        ),
    )
    .with(
        judgement,
        "raise the limit of the container (cpu.max, or --cpus), or give it whole cores",
    )
}

fn cores(machine: &Machine, user_cores: f64) -> Row {
    let judgement = if machine.cores > 1 {
        Judgement::Ok
    } else {
        Judgement::Note
    };
    Row::new(
        "cores",
        "Cores",
        show_count(u64::from(machine.cores)),
        format!(
            "users run on {}; the rest serves the kernel and a local target",
            count_of(user_cores, "core")
        ),
    )
    .with(
        judgement,
        "users, the kernel and a local target share one core: use a machine with more",
    )
}

fn busy(load: f64, machine: &Machine) -> Row {
    let judgement = if load <= BUSY * f64::from(machine.cores) {
        Judgement::Ok
    } else {
        Judgement::Note
    };
    Row::new(
        "load_average",
        "Other work",
        show_number(load),
        "runnable tasks on average in the minute before the measurement",
    )
    .with(
        judgement,
        "other programs ran: stop them and measure again, or expect results to vary",
    )
}

fn files(environment: &Environment) -> Row {
    let [soft, hard] = [environment.open_files, environment.open_files_hard]
        .map(|limit| limit.map_or_else(|| "no limit known".to_owned(), show_count));
    let value = if soft == hard {
        soft
    } else {
        format!("{soft} (soft), {hard} (hard)")
    };
    let most = environment.open_files_hard.unwrap_or(u64::MAX);
    Row::new(
        "open_files",
        "Open files",
        value,
        "a connection takes one; a run raises the soft limit to the hard one",
    )
    .with(
        at_least(most, FILES),
        "raise the hard limit, such as with LimitNOFILE= of systemd or --ulimit nofile= of Docker",
    )
}

fn ports(count: u32) -> Row {
    Row::new(
        "local_ports",
        "Local ports",
        show_count(u64::from(count)),
        "for connections to one address and port; a closed one is not free at once",
    )
    .with(
        at_least(count, PORTS),
        "widen net.ipv4.ip_local_port_range, such as `sysctl net.ipv4.ip_local_port_range=\"1024 65535\"`",
    )
}

fn queue(length: u32) -> Row {
    let judgement = if length >= LISTEN_QUEUE {
        Judgement::Ok
    } else {
        Judgement::Note
    };
    Row::new(
        "listen_queue",
        "Listen queue",
        show_count(u64::from(length)),
        "connections that a target on this machine may leave waiting (somaxconn)",
    )
    .with(
        judgement,
        "raise net.core.somaxconn if the target runs here and many users connect at once",
    )
}

fn huge_pages(mode: &str) -> Row {
    let judgement = if mode == "always" {
        Judgement::Note
    } else {
        Judgement::Ok
    };
    Row::new(
        "huge_pages",
        "Transparent huge pages",
        mode.to_owned(),
        "`always` can delay a program while the kernel moves its memory",
    )
    .with(
        judgement,
        "set /sys/kernel/mm/transparent_hugepage/enabled to madvise if a database runs here",
    )
}

fn governor(environment: &Environment) -> Row {
    let governors: Vec<&str> = environment.governors.iter().map(String::as_str).collect();
    let (value, judgement, advice) = match &governors[..] {
        [] => (
            "unknown".to_owned(),
            Judgement::Note,
            "not readable here, as in most virtual machines: the speed of the cores may change",
        ),
        ["performance"] => ("performance".to_owned(), Judgement::Ok, ""),
        several => (
            several.join(", "),
            Judgement::Note,
            "set it to performance (`cpupower frequency-set -g performance`) for results that vary less",
        ),
    };
    let meaning = "how the kernel chooses the frequency of the cores";
    Row::new("cpu_governor", "CPU governor", value, meaning).with(judgement, advice)
}

/// A number with one decimal.
fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn count_of(count: f64, what: &str) -> String {
    let is_one = (count - 1.0).abs() < 1e-9;
    format!(
        "{} {what}{}",
        show_number(count),
        if is_one { "" } else { "s" }
    )
}

#[cfg(test)]
mod tests;
