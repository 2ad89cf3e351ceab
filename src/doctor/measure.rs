//! Measures the generator: a closed load without pauses for its ceiling and its cost, then an open load far below the
//! ceiling for the lateness of its timers.

use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use chrono::Utc;

use super::server::Server;
use crate::plan::{Plan, Segment, Subject};
use crate::probe::ProcessHealth;
use crate::record::journal::Event;
use crate::record::totals::HealthTotals;
use crate::record::{StopReason, Timing, Totals};
use crate::run::{self, Run, RunningTarget, Second, Signals, Sink, Sinks, header};
use crate::scenario::{self, Diagnostics, Overrides};
use crate::transport::{Settings, Shared, TransportError};
use crate::units::{Micros, show_duration};

/// The scenario with which `bench/overhead` compares Gander with its peers: a templated request and a check.
const SCENARIO: &str = include_str!("../../bench/overhead.yaml");
/// The users of both loads.
const USERS: u32 = 50;
/// The part of the ceiling at which timers are measured, and the highest such rate.
const EASY: f64 = 0.1;
const HIGHEST_RATE: f64 = 1_000.0;
/// The part of each load that is warm-up, and its longest.
const WARM_UP: f64 = 0.25;
const LONGEST_WARM_UP: Duration = Duration::from_millis(500);
/// The shortest measurement.
pub const SHORTEST: Duration = Duration::from_secs(1);
/// Time for requests in flight to finish.
const GRACE: Duration = Duration::from_secs(5);

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The server could not be started.
    #[error("cannot start the server to measure against")]
    Server(#[source] io::Error),
    /// A signal stopped the measurement.
    #[error("stopped before the measurement was complete")]
    Stopped,
    /// The load ended for another reason, or nothing was measured.
    #[error("the measurement failed: {0}")]
    Load(String),
    /// The scenario of the measurement is refused.
    #[error("the scenario of the measurement is not valid: {0}")]
    Scenario(Diagnostics),
    /// The transport could not be set up.
    #[error("cannot set up the transport")]
    Transport(#[from] TransportError),
    /// The run could not be carried out.
    #[error("{0:#}")]
    Run(#[from] anyhow::Error),
}

/// The lateness of starts in an open load, and of its timers with them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TimerLateness {
    /// Starts per second.
    pub rate: f64,
    /// Half of the starts were at most this late.
    pub p50: Micros,
    /// 99 of 100 starts were at most this late.
    pub p99: Micros,
    /// The latest start.
    pub max: Micros,
}

/// The figures of the measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measured {
    /// The users of the closed load.
    pub users: u32,
    /// The measured time of the closed load, without its warm-up.
    pub time: Micros,
    /// Its requests.
    pub requests: u64,
    /// Its failed requests.
    pub failed: u64,
    /// Its requests per second.
    pub requests_per_second: f64,
    /// CPU time of the generator per request, in µs; the server is another process.
    pub cpu_per_request: f64,
    /// CPU usage of the server as a fraction of all cores, as far as the system tells.
    pub server_cpu: Option<f64>,
    /// The lateness of timers.
    pub timers: TimerLateness,
    /// The fraction of the machine's CPU time that went to other machines (steal), in both loads.
    pub stolen: f64,
    /// The part of the time for which a CPU quota throttled the generator, summed over its cores.
    pub throttled: f64,
}

