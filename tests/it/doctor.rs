//! `gander doctor`: its measurement, its two forms, and the server that it starts.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use gander::doctor::{Build, Checkup, JSON_SCHEMA, Judgement, Measured, TimerLateness};
use gander::probe::{Environment, Limits, Machine};
use gander::report::Colour;
use gander::units::Micros;
use serde_json::Value;

use crate::json_schema::JsonSchema;
use crate::support::{Bench, gander, send_signal, undisturbed};

fn doctor(words: &[&str]) -> Output {
    let mut command = gander();
    command.arg("doctor").args(words).stdin(Stdio::null());
    command.output().expect("gander runs")
}

fn json(words: &[&str]) -> Value {
    let output = doctor(&[&["--json"], words].concat());
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{says}");
    serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
}

#[test]
fn the_json_is_as_its_schema_says_and_its_figures_agree() {
    let checkup = json(&["--for", "1s"]);
    let schema = JsonSchema::parse(JSON_SCHEMA).strict();
    assert_eq!(schema.fault(&checkup), None, "{checkup:#}");
    let number = |pointer: &str| {
        let value = checkup.pointer(pointer).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("no number at {pointer} in {checkup:#}"))
    };
    assert!(number("/measured/failed").abs() < 1e-9, "{checkup:#}");
    assert!(number("/measured/cpu_per_request_us") > 0.5, "{checkup:#}");
    let rate = number("/measured/requests") / number("/measured/time_s");
    let told = number("/measured/requests_per_s");
    assert!(
        (told / rate - 1.0).abs() < 0.05,
        "{told} told, {rate} counted"
    );
    let late = |which: &str| number(&format!("/measured/timers/late_{which}_us"));
    assert!(late("p50") <= late("p99") && late("p99") <= late("max"));
    let rows = checkup["rows"].as_array().expect("rows");
    assert!(rows.len() >= 9, "{checkup:#}");
    let build = rows.iter().find(|row| row["id"] == "build");
    assert_eq!(build.is_some(), cfg!(debug_assertions), "{checkup:#}");
}

/// The figure would be too large if it included the server, and too small if it left out a part of a run.
#[test]
fn a_request_costs_what_it_costs_in_a_run() {
    undisturbed(|| {
        let checkup = json(&["--for", "4s"]);
        let told = &checkup["measured"]["cpu_per_request_us"];
        let told = told.as_f64().expect("a number");
        let server = Server::start();
        let scenario = include_str!("../../bench/overhead.yaml");
        let bench = Bench::with(scenario);
        let run = bench.wait(bench.spawn(&[
            "--target",
            &server.url,
            "--for",
            "2s",
            "--set",
            "warm_up=500ms",
        ]));
        let counted = run.number("/generator/cpu_per_request_us");
        if (told / counted - 1.0).abs() < 0.25 {
            return Ok(());
        }
        Err(format!("{told} µs told, {counted} µs in a run"))
    });
}

#[test]
fn the_table_has_a_judgement_for_each_figure() {
    let output = doctor(&["--for", "1s", "--no-color"]);
    assert_eq!(output.status.code(), Some(0));
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    for name in [
        "Requests on loopback",
        "CPU per request",
        "Timer lateness",
        "Open files",
    ] {
        let line = table.lines().find(|line| line.contains(name));
        let line = line
            .unwrap_or_else(|| panic!("no {name} in:\n{table}"))
            .trim();
        assert!(
            ["ok ", "note ", "limit "]
                .iter()
                .any(|word| line.starts_with(word)),
            "{line}"
        );
    }
}

#[test]
fn a_length_out_of_bounds_is_refused() {
    for length in ["0s", "999ms", "11m", "x"] {
        let output = doctor(&["--for", length]);
        let says = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(104), "{says}");
        assert!(says.contains(length), "{says}");
    }
}

fn checkup() -> Checkup {
    let measured = Measured {
        users: 50,
        time: Micros(1_500_000),
        requests: 90_000,
        failed: 3,
        requests_per_second: 60_000.0,
        cpu_per_request: 9.04,
        server_cpu: None,
        timers: TimerLateness {
            rate: 1_000.0,
            p50: Micros(25),
            p99: Micros(60_000),
            max: Micros(90_000),
        },
        stolen: 0.2,
        throttled: 0.1,
    };
    let machine = Machine {
        platform: "linux x86_64".to_owned(),
        kernel: "6.8.0-45-generic".to_owned(),
        cpu: "A processor with a name that is longer than a line of this table can be, \u{1b}[2J"
            .repeat(2),
        cores: 1,
        cpu_quota: Some(0.5),
        memory_bytes: 1 << 34,
        fd_limit: 900,
    };
    let environment = Environment {
        open_files: Some(512),
        open_files_hard: Some(900),
        listen_queue: Some(128),
        huge_pages: Some("always".to_owned()),
        governors: ["ondemand".to_owned(), "powersave".to_owned()].into(),
        load_average: Some(3.5),
    };
    let limits = Limits {
        open_files: Some(900),
        local_ports: Some(40_000..=41_000),
    };
    Checkup::of(Build::Debug, machine, &environment, &limits, 0.5, measured)
}

