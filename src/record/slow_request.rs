//! One of the slowest requests of a run: when it was due, the parts of its response time, and the values that made it.

use serde::{Deserialize, Serialize};

use super::Sample;
use super::failures::clip;
use crate::mask::Mask;
use crate::outcome::Outcome;
use crate::plan::SeriesId;
use crate::units::Micros;

/// The maximum length of a request's text, in characters.
const MAX_REQUEST: usize = 200;

/// The maximum length of a value, in characters: enough for an id or a search, and no document.
const MAX_VALUE: usize = 80;

/// The maximum length of a header, in characters.
const MAX_HEADER: usize = 200;

/// The maximum number of values.
const MAX_VALUES: usize = 12;

/// One of the slowest requests; secrets are already redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowRequest {
    /// The series.
    pub series: SeriesId,
    /// The intended start, on the run's clock.
    pub intended: Micros,
    /// From the intended start to the end.
    pub response_time: Micros,
    /// The parts of the response time.
    #[serde(flatten)]
    pub phases: Phases,
    /// The outcome.
    pub outcome: Outcome,
    /// The status of the final response, if there was one.
    pub status: Option<u16>,
    /// Followed redirects; the time of each is a part of `waiting`.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub redirects: u64,
    /// The number of times it was sent again because its connection had been closed.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub resent: u64,
    /// The user's number, from 0.
    pub user: u64,
    /// The user's iteration, from 0.
    pub iteration: u64,
    /// Method and URL as written, at most 200 characters.
    pub request: String,
    /// The variables and columns that its templates insert, each with its value of at most 80 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(String, String)>,
    /// The header `traceparent` that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The header `server-timing` of the response, at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_timing: Option<String>,
}

/// The parts of a response time, in their order; `None` for a part that did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// From the intended to the actual start.
    pub start_lag: Micros,
    /// Name resolution and connecting (TCP). For a request that found no connection, everything after the start.
    pub connect: Option<Micros>,
    /// The TLS handshake.
    pub tls: Option<Micros>,
    /// From then on to the first byte of the final response, or to the failure: sending, and redirects.
    pub waiting: Option<Micros>,
    /// From the first byte to the end.
    pub receiving: Option<Micros>,
}

impl Phases {
    /// The parts of the response time of a request; `dns` is the time of its name resolution.
    pub fn of(sample: &Sample<'_>, dns: Micros) -> Self {
        let service = sample.finished.saturating_sub(sample.started);
        let start_lag = sample.started.saturating_sub(sample.intended);
        if !sample.is_sent && sample.connect.is_none() {
            return Self {
                start_lag,
                connect: Some(service),
                ..Self::default()
            };
        }
        let connect = sample.connect.map(|connect| connect + dns);
        let opening = connect.unwrap_or_default() + sample.tls.unwrap_or_default();
        let answered = sample.first_byte.unwrap_or(sample.finished);
        let waiting = answered.saturating_sub(sample.started);
        Self {
            start_lag,
            connect,
            tls: sample.tls,
            waiting: Some(waiting.saturating_sub(opening)),
            receiving: sample
                .first_byte
                .map(|first| sample.finished.saturating_sub(first)),
        }
    }

    /// Each part that happened, in order.
    pub fn each(&self) -> impl Iterator<Item = (Phase, Micros)> {
        let parts = [
            (Phase::StartLag, Some(self.start_lag)),
            (Phase::Connect, self.connect),
            (Phase::Tls, self.tls),
            (Phase::Waiting, self.waiting),
            (Phase::Receiving, self.receiving),
        ];
        parts
            .into_iter()
            .filter_map(|(phase, time)| Some((phase, time?)))
    }
}

/// A part of a response time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// [`Phases::start_lag`]
    StartLag,
    /// [`Phases::connect`]
    Connect,
    /// [`Phases::tls`]
    Tls,
    /// [`Phases::waiting`]
    Waiting,
    /// [`Phases::receiving`]
    Receiving,
}

