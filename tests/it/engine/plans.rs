//! Plans built by hand: the engine's tests need no file and no name.

use std::time::Duration;

use bytes::Bytes;
use gander::plan::curve::{Curve, Piece};
use gander::plan::{
    Action, Flow, HttpPlan, Plan, ReadsBody, Request, RequestBody, RequestUrl, Schedule, Segment,
    Series, SeriesId, Step, Subject,
};
use gander::scenario::{ArrivalLaw, Cookies, Kind, OnError, Sharing, Timeouts, TlsOptions};
use gander::units::ByteSize;
use http::{HeaderMap, Method};

/// A curve of (from, to, milliseconds).
pub(crate) fn curve(pieces: &[(f64, f64, u64)]) -> Curve {
    let piece = |&(from, to, ms)| Piece {
        from,
        to,
        duration: Duration::from_millis(ms),
    };
    Curve {
        pieces: pieces.iter().map(piece).collect(),
    }
}

pub(crate) fn users(pieces: &[(f64, f64, u64)]) -> Schedule {
    Schedule::Users(curve(pieces))
}

pub(crate) fn arrivals(rate: f64, ms: u64, law: ArrivalLaw, max_users: u32) -> Schedule {
    Schedule::Arrivals {
        curve: curve(&[(rate, rate, ms)]),
        law,
        max_users,
    }
}

pub(crate) fn iterations(count: u64, sharing: Sharing, users: u32) -> Schedule {
    Schedule::Iterations {
        count,
        sharing,
        users,
        max_duration: None,
    }
}

/// A plan of one flow, `main`, whose iterations are series 0 and whose requests are series 1.
pub(crate) fn plan(target: &str, schedule: Schedule, steps: Vec<Step>) -> Plan {
    let series = |name: &str, subject| Series {
        name: name.to_owned(),
        flow: "main".to_owned(),
        subject,
        tags: std::collections::BTreeMap::new(),
    };
    Plan {
        name: "test".to_owned(),
        kind: Kind::Custom,
        target: target.parse().expect("a URL"),
        schedule,
        warm_up: Duration::ZERO,
        pacing: None,
        think_time: None,
        on_error: OnError::StopIteration,
        http: HttpPlan {
            redirects: 10,
            cookies: Cookies::PerUser,
            body_limit: ByteSize(1 << 20),
            tls: TlsOptions::default(),
        },
        variables: Vec::new(),
        feeds: Vec::new(),
        setup: Vec::new(),
        teardown: Vec::new(),
        flows: vec![Flow {
            name: "main".to_owned(),
            weight: 1,
            series: SeriesId(0),
            start: Vec::new(),
            steps,
        }],
        series: vec![
            series("main", Subject::Iterations),
            series("get", Subject::Requests),
        ],
        checks: Vec::new(),
        thresholds: Vec::new(),
        seed: 7,
        segment: Segment::WHOLE,
        hash: String::new(),
    }
}

/// `GET` of a path below a target, in series 1.
pub(crate) fn get(target: &str, path: &str) -> Request {
    let url = format!("{target}{path}");
    Request {
        name: "get".to_owned(),
        series: Some(SeriesId(1)),
        method: Method::GET,
        url: RequestUrl::Literal(url.parse().expect("a URL")),
        headers: HeaderMap::new(),
        rendered_headers: Vec::new(),
        auth: None,
        body: RequestBody::Literal(Bytes::new()),
        timeouts: Timeouts::default(),
        checks: Vec::new(),
        captures: Vec::new(),
        reads_body: ReadsBody::No,
    }
}

pub(crate) fn step(request: Request) -> Step {
    Step {
        condition: None,
        action: Action::Request(std::sync::Arc::new(request)),
    }
}
