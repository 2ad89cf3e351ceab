//! A target whose delays follow a known law: what is measured follows it too.
//!
//! Dvoretzky, Kiefer and Wolfowitz bound the gap between an empirical distribution of n draws and its law:
//! sup|Fₙ − F| ≤ √(ln(2/α)/2n) with probability 1 − α. What the client adds to a delay is at least nothing, and less than
//! a millisecond for 99 of 100 requests; two without optimisation.

use std::sync::Arc;

use bytes::Bytes;
use gander::outcome::Outcome;
use gander::plan::ReadsBody;
use gander::scenario::{Cookies, Timeouts, TlsOptions};
use gander::transport::{Client, Outgoing, Settings, Shared};
use gander::units::ByteSize;
use http::{HeaderMap, Method, Uri};

use crate::support::{Bench, Lab, Run, alone, undisturbed};

/// How improbable a gap may be before it is called a fault.
const ALPHA: f64 = 1e-6;
/// What the client may add, in seconds, to 99 of 100 delays.
const OVERHEAD: f64 = if cfg!(debug_assertions) { 2e-3 } else { 1e-3 };
/// What a run, whose generator is a process beside the target's, may add at most for a comparison to mean anything, in
/// seconds.
const MOST_OVERHEAD: f64 = 3e-3;
const CLIENTS: usize = 10;
const REQUESTS_EACH: usize = 300;

/// A law as the lab spells it, and its distribution function over seconds.
struct Law {
    query: &'static str,
    distribution: fn(f64) -> f64,
}

const LAWS: [Law; 3] = [
    Law {
        query: "law=uniform&low=2ms&high=12ms",
        distribution: |x| ((x - 0.002) / 0.010).clamp(0.0, 1.0),
    },
    Law {
        query: "law=two_point&low=2ms&high=20ms&chance=0.2",
        distribution: |x| {
            if x < 0.002 {
                0.0
            } else if x < 0.020 {
                0.8
            } else {
                1.0
            }
        },
    },
    Law {
        query: "law=lognormal&median=5ms&sigma=0.5",
        distribution: |x| {
            if x <= 0.0 {
                0.0
            } else {
                normal((x / 0.005).ln() / 0.5)
            }
        },
    },
];

/// What one request took, in seconds, as the client measured it and as the lab did.
#[derive(Clone, Copy)]
struct Pair {
    client: f64,
    lab: f64,
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
    let pairs = measure(&format!("{}/lab/delay?{}", lab.url(), law.query));
    let mut added: Vec<f64> = pairs.iter().map(|pair| pair.client - pair.lab).collect();
    added.sort_by(f64::total_cmp);
    // The lab's header is in whole microseconds, and so may be one above what the client saw.
    assert!(
        added[0] > -1e-6,
        "{}: measured {} s less than it took",
        law.query,
        -added[0]
    );
    let p99 = added[added.len() * 99 / 100];
    if p99 >= OVERHEAD {
        return Err(format!(
            "{}: p99 of what the client adds is {p99} s",
            law.query
        ));
    }

    let mut times: Vec<f64> = pairs.iter().map(|pair| pair.client).collect();
    times.sort_by(f64::total_cmp);
    let bound = dkw(times.len());
    let mut ranks = times.iter().enumerate();
    ranks.try_for_each(|(rank, &time)| {
        on_law(law, time, rank as f64 / times.len() as f64, bound, OVERHEAD)
    })
}

#[test]
fn the_quantiles_of_a_run_are_those_of_the_law() {
    let _turn = alone();
    let lab = Lab::start();
    for law in &LAWS {
        undisturbed(|| has_the_quantiles_of(&lab, law));
    }
}

/// A whole run adds what the machine takes to switch between generator and target, which a constant delay tells.
fn has_the_quantiles_of(lab: &Lab, law: &Law) -> Result<(), String> {
    let constant = run_on(lab, "law=constant&value=2ms")?;
    let added = service_time(&constant, "p99") - 0.002;
    if added > MOST_OVERHEAD {
        return Err(format!("the machine is busy: {added} s are added"));
    }
    let run = run_on(lab, law.query)?;
    let bound = dkw(run.number("/totals/requests") as usize);
    for (key, q) in [
        ("p50", 0.5),
        ("p75", 0.75),
        ("p90", 0.9),
        ("p95", 0.95),
        ("p99", 0.99),
    ] {
        on_law(law, service_time(&run, key), q, bound, added.max(OVERHEAD))?;
    }
    Ok(())
}

fn run_on(lab: &Lab, law: &str) -> Result<Run, String> {
    let bench = Bench::with(&format!(
        "name: law\nkind: custom\ntarget: {}\nload: {{ iterations: 3000, users: {CLIENTS} }}\nflows:\n  \
         - name: read\n    steps:\n      - get: /lab/delay?{law}\n",
        lab.url(),
    ));
    bench.run(&["--quiet"]).valid()
}

/// In seconds.
fn service_time(run: &Run, key: &str) -> f64 {
    run.number(&format!("/totals/service_time/{key}")) / 1e6
}

/// The part of the law that lies below `time` must be `below`, give or take the bound and what the client adds (which
/// shifts a time up by at most `overhead`, for all but one in a hundred).
fn on_law(law: &Law, time: f64, below: f64, bound: f64, overhead: f64) -> Result<(), String> {
    let (least, most) = (
        (law.distribution)(time - overhead),
        (law.distribution)(time),
    );
    if least - bound <= below && below <= most + bound + 0.01 {
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

fn measure(url: &str) -> Vec<Pair> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let uri: Uri = url.parse().expect("a URI");
    let shared = Shared::new(Settings {
        redirects: 0,
        cookies: Cookies::Off,
        body_limit: ByteSize(1 << 20),
        tls: &TlsOptions::default(),
        allowed_hosts: Vec::new(),
    })
    .expect("valid settings");
    runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(request_in_turn(Arc::clone(&shared), uri.clone()));
        }
        clients.join_all().await.into_iter().flatten().collect()
    })
}

async fn request_in_turn(shared: Arc<Shared>, uri: Uri) -> Vec<Pair> {
    let mut client = Client::new(shared);
    let mut pairs = Vec::with_capacity(REQUESTS_EACH);
    for _ in 0..REQUESTS_EACH {
        let exchange = client
            .send(Outgoing {
                method: &Method::GET,
                uri: &uri,
                headers: HeaderMap::new(),
                body: Bytes::new(),
                timeouts: Timeouts::default(),
                reads_body: ReadsBody::No,
            })
            .await;
        assert_eq!(exchange.outcome, Outcome::Ok, "{}", exchange.detail);
        let echoed = exchange.headers["x-lab-delay-us"]
            .to_str()
            .expect("digits")
            .parse::<f64>()
            .expect("digits");
        let client = exchange
            .finished
            .duration_since(exchange.started)
            .as_secs_f64();
        pairs.push(Pair {
            client,
            lab: echoed / 1e6,
        });
    }
    pairs
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
