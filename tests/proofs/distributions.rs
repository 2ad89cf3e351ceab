//! A target whose delays follow a known distribution: the measured times follow it too.
//!
//! Dvoretzky, Kiefer and Wolfowitz bound the gap between an empirical distribution of n draws and its law:
//! sup|Fₙ − F| ≤ √(ln(2/α)/2n) with probability 1 − α. What the client adds to a delay is at least nothing, and for 99 of
//! 100 requests less than a millisecond more than a bare socket in the same sitting; two without optimisation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gander::outcome::Outcome;
use gander::plan::ReadsBody;
use gander::scenario::{Cookies, Timeouts, TlsOptions};
use gander::transport::{Client, Outgoing, Settings, Shared};
use gander::units::ByteSize;
use http::{HeaderMap, Method, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Bench, Lab, Run, alone, undisturbed};

/// The probability of a gap below which it counts as an error.
const ALPHA: f64 = 1e-6;
/// The maximum that the client may add to 99 of 100 delays, in seconds, beyond a bare socket.
const OVERHEAD: f64 = if cfg!(debug_assertions) { 2e-3 } else { 1e-3 };
/// The maximum that the machine may add, in seconds, for a comparison to be meaningful: a fifth of the narrowest
/// distribution.
const MOST_OVERHEAD: f64 = 10e-3;
/// The lab's own measure of a delay, in microseconds.
const DELAY: &str = "x-lab-delay-us";
/// A rate so low that the machine is idle most of the time; additional time is then caused by its neighbours.
const CLIENTS: usize = 25;
const REQUESTS_EACH: usize = 120;
/// Between the starts of two clients. Clients that start together stay together where delays are constant, and each
/// then waits for the others' processor time.
const STAGGER: Duration = Duration::from_millis(3);

/// A law as the lab spells it, and its distribution function over seconds.
struct Law {
    query: &'static str,
    distribution: fn(f64) -> f64,
}

const LAWS: [Law; 3] = [
    Law {
        query: "law=uniform&low=10ms&high=60ms",
        distribution: |x| ((x - 0.010) / 0.050).clamp(0.0, 1.0),
    },
    Law {
        query: "law=two_point&low=10ms&high=100ms&chance=0.2",
        distribution: |x| {
            if x < 0.010 {
                0.0
            } else if x < 0.100 {
                0.8
            } else {
                1.0
            }
        },
    },
    Law {
        query: "law=lognormal&median=25ms&sigma=0.5",
        distribution: |x| {
            if x <= 0.0 {
                0.0
            } else {
                normal((x / 0.025).ln() / 0.5)
            }
        },
    },
];

/// The time of one request in seconds, as measured by the client and by the lab.
#[derive(Clone, Copy)]
struct Pair {
    client: f64,
    lab: f64,
}

impl Pair {
    fn added(&self) -> f64 {
        self.client - self.lab
    }
}

/// The same request by Gander's transport and over a bare socket, one after the other.
struct Turn {
    transport: Pair,
    bare: Pair,
}

#[test]
fn the_transport_adds_next_to_nothing_to_a_known_delay() {
    let _turn = alone();
    let lab = Lab::start();
    for law in &LAWS {
        undisturbed(|| adds_next_to_nothing(&lab, law));
    }
}

fn adds_next_to_nothing(lab: &Lab, law: &Law) -> Result<(), String> {
    let turns = measure(&format!("{}/lab/delay?{}", lab.url(), law.query));
    let machine = p99(turns.iter().map(|turn| turn.bare.added()));
    still_enough(machine)?;
    let least = turns.iter().map(|turn| turn.transport.added());
    let least = least.fold(f64::INFINITY, f64::min);
    // The lab's header is in whole microseconds, and so may be one above what the client saw.
    assert!(
        least > -1e-6,
        "{}: measured {} s less than it took",
        law.query,
        -least
    );
    let (added, allowed) = (
        p99(turns.iter().map(|turn| turn.transport.added())),
        machine + OVERHEAD,
    );
    if added >= allowed {
        return Err(format!(
            "{}: p99 of what the client adds is {added} s, of a bare socket {machine} s",
            law.query
        ));
    }

    let mut times: Vec<f64> = turns.iter().map(|turn| turn.transport.client).collect();
    times.sort_by(f64::total_cmp);
    let bound = dkw(times.len());
    let mut ranks = times.iter().enumerate();
    let shift = Shift {
        seconds: allowed,
        beyond: 0.01,
    };
    ranks.try_for_each(|(rank, &time)| {
        on_law(law, time, rank as f64 / times.len() as f64, bound, shift)
    })
}

fn p99(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() * 99 / 100]
}

/// True if the machine adds so little, in seconds, that a distribution can be recognised.
fn still_enough(added: f64) -> Result<(), String> {
    if added > MOST_OVERHEAD {
        return Err(format!("the machine is busy: {added} s are added"));
    }
    Ok(())
}

#[test]
fn the_quantiles_of_a_run_are_those_of_the_law() {
    let _turn = alone();
    let lab = Lab::start();
    for law in &LAWS {
        undisturbed(|| has_the_quantiles_of(&lab, law));
    }
}

/// A whole run adds what the machine takes to switch between generator and target. A constant delay, asked for in turn
/// with the law's, tells how much that is.
fn has_the_quantiles_of(lab: &Lab, law: &Law) -> Result<(), String> {
    let run = run_on(lab, law.query)?;
    let added = |key| service_time(&run, CONSTANT, key) - CONSTANT_DELAY;
    still_enough(added("p95"))?;
    let shifts = [("p95", 0.05), ("p99", 0.01)].map(|(key, beyond)| Shift {
        seconds: added(key).max(OVERHEAD),
        beyond,
    });
    let bound = dkw(run.count(&format!("/steps/{LAW}/requests")) as usize);
    for (key, q) in [
        ("p50", 0.5),
        ("p75", 0.75),
        ("p90", 0.9),
        ("p95", 0.95),
        ("p99", 0.99),
    ] {
        for shift in shifts {
            on_law(law, service_time(&run, LAW, key), q, bound, shift)?;
        }
    }
    Ok(())
}

