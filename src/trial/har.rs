//! The exchanges of a trial as an HTTP archive (HAR 1.2), without secrets.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, LOCATION};
use serde_json::{Value, json};
use url::Url;

use super::{body, lines, redact};
use crate::engine::trial::event::{Event, Exchanged, Happening};
use crate::mask::Mask;
use crate::scenario::{Sources, Span};
use crate::transport::TracedHop;

/// The largest text of a body in the archive, in bytes.
const MAX_TEXT: usize = 1 << 20;

/// Collects exchanges. They are written with the last mask, so that a secret is also hidden where it came before it was
/// known to be one.
#[derive(Debug, Default)]
pub struct Har {
    entries: Vec<Entry>,
    mask: Arc<Mask>,
}

#[derive(Debug)]
struct Entry {
    at: Span,
    /// The calendar at `heard`.
    now: DateTime<Utc>,
    heard: Instant,
    exchange: Box<Exchanged>,
}

impl Har {
    /// Keeps the event if it is an exchange.
    pub fn take(&mut self, event: Event) {
        self.mask = event.mask;
        if let Happening::Exchange(exchange) = event.happening {
            self.entries.push(Entry {
                at: event.at,
                now: Utc::now(),
                heard: Instant::now(),
                exchange,
            });
        }
    }

    /// The archive.
    pub fn render(&self, sources: &Sources) -> Result<Vec<u8>, serde_json::Error> {
        let entries = self.entries.iter();
        let entries: Vec<Value> = entries
            .flat_map(|entry| self.entry(entry, sources))
            .collect();
        let archive = json!({ "log": {
            "version": "1.2",
            "creator": { "name": "gander", "version": env!("CARGO_PKG_VERSION") },
            "entries": entries,
        } });
        let mut bytes = serde_json::to_vec_pretty(&archive)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The entries of an exchange: one for each hop.
    fn entry(&self, entry: &Entry, sources: &Sources) -> Vec<Value> {
        let Entry { at, exchange, .. } = entry;
        let mask = &*self.mask;
        let last = exchange.hops.len().saturating_sub(1);
        let hops = exchange.hops.iter().enumerate();
        hops.map(|(number, hop)| {
            let ago = entry.heard.saturating_duration_since(hop.started);
            let started = entry.now - TimeDelta::from_std(ago).unwrap_or_default();
            let response = hop.response.as_ref();
            let end = response.and_then(|response| response.finished);
            let end = end.unwrap_or(exchange.started + exchange.took);
            let mut value = json!({
                "startedDateTime": started.to_rfc3339_opts(SecondsFormat::Micros, true),
                "time": milliseconds(end.saturating_duration_since(hop.started)),
                "request": request(hop, mask),
                "response": self.response(hop, exchange, number == last),
                "cache": {},
                "timings": timings(hop, end),
                "comment": comment(exchange, *at, sources),
            });
            if let Some(connection) = hop.connection
                && connection.tls.is_some()
            {
                value["_securityState"] = json!("secure");
            }
            value
        })
        .collect()
    }

    fn response(&self, hop: &TracedHop, exchange: &Exchanged, is_last: bool) -> Value {
        let mask = &*self.mask;
        let Some(response) = &hop.response else {
            // A request without a response has status 0, as in the archives of browsers.
            let failure = exchange.failure.as_deref().unwrap_or_default();
            return json!({
                "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
                "content": { "size": 0, "mimeType": "" }, "redirectURL": "",
                "headersSize": -1, "bodySize": -1,
                "_error": format!("{}: {}", exchange.outcome, mask.exchange(failure)),
            });
        };
        let body = exchange.body.as_ref().filter(|_| is_last);
        let body = body.cloned().unwrap_or_else(|| response.decoded());
        let mut content = json!({
            "size": body.len(),
            "mimeType": mime_type(&response.headers),
        });
        if let Some(text) = body::received(&body, &response.headers) {
            let (text, comment) = bounded(&text, mask);
            content["text"] = text.into();
            if let Some(comment) = comment {
                content["comment"] = comment.into();
            }
        }
        let location = response.headers.get(LOCATION);
        let location = location.map(|to| redact::header(&LOCATION, to, mask));
        json!({
            "status": response.status.as_u16(),
            "statusText": response.status.canonical_reason().unwrap_or_default(),
            "httpVersion": lines::version(response.version),
            "cookies": [],
            "headers": headers(&response.headers, mask),
            "content": content,
            "redirectURL": location.unwrap_or_default(),
            "headersSize": -1,
            "bodySize": response.body.len(),
        })
    }
}

fn request(hop: &TracedHop, mask: &Mask) -> Value {
    let url = redact::url(&hop.uri.to_string(), mask);
    let mut headers: Vec<Value> = hop
        .headers
        .iter()
        .map(|(name, value)| pair(hop.name(name), &redact::header(name, value, mask)))
        .collect();
    headers.extend(hop.length().map(|(name, value)| pair(name, &value)));
    let mut request = json!({
        "method": hop.method.as_str(),
        "url": url,
        "httpVersion": lines::version(hop.version),
        "cookies": [],
        "headers": headers,
        "queryString": query(&url),
        "headersSize": -1,
        "bodySize": hop.content.length().map_or(-1, |length| length as i64),
    });
    if let Some(text) = body::sent(hop) {
        let (text, comment) = bounded(&text, mask);
        request["postData"] = json!({ "mimeType": mime_type(&hop.headers), "text": text });
        if let Some(comment) = comment {
            request["postData"]["comment"] = comment.into();
        }
    }
    request
}

fn pair(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

fn headers(headers: &HeaderMap, mask: &Mask) -> Vec<Value> {
    let each = headers.iter();
    each.map(|(name, value)| pair(name.as_str(), &redact::header(name, value, mask)))
        .collect()
}

/// The pairs of the query of a URL.
fn query(url: &str) -> Vec<Value> {
    let Ok(url) = Url::parse(url) else {
        return Vec::new();
    };
    let pairs = url.query_pairs();
    pairs.map(|(name, value)| pair(&name, &value)).collect()
}

fn mime_type(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE);
    kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned())
        .unwrap_or_default()
}

