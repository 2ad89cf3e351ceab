//! Decompresses bodies, up to a limit.
//!
//! A body is decompressed in one go once it is complete, so that there are at most as many decoders in memory as
//! threads, not as many as users.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use ruzstd::decoding::StreamingDecoder;

use super::memory::{MemoryBudget, Reservation, hold};
use crate::outcome::Outcome;
use crate::transport::failure::ExchangeFailure;
use crate::units::ByteSize;

/// Beyond 1 MiB, the output may be at most this many times as large as the input read so far. The ratio is checked
/// during decompression, so that a compression bomb is stopped at 1 MiB, not at a hundred times its size.
const MAX_RATIO: u64 = 100;

/// The size up to which any ratio is allowed.
const ANY_RATIO: u64 = 1 << 20;

/// The amounts of output and of input that take about a millisecond.
const BRIEF_OUTPUT: u64 = 128 << 10;
const BRIEF_INPUT: usize = 32 << 10;

/// The largest window of a zstd frame; RFC 8878 recommends that decoders support 8 MiB.
const ZSTD_WINDOW: u64 = 8 << 20;

/// The number of bytes that the brotli decoder reads at a time; small, because they count as input as soon as it reads
/// them.
const BROTLI_INPUT: usize = 4 << 10;

const CHUNK: usize = 16 << 10;

/// The first bytes of a gzip member (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The first bytes of a zstd frame (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The maximum size of a decompressed excerpt.
const EXCERPT: u64 = 2 << 10;

/// A content coding (RFC 9110, 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentCoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The work that decompression may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) enum Effort {
    /// About a millisecond.
    Brief,
    /// As much as the body needs.
    Whole,
}

/// The maximum number of codings of a body, applied one after the other.
const MAX_CODINGS: usize = 5;

/// The body without its content codings, at most `limit` bytes; `None` if that takes more effort than allowed.
///
/// # Errors
/// The bytes do not match the coding, or the body is too large.
pub(in crate::transport) fn inflate(
    headers: &HeaderMap,
    wire: Bytes,
    limit: u64,
    budget: &Arc<MemoryBudget>,
    effort: Effort,
) -> Result<Option<Bytes>, ExchangeFailure> {
    let mut body = wire;
    for coding in codings(headers)?.into_iter().rev() {
        // A response to HEAD, or a 304, may name a coding and has no body.
        if body.is_empty() {
            break;
        }
        if effort == Effort::Brief && body.len() > BRIEF_INPUT {
            return Ok(None);
        }
        match decode(coding, &body, limit, budget, effort)? {
            Some(inflated) => body = inflated,
            None => return Ok(None),
        }
    }
    Ok(Some(body))
}

fn decode(
    coding: ContentCoding,
    wire: &[u8],
    limit: u64,
    budget: &Arc<MemoryBudget>,
    effort: Effort,
) -> Result<Option<Bytes>, ExchangeFailure> {
    let consumed = Cell::new(0);
    let mut source = CompressedInput {
        left: wire,
        consumed: &consumed,
    };
    let mut output = BoundedOutput {
        out: Vec::new(),
        reservation: Reservation::new(budget),
        consumed: &consumed,
        limit,
        enough: match effort {
            Effort::Brief => BRIEF_OUTPUT,
            Effort::Whole => u64::MAX,
        },
        is_abandoned: false,
    };
    match coding {
        // Bytes after the last member are ignored, as browsers, curl and gzip ignore them.
        ContentCoding::Gzip => loop {
            output.fill(GzDecoder::new(&mut source))?;
            if output.is_abandoned || !source.left.starts_with(&GZIP_MAGIC) {
                break;
            }
        },
        ContentCoding::Deflate if has_zlib_header(wire) => output.fill(ZlibDecoder::new(source))?,
        ContentCoding::Deflate => output.fill(DeflateDecoder::new(source))?,
        ContentCoding::Brotli => {
            if has_large_window(wire) {
                return Err(ExchangeFailure::new(
                    Outcome::BodyLimit,
                    "the brotli body needs a window of more than 4 MiB (lgwin above 22)",
                ));
            }
            output.fill(Decompressor::new(source, BROTLI_INPUT))?;
        }
        ContentCoding::Zstd => loop {
            let frame = StreamingDecoder::new_with_max_window_size(&mut source, ZSTD_WINDOW)
                .map_err(|error| corrupt(&error))?;
            output.fill(frame)?;
            if output.is_abandoned || !source.left.starts_with(&ZSTD_MAGIC) {
                break;
            }
        },
    }
    if output.is_abandoned {
        return Ok(None);
    }
    Ok(Some(hold(output.out, Some(output.reservation))))
}

