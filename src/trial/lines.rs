//! The lines of an exchange, in the manner of `curl -v`.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Version};

use super::body::{self, Extent, clipped};
use super::redact;
use crate::engine::trial::event::{CaptureResult, Captured, Checked, Exchanged};
use crate::mask::{Mask, REDACTED};
use crate::outcome::Outcome;
use crate::report::text::clean;
use crate::report::{Paint, Tone};
use crate::transport::{ConnectPhases, TracedHop, TracedResponse};
use crate::units::Micros;

/// The most that is shown of what a check that holds found, in characters.
const MAX_FOUND: usize = 80;

/// Writes the lines of a trial.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    pub(super) paint: Paint,
    pub(super) extent: Extent,
}

impl Lines {
    /// A request, from its first hop to its captures; without its heading.
    pub(super) fn exchange(self, exchange: &Exchanged, mask: &Mask) -> Vec<String> {
        let mut out = Vec::new();
        for (number, hop) in exchange.hops.iter().enumerate() {
            let is_last = number + 1 == exchange.hops.len();
            if number > 0 {
                out.push(self.soft(&format!("* redirect {number}")));
            }
            self.request(hop, mask, &mut out);
            if let Some(response) = &hop.response {
                let body = exchange.body.as_ref().filter(|_| is_last);
                let body = body.cloned().unwrap_or_else(|| response.decoded());
                self.response(response, &body, mask, &mut out);
            }
            out.push(self.soft(&format!("* {}", times(hop, exchange, is_last))));
        }
        if exchange.resent > 0 {
            let text = "* sent once more, because the target had closed the connection";
            out.push(self.soft(text));
        }
        out.extend(exchange.checks.iter().map(|check| self.check(check, mask)));
        let captures = exchange.captures.iter();
        out.extend(captures.map(|capture| self.capture(capture, mask)));
        out.extend(self.failure(exchange, mask));
        out
    }

    fn request(self, hop: &TracedHop, mask: &Mask, out: &mut Vec<String>) {
        if let Some(phases) = hop.connection {
            let origin = hop
                .uri
                .authority()
                .map_or("", |authority| authority.as_str());
            let times = connecting(phases).join(" · ");
            out.push(self.soft(&format!("* connected to {origin}: {times}")));
        }
        let version = version(hop.version);
        let target = redact::target(&hop.uri, mask);
        out.push(self.sent(&format!("{} {target} {version}", hop.method)));
        for (name, value) in &hop.headers {
            let value = redact::header(name, value, mask);
            out.push(self.sent(&format!("{}: {value}", hop.name(name))));
        }
        if let Some((name, value)) = hop.length() {
            out.push(self.sent(&format!("{name}: {value}")));
        }
        out.push(self.sent(""));
        if let Some(text) = body::sent(hop) {
            out.extend(body::lines(&text, mask, self.extent));
        }
    }

    fn response(
        self,
        response: &TracedResponse,
        body: &bytes::Bytes,
        mask: &Mask,
        out: &mut Vec<String>,
    ) {
        let version = version(response.version);
        out.push(self.received(format!("{version} {}", response.status).trim_end()));
        for (name, value) in &response.headers {
            let value = redact::header(name, value, mask);
            out.push(self.received(&format!("{name}: {value}")));
        }
        out.push(self.received(""));
        if let Some(text) = body::received(body, &response.headers) {
            out.extend(body::lines(&text, mask, self.extent));
        }
        if response.finished.is_none() {
            out.push(self.soft("* the body is not complete"));
        }
    }

    fn check(self, check: &Checked, mask: &Mask) -> String {
        let expected = mask.exchange(&check.expected);
        match &check.found {
            Some(found) if check.holds => {
                let found = clipped(&clean(&mask.exchange(found)), MAX_FOUND);
                self.good(&expected, &format!(": found {found}"))
            }
            Some(found) => {
                let found = mask.exchange(found);
                self.bad(&format!("expected {expected}, found {found}"))
            }
            None => self.bad(&format!(
                "expected {expected}, but there is no complete response"
            )),
        }
    }