/// The steps of a run.
const CONSTANT: usize = 0;
const LAW: usize = 1;
/// In seconds.
const CONSTANT_DELAY: f64 = 10e-3;

fn run_on(lab: &Lab, law: &str) -> Result<Run, String> {
    let bench = Bench::with(&format!(
        "name: law\nkind: custom\ntarget: {}\nload: {{ iterations: {}, users: {CLIENTS} }}\nthink_time: none\n\
         flows:\n  - name: read\n    steps:\n      - get: /lab/delay?law=constant&value={}ms\n        name: constant\n      \
         - get: /lab/delay?{law}\n        name: law\n",
        lab.url(),
        CLIENTS * REQUESTS_EACH,
        CONSTANT_DELAY * 1e3,
    ));
    bench.run(&["--quiet"]).valid()
}

/// In seconds.
fn service_time(run: &Run, step: usize, key: &str) -> f64 {
    run.number(&format!("/steps/{step}/service_time/{key}")) / 1e6
}

/// The addition to a time: at most `seconds`, except for a part `beyond` of all times.
#[derive(Clone, Copy)]
struct Shift {
    seconds: f64,
    beyond: f64,
}

/// The part of the law that lies below `time` must be `below`, give or take the bound and what is added.
fn on_law(law: &Law, time: f64, below: f64, bound: f64, shift: Shift) -> Result<(), String> {
    let (least, most) = (
        (law.distribution)(time - shift.seconds) - shift.beyond,
        (law.distribution)(time),
    );
    if (least - bound..=most + bound).contains(&below) {
        return Ok(());
    }
    Err(format!(
        "{}: {below:.4} of the times are below {time:.6} s; the law says {least:.4} to {most:.4} ± {bound:.4}",
        law.query
    ))
}

/// √(ln(2/α)/2n)
fn dkw(n: usize) -> f64 {
    ((2.0 / ALPHA).ln() / (2.0 * n as f64)).sqrt()
}

fn measure(url: &str) -> Vec<Turn> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let uri: Uri = url.parse().expect("a URI");
    let shared = Shared::new(Settings {
        redirects: 0,
        cookies: Cookies::Off,
        body_limit: ByteSize(1 << 20),
        resend: true,
        tls: &TlsOptions::default(),
        allowed_hosts: Vec::new(),
    })
    .expect("valid settings");
    runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..CLIENTS {
            let turns = take_turns(Arc::clone(&shared), uri.clone());
            clients.spawn(async move {
                tokio::time::sleep(STAGGER * client as u32).await;
                turns.await
            });
        }
        clients.join_all().await.into_iter().flatten().collect()
    })
}

async fn take_turns(shared: Arc<Shared>, uri: Uri) -> Vec<Turn> {
    let mut client = Client::new(shared);
    let address = uri.authority().expect("an absolute URI").as_str();
    let mut socket = TcpStream::connect(address).await.expect("the lab listens");
    let mut turns = Vec::with_capacity(REQUESTS_EACH);
    for _ in 0..REQUESTS_EACH {
        turns.push(Turn {
            transport: by_the_transport(&mut client, &uri).await,
            bare: over_a_bare_socket(&mut socket, &uri).await,
        });
    }
    turns
}

async fn by_the_transport(client: &mut Client, uri: &Uri) -> Pair {
    let exchange = client
        .send(Outgoing {
            method: &Method::GET,
            uri,
            headers: HeaderMap::new(),
            content: Bytes::new().into(),
            cookies: Vec::new(),
            header_case: None,
            redirects: None,
            timeouts: Timeouts::default(),
            reads_body: ReadsBody::No,
        })
        .await;
    assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
    let took = exchange.finished.duration_since(exchange.started);
    let response = exchange.response.as_ref().expect("a response");
    let echoed = response.headers[DELAY].to_str().expect("digits");
    Pair {
        client: took.as_secs_f64(),
        lab: seconds(echoed),
    }
}

/// The least a client can do: to write a request, and to read until the JSON of the answer ends.
async fn over_a_bare_socket(socket: &mut TcpStream, uri: &Uri) -> Pair {
    let request = format!("GET {uri} HTTP/1.1\r\nhost: lab\r\n\r\n");
    let mut answer = Vec::with_capacity(1024);
    let started = Instant::now();
    let sent = socket.write_all(request.as_bytes()).await;
    sent.expect("the lab reads");
    while !answer.ends_with(b"}") {
        let read = socket.read_buf(&mut answer).await;
        assert_ne!(read.expect("the lab answers"), 0, "the lab hung up");
    }
    let took = started.elapsed();
    let answer = String::from_utf8(answer).expect("UTF-8");
    let mut lines = answer.lines().filter_map(|line| line.split_once(": "));
    let (_, echoed) = lines.find(|(name, _)| *name == DELAY).expect("the header");
    Pair {
        client: took.as_secs_f64(),
        lab: seconds(echoed),
    }
}

fn seconds(microseconds: &str) -> f64 {
    microseconds.parse::<f64>().expect("digits") / 1e6
}

/// The standard normal distribution function, by Abramowitz and Stegun 7.1.26: error below 1.5e-7.
fn normal(z: f64) -> f64 {
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let tail = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let series = tail.iter().fold(0.0, |sum, factor| (sum + factor) * t);
    0.5 * (1.0 + (1.0 - series * (-x * x).exp()).copysign(x))
}