/// Whether a deflate stream has the zlib header that RFC 9110 requires (RFC 1950, 2.2); some servers omit it.
fn has_zlib_header(stream: &[u8]) -> bool {
    match stream {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

/// The beginning of a body, for quoting it: decompressed as far as possible, else as received.
pub(in crate::transport) fn excerpt(headers: &HeaderMap, wire: &Bytes) -> Bytes {
    let mut start = wire.clone();
    for coding in codings(headers).unwrap_or_default().into_iter().rev() {
        let inflated = decoded_start(coding, &start);
        if inflated.is_empty() {
            return wire.clone();
        }
        start = inflated.into();
    }
    start
}

/// The decompressed beginning of a stream.
fn decoded_start(coding: ContentCoding, stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut inflated = |source: &mut dyn Read| {
        // A truncated stream ends in an error; the bytes before it are kept.
        let _ = source.take(EXCERPT).read_to_end(&mut out);
    };
    match coding {
        ContentCoding::Gzip => inflated(&mut GzDecoder::new(stream)),
        ContentCoding::Deflate if has_zlib_header(stream) => {
            inflated(&mut ZlibDecoder::new(stream));
        }
        ContentCoding::Deflate => inflated(&mut DeflateDecoder::new(stream)),
        ContentCoding::Brotli if has_large_window(stream) => {}
        ContentCoding::Brotli => inflated(&mut Decompressor::new(stream, BROTLI_INPUT)),
        ContentCoding::Zstd => {
            if let Ok(mut frame) = StreamingDecoder::new_with_max_window_size(stream, ZSTD_WINDOW) {
                inflated(&mut frame);
            }
        }
    }
    out
}

/// True if a brotli stream needs a window of 8 or 16 MiB (RFC 7932, 9.1: WBITS 23 and 24). The decoder fills its window
/// before it returns the first byte, so a bomb of 200 bytes would take 30 MiB and 50 ms of a thread before its ratio
/// could be checked. Servers use 4 MiB at most; only larger files, compressed in advance, may use more.
fn has_large_window(stream: &[u8]) -> bool {
    stream
        .first()
        .is_some_and(|first| first & 1 == 1 && (first >> 1) & 0b111 >= 6)
}

/// The codings of a body in the order in which they were applied. Unknown names (`utf-8`, `none`) are ignored, as in
/// browsers.
fn codings(headers: &HeaderMap) -> Result<Vec<ContentCoding>, ExchangeFailure> {
    let mut found = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.as_bytes().split(|&b| b == b',') {
            let is = |known: &str| name.trim_ascii().eq_ignore_ascii_case(known.as_bytes());
            if is("gzip") || is("x-gzip") {
                found.push(ContentCoding::Gzip);
            } else if is("deflate") {
                found.push(ContentCoding::Deflate);
            } else if is("br") {
                found.push(ContentCoding::Brotli);
            } else if is("zstd") {
                found.push(ContentCoding::Zstd);
            }
        }
    }
    if found.len() > MAX_CODINGS {
        return Err(ExchangeFailure::new(
            Outcome::BadResponse,
            &format!(
                "content-encoding names {} codings; at most {MAX_CODINGS} are decoded",
                found.len()
            ),
        ));
    }
    Ok(found)
}

/// The compressed bytes that are left, and the number of bytes that the decoder has read.
struct CompressedInput<'a> {
    left: &'a [u8],
    consumed: &'a Cell<u64>,
}

impl Read for CompressedInput<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.left.read(buffer)?;
        self.consumed.set(self.consumed.get() + count as u64);
        Ok(count)
    }
}

impl BufRead for CompressedInput<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.left)
    }

    fn consume(&mut self, count: usize) {
        self.left.consume(count);
        self.consumed.set(self.consumed.get() + count as u64);
    }
}

/// Collects decompressed bytes up to the limits.
struct BoundedOutput<'a> {
    out: Vec<u8>,
    reservation: Reservation,
    consumed: &'a Cell<u64>,
    limit: u64,
    /// The size at which the work is abandoned.
    enough: u64,
    /// Whether the work was abandoned.
    is_abandoned: bool,
}

impl BoundedOutput<'_> {
    /// Reads the source to its end, or until `enough` bytes were read.
    fn fill(&mut self, mut source: impl Read) -> Result<(), ExchangeFailure> {
        let mut chunk = [0; CHUNK];
        loop {
            let count = match source.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(corrupt(&error)),
            };
            let size = (self.out.len() + count) as u64;
            if size > self.limit {
                return Err(too_large(&format!(
                    "more than {} (http.body_limit)",
                    ByteSize(self.limit)
                )));
            }
            if size > ANY_RATIO.max(self.consumed.get() * MAX_RATIO) {
                return Err(too_large(&format!(
                    "more than {} and more than {MAX_RATIO} times its size, like a compression bomb",
                    ByteSize(ANY_RATIO)
                )));
            }
            if size > self.enough {
                self.is_abandoned = true;
                return Ok(());
            }
            self.reservation.make_room(&mut self.out, count)?;
            self.out.extend_from_slice(&chunk[..count]);
        }
    }
}

fn too_large(found: &str) -> ExchangeFailure {
    ExchangeFailure::new(
        Outcome::BodyLimit,
        &format!("the body decompresses to {found}"),
    )
}

fn corrupt(error: &dyn std::error::Error) -> ExchangeFailure {
    ExchangeFailure::new(
        Outcome::BadResponse,
        &format!("the compressed body is corrupt: {error}"),
    )
}