/// A text without secrets, and a comment if it was cut off.
fn bounded(text: &str, mask: &Mask) -> (String, Option<String>) {
    let end = text.floor_char_boundary(MAX_TEXT);
    let comment = (end < text.len()).then(|| format!("the first {end} of {} bytes", text.len()));
    (mask.exchange(&text[..end]), comment)
}

/// The phases of a hop in milliseconds; −1 for one that did not take place. `connect` includes `ssl`, as the format says.
fn timings(hop: &TracedHop, end: Instant) -> Value {
    let phases = hop.connection;
    let connected = phases.map_or(Duration::ZERO, |phases| {
        phases.dns + phases.connect + phases.tls.unwrap_or_default()
    });
    let first = hop
        .response
        .as_ref()
        .and_then(|response| response.first_byte);
    let first = first.unwrap_or(end);
    let wait = first.saturating_duration_since(hop.started);
    let tls = phases.and_then(|phases| phases.tls);
    json!({
        "blocked": -1,
        "dns": phases.map_or(-1.0, |phases| milliseconds(phases.dns)),
        "connect": phases.map_or(-1.0, |phases| {
            milliseconds(phases.connect + phases.tls.unwrap_or_default())
        }),
        "ssl": tls.map_or(-1.0, milliseconds),
        "send": 0,
        "wait": milliseconds(wait.saturating_sub(connected)),
        "receive": milliseconds(end.saturating_duration_since(first)),
    })
}

fn milliseconds(length: Duration) -> f64 {
    length.as_micros() as f64 / 1e3
}

/// The step and its place: `list documents (shop.yaml:12)`.
fn comment(exchange: &Exchanged, at: Span, sources: &Sources) -> String {
    let file = sources.get(at.file).filter(|_| at.is_in_file());
    match file {
        Some(file) => format!("{} ({}:{})", exchange.step, name(&file.path), at.line),
        None => exchange.step.clone(),
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}
