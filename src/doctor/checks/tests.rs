//! Each figure from a good one over its bounds.

use std::collections::BTreeSet;

use super::*;
use crate::doctor::TimerLateness;
use crate::units::Micros;

/// A machine with nothing to remark.
struct Case {
    build: Build,
    machine: Machine,
    environment: Environment,
    limits: Limits,
    user_cores: f64,
    measured: Measured,
}

fn good() -> Case {
    Case {
        build: Build::Release,
        machine: Machine {
            cores: 4,
            ..Machine::default()
        },
        environment: Environment {
            open_files: Some(1_024),
            open_files_hard: Some(1_048_576),
            listen_queue: Some(4_096),
            huge_pages: Some("madvise".to_owned()),
            governors: BTreeSet::from(["performance".to_owned()]),
            load_average: Some(0.2),
        },
        limits: Limits {
            open_files: Some(1_048_576),
            local_ports: Some(32_768..=60_999),
        },
        user_cores: 3.0,
        measured: Measured {
            users: 50,
            time: Micros(1_500_000),
            requests: 90_000,
            requests_per_second: 60_000.0,
            cpu_per_request: 9.0,
            server_cpu: Some(0.4),
            timers: TimerLateness {
                rate: 1_000.0,
                p50: Micros(25),
                p99: Micros(110),
                max: Micros(900),
            },
            ..Measured::default()
        },
    }
}

/// What makes it another machine.
type Change = fn(&mut Case);

impl Case {
    fn rows(&self) -> Vec<Row> {
        rows(
            self.build,
            &self.machine,
            &self.environment,
            &self.limits,
            self.user_cores,
            &self.measured,
        )
    }
}

#[test]
fn a_good_machine_has_nothing_to_do() {
    let rows = good().rows();
    assert_eq!(rows.len(), 13);
    for row in rows {
        assert_eq!(
            (row.judgement, &row.advice),
            (Judgement::Ok, &None),
            "{row:?}"
        );
        assert!(!row.value.is_empty() && !row.meaning.is_empty(), "{row:?}");
    }
}

#[test]
fn the_valid_rate_is_the_cpu_time_of_users_over_the_cost() {
    let case = good();
    let rate = valid_rate(&case.measured, case.user_cores);
    assert!(
        (rate - 300_000.0).abs() < 1e-6,
        "0.9 × 3 s/s ÷ 9 µs: {rate}"
    );
}

#[test]
fn each_figure_is_judged_by_itself() {
    use Judgement::{Limit, Note, Ok};
    let cases: [(&str, Judgement, Change); 27] = [
        ("build", Limit, |case| case.build = Build::Debug),
        ("loopback_rate", Limit, |case| case.measured.failed = 1),
        ("timer_lateness", Ok, |case| {
            case.measured.timers.p99 = Micros(5_000);
        }),
        ("timer_lateness", Note, |case| {
            case.measured.timers.p99 = Micros(5_001);
        }),
        ("timer_lateness", Note, |case| {
            case.measured.timers.p99 = Micros(50_000);
        }),
        ("timer_lateness", Limit, |case| {
            case.measured.timers.p99 = Micros(50_001);
        }),
        ("cpu_steal", Ok, |case| case.measured.stolen = 0.01),
        ("cpu_steal", Note, |case| case.measured.stolen = 0.05),
        ("cpu_steal", Limit, |case| case.measured.stolen = 0.051),
        ("cpu_quota", Note, |case| case.machine.cpu_quota = Some(1.5)),
        ("cpu_quota", Limit, |case| {
            case.machine.cpu_quota = Some(1.5);
            case.measured.throttled = 0.02;
        }),
        ("cores", Note, |case| case.machine.cores = 1),
        ("load_average", Ok, |case| {
            case.environment.load_average = Some(2.0);
        }),
        ("load_average", Note, |case| {
            case.environment.load_average = Some(2.1);
        }),
        ("open_files", Ok, |case| {
            case.environment.open_files_hard = None;
        }),
        ("open_files", Ok, |case| {
            case.environment.open_files_hard = Some(10_000);
        }),
        ("open_files", Note, |case| {
            case.environment.open_files_hard = Some(9_999);
        }),
        ("open_files", Limit, |case| {
            case.environment.open_files_hard = Some(1_023);
        }),
        ("local_ports", Ok, |case| {
            case.limits.local_ports = Some(1..=20_000);
        }),
        ("local_ports", Note, |case| {
            case.limits.local_ports = Some(1..=19_999);
        }),
        ("local_ports", Limit, |case| {
            case.limits.local_ports = Some(1..=4_999);
        }),
        ("listen_queue", Note, |case| {
            case.environment.listen_queue = Some(128);
        }),
        ("huge_pages", Ok, |case| {
            case.environment.huge_pages = Some("never".to_owned());
        }),
        ("huge_pages", Note, |case| {
            case.environment.huge_pages = Some("always".to_owned());
        }),
        ("cpu_governor", Note, |case| {
            case.environment.governors.clear();
        }),
        ("cpu_governor", Note, |case| {
            case.environment.governors = BTreeSet::from(["powersave".to_owned()]);
        }),
        ("cpu_governor", Note, |case| {
            case.environment.governors.insert("powersave".to_owned());
        }),
    ];
    for (id, judgement, change) in cases {
        let mut case = good();
        change(&mut case);
        for row in case.rows() {
            let expected = if row.id == id { judgement } else { Ok };
            assert_eq!(row.judgement, expected, "{id}: {row:?}");
            assert_eq!(row.advice.is_some(), expected != Ok, "{row:?}");
        }
    }
}

#[test]
fn what_cannot_be_read_has_no_row() {
    let mut case = good();
    case.environment.load_average = None;
    case.environment.listen_queue = None;
    case.environment.huge_pages = None;
    case.limits.local_ports = None;
    assert_eq!(case.rows().len(), 9);
}