    fn capture(self, capture: &Captured, mask: &Mask) -> String {
        let hide = |value: &str| {
            if capture.is_secret {
                REDACTED.to_owned()
            } else {
                clean(&mask.exchange(value))
            }
        };
        let Captured { name, from, .. } = capture;
        let missing = |found: Option<&str>| match found {
            Some(found) => format!("nothing at {from}: found {}", mask.exchange(found)),
            None => "there is no complete response".to_owned(),
        };
        match &capture.result {
            CaptureResult::Value(value) => self.good(
                &format!("capture {name} = {}", hide(value)),
                &format!("  from {from}"),
            ),
            CaptureResult::Default { value, found } => {
                let value = value.as_deref().map_or_else(|| "no value".to_owned(), hide);
                let missing = clean(&missing(found.as_deref()));
                self.soft(&format!(
                    "- capture {name} has its default, {value}: {missing}"
                ))
            }
            CaptureResult::Missing(found) => self.bad(&format!(
                "capture {name} has no value: {}",
                missing(found.as_deref())
            )),
        }
    }

    /// The failure, unless a line of a check or a capture says it.
    fn failure(self, exchange: &Exchanged, mask: &Mask) -> Option<String> {
        let failure = exchange.failure.as_deref()?;
        let failure = mask.exchange(failure);
        match exchange.outcome {
            Outcome::Check | Outcome::Capture => None,
            Outcome::Status => {
                let response = exchange.hops.last().and_then(|hop| hop.response.as_ref());
                let status = response.map(|response| response.status.to_string());
                Some(self.bad(&format!(
                    "failed: status {} (if it is the good answer here, name it with `expect`)",
                    status.unwrap_or_default()
                )))
            }
            outcome => Some(self.bad(&format!("failed ({outcome}): {failure}"))),
        }
    }

    fn sent(self, text: &str) -> String {
        self.paint.with(Tone::Care, format!("> {text}").trim_end())
    }

    fn received(self, text: &str) -> String {
        self.paint.with(Tone::Plain, format!("< {text}").trim_end())
    }

    pub(super) fn soft(self, text: &str) -> String {
        self.paint.with(Tone::Soft, text)
    }

    /// A line about something good, with details.
    fn good(self, text: &str, details: &str) -> String {
        let mark = self.paint.with(Tone::Good, "✓");
        format!("{mark} {}{}", clean(text), self.soft(details))
    }

    /// A line about a failure.
    pub(super) fn bad(self, text: &str) -> String {
        self.paint.bold(Tone::Bad, &format!("✗ {}", clean(text)))
    }
}

/// `HTTP/1.1`
pub(super) fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

fn connecting(phases: ConnectPhases) -> Vec<String> {
    let mut times = Vec::new();
    if !phases.dns.is_zero() {
        times.push(format!("DNS {}", Micros::from(phases.dns)));
    }
    times.push(format!("connect {}", Micros::from(phases.connect)));
    if let Some(tls) = phases.tls {
        times.push(format!("TLS {}", Micros::from(tls)));
    }
    times
}

/// The times of a hop from its start, and of the exchange if there are several.
fn times(hop: &TracedHop, exchange: &Exchanged, is_last: bool) -> String {
    let since = |at: std::time::Instant| Micros::from(at.saturating_duration_since(hop.started));
    let response = hop.response.as_ref();
    let mut times = Vec::new();
    if let Some(first) = response.and_then(|response| response.first_byte) {
        times.push(format!("first byte {}", since(first)));
    }
    let end = response.and_then(|response| response.finished);
    let end = end.unwrap_or(exchange.started + exchange.took);
    times.push(format!("total {}", since(end)));
    if is_last && exchange.hops.len() > 1 {
        times.push(format!("with redirects {}", Micros::from(exchange.took)));
    }
    times.join(" · ")
}

impl TracedHop {
    /// A header's name as it is sent.
    pub(super) fn name<'a>(&'a self, name: &'a http::HeaderName) -> &'a str {
        let cased = self.header_case.as_ref().and_then(|case| {
            let mut names = case.0.iter();
            names.find(|cased| cased.eq_ignore_ascii_case(name.as_str()))
        });
        cased.map_or(name.as_str(), String::as_str)
    }

    /// The header that describes the length of the content, which the connection adds.
    pub(super) fn length(&self) -> Option<(&'static str, String)> {
        let has = |headers: &HeaderMap, name| headers.contains_key(name);
        if has(&self.headers, CONTENT_LENGTH) || has(&self.headers, TRANSFER_ENCODING) {
            return None;
        }
        match self.content.length() {
            Some(0) => None,
            Some(length) => Some(("content-length", length.to_string())),
            None => Some(("transfer-encoding", "chunked".to_owned())),
        }
    }
}
