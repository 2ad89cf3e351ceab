//! Compresses complete text bodies for clients that accept it, with less effort under CPU load.
//!
//! Bodies that are streamed, already encoded, or of a compressed format are left alone. A body that the cache holds is
//! compressed once and the result remembered. A body that does not get smaller is sent as it is.

mod accept;
mod body;
mod effort;
mod pack;

use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, response};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::Body as _;
use prometheus::{Histogram, IntCounter};
use tokio::sync::Semaphore;

use self::accept::{Accepted, Encoding};
use self::effort::{Effort, Processor};
use self::pack::{Memo, pack};
use crate::metrics::Metrics;
use crate::settings::{Compression, Live};

/// Smaller bodies, in bytes, are sent uncompressed, because such a response fits into one packet with its head.
const LEAST: u64 = 1_400;
/// Larger bodies are compressed outside the threads that answer requests: from this size on it takes a millisecond.
const LARGE: usize = 64 * 1024;

/// The compressor and its metrics.
pub(crate) struct Packer {
    settings: Arc<Live>,
    processor: Processor,
    memo: Memo,
    /// One permit for large bodies per core.
    cores: Arc<Semaphore>,
    encodings: [EncodingMetrics; 2],
    skipped: [IntCounter; 7],
    remembered: IntCounter,
}

struct EncodingMetrics {
    bytes_in: IntCounter,
    bytes_out: IntCounter,
    seconds: Histogram,
}

/// The reason why a body was sent uncompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skipped {
    /// It is already encoded, a partial response, or must not be transformed.
    Encoded,
    /// Its format does not get smaller.
    Kind,
    Small,
    Streamed,
    /// The client does not accept an encoding that the mode allows.
    Unwanted,
    /// The CPU usage is very high.
    Busy,
    /// Compression made it no smaller.
    Larger,
}

impl Packer {
    pub(crate) fn new(settings: &Arc<Live>, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let bytes = metrics.counters(
            "folio_compression_bytes_total",
            "Bytes of compressed bodies, before (in) and after (out).",
            &["encoding", "side"],
        )?;
        let seconds = metrics.seconds(
            "folio_compression_seconds",
            "Time to compress one body.",
            &["encoding"],
        )?;
        let skipped = metrics.counters(
            "folio_compression_skipped_total",
            "Bodies sent uncompressed, by reason.",
            &["reason"],
        )?;
        let remembered = metrics.counters(
            "folio_compression_remembered_total",
            "Bodies whose compressed form was found in memory.",
            &[],
        )?;
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            settings: Arc::clone(settings),
            processor: Processor::new(),
            memo: Memo::new(),
            cores: Arc::new(Semaphore::new(cores)),
            encodings: Encoding::ALL.map(|encoding| EncodingMetrics {
                bytes_in: bytes.with_label_values(&[encoding.as_str(), "in"]),
                bytes_out: bytes.with_label_values(&[encoding.as_str(), "out"]),
                seconds: seconds.with_label_values(&[encoding.as_str()]),
            }),
            skipped: [
                "encoded", "kind", "small", "streamed", "unwanted", "busy", "larger",
            ]
            .map(|reason| skipped.with_label_values(&[reason])),
            remembered: remembered.with_label_values::<&str>(&[]),
        })
    }

    /// Prepares the response for a client that accepts `accepted`.
    async fn packed(
        &self,
        mode: Compression,
        accepted: Accepted,
        mut response: Response,
    ) -> Response {
        let vary = HeaderValue::from_static("accept-encoding");
        if response.status() == StatusCode::NOT_MODIFIED {
            // A 304 must carry the headers of the full response (RFC 9110, 15.4.5).
            response.headers_mut().append(header::VARY, vary);
            return response;
        }
        if let Some(reason) = unfit(&response) {
            return self.skip(reason, response);
        }
        // Also on an uncompressed response: a shared cache must not serve it to a client that accepts something else.
        response.headers_mut().append(header::VARY, vary);
        let Some(encoding) = accepted.choose(mode) else {
            return self.skip(Skipped::Unwanted, response);
        };
        let (head, body) = response.into_parts();
        let body = match body::whole(body) {
            Ok(body) => body,
            Err(body) => return self.skip(Skipped::Streamed, Response::from_parts(head, body)),
        };
        let effort = match mode {
            Compression::Auto => self.processor.effort(),
            Compression::Off | Compression::Gzip | Compression::Br => Effort::Full,
        };
        match self.pack(&body, encoding, effort).await {
            Ok(packed) => {
                let instruments = &self.encodings[encoding as usize];
                instruments.bytes_in.inc_by(body.len() as u64);
                instruments.bytes_out.inc_by(packed.len() as u64);
                with_packed(head, encoding, packed)
            }
            Err(reason) => self.skip(reason, Response::from_parts(head, Body::from(body))),
        }
    }

    async fn pack(
        &self,
        body: &Bytes,
        encoding: Encoding,
        effort: Effort,
    ) -> Result<Bytes, Skipped> {
        // A body without another owner will not be sent again.
        let is_kept = !body.is_unique();
        if is_kept && let Some(packed) = self.memo.get(body, encoding, effort).await {
            self.remembered.inc();
            return packed.ok_or(Skipped::Larger);
        }
        if effort == Effort::None {
            return Err(Skipped::Busy);
        }
        let began = Instant::now();
        let packed = if body.len() > LARGE {
            self.pack_apart(body.clone(), encoding, effort).await
        } else {
            pack(body, encoding, effort)
        };
        self.encodings[encoding as usize]
            .seconds
            .observe(began.elapsed().as_secs_f64());
        if is_kept {
            let memory = body.clone();
            self.memo
                .put(memory, encoding, effort, packed.clone())
                .await;
        }
        packed.ok_or(Skipped::Larger)
    }

    async fn pack_apart(&self, body: Bytes, encoding: Encoding, effort: Effort) -> Option<Bytes> {
        let core = Arc::clone(&self.cores).acquire_owned().await.ok()?;
        let work = tokio::task::spawn_blocking(move || {
            let _core = core;
            pack(&body, encoding, effort)
        });
        // Work that was lost with the runtime counts as not compressed.
        work.await.ok().flatten()
    }

    fn skip(&self, reason: Skipped, response: Response) -> Response {
        self.skipped[reason as usize].inc();
        response
    }
}