/// Measures for about this long, half of it with each load.
///
/// # Errors
/// See [`DoctorError`].
pub async fn measure(length: Duration, signals: &mut Signals) -> Result<Measured, DoctorError> {
    let server = Server::start().map_err(DoctorError::Server)?;
    let half = length.max(SHORTEST) / 2;
    let time = show_duration(half);
    let mut server_health = ProcessHealth::of(server.pid());
    let closed = format!("{{ users: {USERS}, for: {time} }}");
    let closed = send(&server, closed, half, signals).await?;
    let server_cpu = server_health.sample().map(|health| health.cpu);
    let rate = run_rate(&closed);
    let easy = (rate * EASY).clamp(1.0, HIGHEST_RATE).floor();
    let open = format!("{{ rate: {easy}/s, for: {time}, max_users: {USERS} }}");
    let open = send(&server, open, half, signals).await?;

    let requests = closed.counts(Subject::Requests);
    let lags = open.timing(Timing::StartLag, &[]);
    let late = |quantile| Micros(lags.value_at_quantile(quantile));
    let both = [&closed, &open];
    Ok(Measured {
        users: USERS,
        time: closed.load_time(),
        requests: requests.ended,
        failed: requests.failed,
        requests_per_second: rate,
        cpu_per_request: closed.health().cpu_time.0 as f64 / requests.ended as f64,
        server_cpu,
        timers: TimerLateness {
            rate: easy,
            p50: late(0.5),
            p99: late(0.99),
            max: Micros(lags.max()),
        },
        stolen: mean(both, |health| health.mean_stolen),
        throttled: mean(both, |health| health.throttled.as_secs_f64())
            / mean(both, |_| half.as_secs_f64()),
    })
}

fn run_rate(totals: &Totals) -> f64 {
    let requests = totals.counts(Subject::Requests).of_load();
    requests as f64 / totals.load_time().as_secs_f64()
}

/// The mean of both loads, which are equally long.
fn mean(both: [&Totals; 2], of: impl Fn(HealthTotals) -> f64) -> f64 {
    both.map(|totals| of(totals.health())).iter().sum::<f64>() / 2.0
}

/// Sends one load through the pipeline of a run, and returns its totals without the warm-up.
async fn send(
    server: &Server,
    load: String,
    length: Duration,
    signals: &mut Signals,
) -> Result<Totals, DoctorError> {
    let warm_up = length.mul_f64(WARM_UP).min(LONGEST_WARM_UP);
    let overrides = Overrides {
        target: Some(server.url().to_string()),
        set: vec![
            ("load".to_owned(), load),
            ("warm_up".to_owned(), show_duration(warm_up)),
        ],
        ..Overrides::default()
    };
    let path = Path::new("bench/overhead.yaml");
    let scenario =
        scenario::load_text(path, SCENARIO, &overrides).map_err(DoctorError::Scenario)?;
    let plan =
        Plan::compile(&scenario, server.url(), 1, Segment::WHOLE).map_err(DoctorError::Scenario)?;
    let transport = Shared::new(Settings::from(&plan.workload.http))?;
    let now = Utc::now();
    let header = header::header(&scenario, &plan, header::run_id("doctor", now), now);
    let (tell, told) = mpsc::channel();
    let run = Run {
        plan: Arc::new(plan),
        scraper: Arc::clone(&transport),
        transport,
        header: &header,
        grace: GRACE,
    };
    let mut target = RunningTarget::Outside(server.url().clone());
    run::send(
        run,
        Sinks::default().with(Teller(tell)),
        &mut target,
        signals,
        None,
    )
    .await?;
    outcome(told)
}

/// The totals, unless the load was stopped.
fn outcome(told: mpsc::Receiver<Told>) -> Result<Totals, DoctorError> {
    let mut totals = None;
    for told in told {
        match told {
            Told::Totals(found) => totals = Some(*found),
            Told::Stopped(StopReason::Signal | StopReason::SecondSignal) => {
                return Err(DoctorError::Stopped);
            }
            Told::Stopped(reason) => return Err(DoctorError::Load(format!("{reason:?}"))),
        }
    }
    let totals: Totals = totals.ok_or_else(|| DoctorError::Load("no interval ended".to_owned()))?;
    if totals.counts(Subject::Requests).of_load() == 0 || totals.load_time() == Micros::ZERO {
        return Err(DoctorError::Load("no request ended".to_owned()));
    }
    Ok(totals)
}

/// What the run says.
enum Told {
    Totals(Box<Totals>),
    Stopped(StopReason),
}

/// Passes on the totals at the end of the load, and the reason of an early stop.
struct Teller(mpsc::Sender<Told>);

impl Sink for Teller {
    fn interval(&mut self, second: &Second<'_>) -> anyhow::Result<()> {
        if second.is_last {
            self.0.send(Told::Totals(Box::new(second.totals.clone())))?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        if let Event::Stop { reason, .. } = event {
            self.0.send(Told::Stopped(reason.clone()))?;
        }
        Ok(())
    }
}
