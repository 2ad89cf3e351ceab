//! Compressed bodies, inflated under a cap.
//!
//! A body is inflated in one go once it is whole, so that the decoder's memory is held by as many bodies as there are
//! threads and not by as many as there are users.

use std::io::{self, Read};
use std::sync::Arc;

use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use ruzstd::decoding::StreamingDecoder;

use super::body::{Allowance, Claim, FREE, hold};
use super::classify::Failure;
use crate::outcome::Outcome;
use crate::units::ByteSize;

/// A body beyond 1 MiB may be at most this many times as large as it was on the wire.
const MAX_RATIO: u64 = 100;

/// The largest window a zstd frame may ask for; RFC 8878 recommends decoders to support 8 MiB.
const ZSTD_WINDOW: u64 = 8 << 20;

const CHUNK: usize = 16 << 10;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The body as its sender meant it: inflated if `content-encoding` says so, at most `limit` bytes.
///
/// # Errors
/// An encoding that is unknown or stacked, bytes that are not what the encoding says, or too many of them.
pub(super) fn inflate(
    headers: &HeaderMap,
    wire: Bytes,
    limit: u64,
    allowance: &Arc<Allowance>,
) -> Result<Bytes, Failure> {
    let Some(encoding) = encoding(headers)? else {
        return Ok(wire);
    };
    // A response to HEAD, or a 304, names an encoding and has no body.
    if wire.is_empty() {
        return Ok(wire);
    }
    let cap = limit.min(FREE.max(wire.len() as u64 * MAX_RATIO));
    let mut claim = Claim::new(allowance);
    let mut source: &[u8] = &wire;
    let mut out = Vec::new();
    let mut sink = Sink {
        out: &mut out,
        claim: &mut claim,
        cap,
    };
    match encoding {
        Encoding::Gzip => sink.fill(MultiGzDecoder::new(source)),
        Encoding::Deflate => sink.fill(ZlibDecoder::new(source)),
        Encoding::Brotli => sink.fill(Decompressor::new(source, CHUNK)),
        Encoding::Zstd => loop {
            let frame = StreamingDecoder::new_with_max_window_size(&mut source, ZSTD_WINDOW)
                .map_err(|error| corrupt(&error));
            if let Err(failure) = frame.and_then(|frame| sink.fill(frame)) {
                break Err(failure);
            }
            if source.is_empty() {
                break Ok(());
            }
        },
    }?;
    Ok(hold(out, Some(claim)))
}

/// The one encoding a body has, if it has one.
fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Failure> {
    let refuse = |found: &str| {
        Err(Failure::new(
            Outcome::BadResponse,
            &format!("content-encoding is {found}; expected one of gzip, deflate, br, zstd"),
        ))
    };
    let mut found = None;
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.as_bytes().split(|&b| b == b',') {
            let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
            let encoding = match name.as_str() {
                "gzip" | "x-gzip" => Encoding::Gzip,
                "deflate" => Encoding::Deflate,
                "br" => Encoding::Brotli,
                "zstd" => Encoding::Zstd,
                "identity" | "" => continue,
                _ => return refuse(&format!("{name:?}")),
            };
            if found.replace(encoding).is_some() {
                return refuse("stacked");
            }
        }
    }
    Ok(found)
}

/// Where inflated bytes go, until there are too many.
struct Sink<'a> {
    out: &'a mut Vec<u8>,
    claim: &'a mut Claim,
    cap: u64,
}

impl Sink<'_> {
    fn fill(&mut self, mut source: impl Read) -> Result<(), Failure> {
        let mut chunk = [0; CHUNK];
        loop {
            let count = match source.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(corrupt(&error)),
            };
            let size = (self.out.len() + count) as u64;
            if size > self.cap {
                return Err(Failure::new(
                    Outcome::BodyLimit,
                    &format!(
                        "the body inflates to more than {}, its cap (http.body_limit, and {MAX_RATIO} times its size on the wire)",
                        ByteSize(self.cap)
                    ),
                ));
            }
            self.claim.cover(size)?;
            self.out.extend_from_slice(&chunk[..count]);
        }
    }
}

fn corrupt(error: &dyn std::error::Error) -> Failure {
    Failure::new(
        Outcome::BadResponse,
        &format!("the compressed body is corrupt: {error}"),
    )
}