/// The middleware; see the module documentation. The answer to HEAD has the headers of GET, with the length of the
/// compressed body.
pub(crate) async fn compress(
    State(packer): State<Arc<Packer>>,
    request: Request,
    next: Next,
) -> Response {
    let mode = packer.settings.load().compression;
    if mode == Compression::Off {
        return next.run(request).await;
    }
    let accepted = Accepted::of(request.headers());
    let response = next.run(request).await;
    packer.packed(mode, accepted, response).await
}

/// The reason why the response is not compressed for any client, if there is one.
fn unfit(response: &Response) -> Option<Skipped> {
    let headers = response.headers();
    let no_transform = |value: &HeaderValue| {
        let value = value.as_bytes().to_ascii_lowercase();
        value.windows(12).any(|part| part == b"no-transform")
    };
    if headers.contains_key(header::CONTENT_ENCODING)
        || headers.contains_key(header::CONTENT_RANGE)
        || response.status() == StatusCode::SWITCHING_PROTOCOLS
        || headers
            .get_all(header::CACHE_CONTROL)
            .iter()
            .any(no_transform)
    {
        return Some(Skipped::Encoded);
    }
    match response.body().size_hint().exact() {
        None => return Some(Skipped::Streamed),
        Some(size) if size < LEAST => return Some(Skipped::Small),
        Some(_) => {}
    }
    (!is_text(headers)).then_some(Skipped::Kind)
}

/// Whether the content type is textual.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.map_or(&b""[..], HeaderValue::as_bytes);
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    let kind = kind.trim_ascii();
    let is = |name: &str| kind.eq_ignore_ascii_case(name.as_bytes());
    let starts = |name: &str| {
        kind.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    let ends = |name: &str| {
        kind.len()
            .checked_sub(name.len())
            .is_some_and(|at| kind[at..].eq_ignore_ascii_case(name.as_bytes()))
    };
    is("application/json")
        || starts("text/") && !is("text/event-stream")
        || is("application/javascript")
        || is("application/xml")
        || ends("+json")
        || ends("+xml")
}

fn with_packed(mut head: response::Parts, encoding: Encoding, packed: Bytes) -> Response {
    let headers = &mut head.headers;
    headers.insert(
        header::CONTENT_ENCODING,
        HeaderValue::from_static(encoding.as_str()),
    );
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::ACCEPT_RANGES);
    if let Some(tag) = headers.get_mut(header::ETAG)
        && tag.as_bytes().starts_with(b"\"")
    {
        // A strong tag promises identical bytes, which the compressed form does not have.
        let weak = [b"W/", tag.as_bytes()].concat();
        if let Ok(weak) = HeaderValue::from_bytes(&weak) {
            *tag = weak;
        }
    }
    Response::from_parts(head, Body::from(packed))
}

#[cfg(test)]
mod tests;