impl Phase {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StartLag => "start lag",
            Self::Connect => "connect",
            Self::Tls => "TLS",
            Self::Waiting => "first byte",
            Self::Receiving => "receive",
        }
    }
}

impl SlowRequest {
    /// The time from the actual start to the end, without the start lag.
    pub const fn service_time(&self) -> Micros {
        self.response_time.saturating_sub(self.phases.start_lag)
    }

    /// The id of its trace, if the header that it sent is valid (W3C Trace Context, 3.2): 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<&str> {
        trace_id(self.traceparent.as_deref()?)
    }

    /// True if its header says that its trace is recorded (W3C Trace Context, 3.2.2.5); else the tool may not know it.
    pub fn is_sampled(&self) -> bool {
        let flags = self
            .traceparent
            .as_deref()
            .and_then(|header| header.get(53..55));
        let flags = flags.and_then(|flags| u8::from_str_radix(flags, 16).ok());
        self.trace_id().is_some() && flags.is_some_and(|flags| flags & 1 == 1)
    }

    /// The same request with secrets removed from its texts, each of which is shortened after that.
    pub(super) fn hidden(mut self, mask: &Mask) -> Self {
        let hide = |text: &mut String, most| {
            *text = mask.text(text);
            clip(text, most);
        };
        hide(&mut self.request, MAX_REQUEST);
        self.values.truncate(MAX_VALUES);
        for (_, value) in &mut self.values {
            hide(value, MAX_VALUE);
        }
        let headers = [&mut self.traceparent, &mut self.server_timing];
        for header in headers.into_iter().flatten() {
            hide(header, MAX_HEADER);
        }
        self
    }
}

/// The id of the trace in a `traceparent` of any version.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let mut part = |length: usize| {
        let part = parts.next()?;
        let is_hex = part
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (part.len() == length && is_hex).then_some(part)
    };
    let is_real = |id: &&str| id.bytes().any(|byte| byte != b'0');
    part(2).filter(|version| *version != "ff")?;
    let trace = part(32).filter(is_real)?;
    part(16).filter(is_real)?;
    part(2)?;
    Some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn only_a_valid_header_names_a_trace() {
        for (header, expected) in [
            (format!("00-{TRACE}-00f067aa0ba902b7-01"), Some(TRACE)),
            (format!("cc-{TRACE}-00f067aa0ba902b7-01-more"), Some(TRACE)),
            (format!("ff-{TRACE}-00f067aa0ba902b7-01"), None),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), None),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            (
                format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
                None,
            ),
            (format!("00-{TRACE}-00f067aa0ba902b7"), None),
            (TRACE.to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(trace_id(&header), expected, "{header}");
        }
    }

    #[test]
    fn the_parts_add_up_to_the_response_time() {
        let sent = Sample {
            intended: Micros(100),
            started: Micros(140),
            first_byte: Some(Micros(900)),
            finished: Micros(1_000),
            is_sent: true,
            connect: Some(Micros(50)),
            tls: Some(Micros(70)),
            ..Sample::unsent(SeriesId(0), Micros(0), Outcome::Ok)
        };
        let phases = Phases::of(&sent, Micros(10));
        let parts: Vec<_> = phases
            .each()
            .map(|(phase, time)| (phase.name(), time.0))
            .collect();
        let expected = [
            ("start lag", 40),
            ("connect", 60),
            ("TLS", 70),
            ("first byte", 630),
            ("receive", 100),
        ];
        assert_eq!(parts, expected);
        let unanswered = Sample {
            first_byte: None,
            connect: None,
            tls: None,
            ..sent
        };
        let unconnected = Sample {
            is_sent: false,
            ..unanswered
        };
        for (sample, expected) in [
            (unanswered, [("start lag", 40), ("first byte", 860)]),
            (unconnected, [("start lag", 40), ("connect", 860)]),
        ] {
            let phases = Phases::of(&sample, Micros::ZERO);
            let parts: Vec<_> = phases
                .each()
                .map(|(phase, time)| (phase.name(), time.0))
                .collect();
            assert_eq!(parts, expected);
        }
    }
}