#[test]
fn every_line_of_the_table_fits_its_width_and_has_colour_only_when_asked() {
    let checkup = checkup();
    assert_eq!(checkup.judgement(), Judgement::Limit);
    for width in [20, 60, 80, 100, 300] {
        let plain = checkup.table(width, Colour::Off);
        let widest = plain.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(width.clamp(60, 100)), "{width}:\n{plain}");
        assert!(!plain.contains('\u{1b}'));
        let coloured = checkup.table(width, Colour::On);
        assert!(coloured.contains('\u{1b}'));
        assert_eq!(console::strip_ansi_codes(&coloured), plain);
    }
}

#[test]
fn the_table() {
    let mut checkup = checkup();
    checkup.machine.cpu = "AMD EPYC 7763".to_owned();
    insta::assert_snapshot!(checkup.table(80, Colour::Off));
}

/// `gander doctor --serve`, as `gander doctor` starts it.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut command = gander();
        command
            .args(["doctor", "--serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("gander runs");
        let mut url = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        stdout.read_line(&mut url).expect("an address");
        Self {
            child,
            url: url.trim_end().to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + Duration::from_mins(1);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
        self.child.kill().expect("it is this test's own");
        let status = self.child.wait().expect("it can be waited for");
        assert!(status.success(), "it did not end with its input: {status}");
    }
}

#[test]
fn the_server_answers_each_request_however_it_arrives() {
    let server = Server::start();
    let address = server
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a limit");
    let request = "GET /hello/42 HTTP/1.1\r\nhost: x\r\n\r\n";
    let text = request.repeat(3);
    let (start, end) = text.split_at(request.len() + 11);
    // Reads until this many answers are complete.
    let mut answers = String::new();
    let mut read = |stream: &mut TcpStream, count: usize| {
        let mut part = [0; 1024];
        while answers.matches("\r\n\r\nHello, World!").count() < count {
            let length = stream.read(&mut part).expect("an answer");
            assert!(length > 0, "the connection ended: {answers}");
            answers += std::str::from_utf8(&part[..length]).expect("ASCII");
        }
        answers.len()
    };
    stream.write_all(start.as_bytes()).expect("written");
    let first = read(&mut stream, 1);
    stream.write_all(end.as_bytes()).expect("written");
    let all = read(&mut stream, 3);
    assert_eq!(all, 3 * first, "one answer for each request");

    let mut endless = TcpStream::connect(address).expect("it listens");
    let sent = endless.write_all("x".repeat(64 * 1024).as_bytes());
    let mut rest = Vec::new();
    assert!(sent.is_err() || endless.read_to_end(&mut rest).is_err() || rest.is_empty());
}

/// The children of a process, as the kernel tells them.
#[cfg(target_os = "linux")]
fn children(child: &Child) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id()));
    let tasks = tasks.into_iter().flatten().flatten();
    let texts = tasks.map(|task| std::fs::read_to_string(task.path().join("children")));
    let words: Vec<String> = texts.flatten().collect();
    let words = words.iter().flat_map(|text| text.split_whitespace());
    words.map(|pid| pid.parse().expect("a number")).collect()
}

#[cfg(target_os = "linux")]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_server_ends_with_the_measurement_however_that_ends() {
    for (signal, code) in [("INT", Some(105)), ("KILL", None)] {
        let mut command: Command = gander();
        command
            .args(["doctor", "--for", "5m"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let doctor = command.spawn().expect("gander runs");
        let mut server = Vec::new();
        wait_until("the server starts", || {
            server = children(&doctor);
            !server.is_empty()
        });
        send_signal(&doctor, signal);
        let output = doctor.wait_with_output().expect("it ends");
        let says = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), code, "{says}");
        wait_until("the server ends", || {
            let folder = format!("/proc/{}", server[0]);
            !Path::new(&folder).exists()
        });
    }
}
