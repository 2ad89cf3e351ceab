//! Compressed bodies, inflated under a cap.
//!
//! A body is inflated in one go once it is whole, so that the decoder's memory is held by as many bodies as there are
//! threads and not by as many as there are users.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use ruzstd::decoding::StreamingDecoder;

use super::body::{Allowance, Claim, hold};
use super::classify::Failure;
use crate::outcome::Outcome;
use crate::units::ByteSize;

/// Beyond 1 MiB, what came out may be at most this many times as large as what went in for it. It is held as the body
/// is inflated, so that a bomb ends at 1 MiB and not at a hundred times its size.
const MAX_RATIO: u64 = 100;

/// How large a body may be whatever its ratio.
const ANY_RATIO: u64 = 1 << 20;

/// How much is inflated, from how much, in about a millisecond.
const BRIEF_OUTPUT: u64 = 128 << 10;
const BRIEF_INPUT: usize = 32 << 10;

/// The largest window a zstd frame may ask for; RFC 8878 recommends decoders to support 8 MiB.
const ZSTD_WINDOW: u64 = 8 << 20;

/// How many bytes the brotli decoder is given at a time; small, since they count as taken when it gets them.
const BROTLI_INPUT: usize = 4 << 10;

const CHUNK: usize = 16 << 10;

/// How a member of a gzip stream begins (RFC 1952, 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How a frame of a zstd stream begins (RFC 8878, 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How much of a body that is quoted comes out of it.
const QUOTED: u64 = 2 << 10;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// What takes about a millisecond.
    Brief,
    /// All of it.
    Whole,
}

/// The most encodings that are undone, one after the other.
const MAX_ENCODINGS: usize = 5;

/// The body as its sender meant it: inflated if `content-encoding` says so, at most `limit` bytes. Nothing if that takes
/// more effort than allowed.
///
/// # Errors
/// Bytes that are not what the encoding says, or too many of them.
pub(super) fn inflate(
    headers: &HeaderMap,
    wire: Bytes,
    limit: u64,
    allowance: &Arc<Allowance>,
    effort: Effort,
) -> Result<Option<Bytes>, Failure> {
    let mut body = wire;
    for encoding in encodings(headers)?.into_iter().rev() {
        // A response to HEAD, or a 304, names an encoding and has no body.
        if body.is_empty() {
            break;
        }
        if effort == Effort::Brief && body.len() > BRIEF_INPUT {
            return Ok(None);
        }
        match undo(encoding, &body, limit, allowance, effort)? {
            Some(inflated) => body = inflated,
            None => return Ok(None),
        }
    }
    Ok(Some(body))
}

fn undo(
    encoding: Encoding,
    wire: &[u8],
    limit: u64,
    allowance: &Arc<Allowance>,
    effort: Effort,
) -> Result<Option<Bytes>, Failure> {
    let taken = Cell::new(0);
    let mut source = Source {
        left: wire,
        taken: &taken,
    };
    let mut sink = Sink {
        out: Vec::new(),
        claim: Claim::new(allowance),
        taken: &taken,
        limit,
        enough: match effort {
            Effort::Brief => BRIEF_OUTPUT,
            Effort::Whole => u64::MAX,
        },
        is_cut: false,
    };
    match encoding {
        // Whatever stands after the last member is ignored, as by browsers, curl and gzip itself.
        Encoding::Gzip => loop {
            sink.fill(GzDecoder::new(&mut source))?;
            if sink.is_cut || !source.left.starts_with(&GZIP_MAGIC) {
                break;
            }
        },
        Encoding::Deflate if has_zlib_header(wire) => sink.fill(ZlibDecoder::new(source))?,
        Encoding::Deflate => sink.fill(DeflateDecoder::new(source))?,
        Encoding::Brotli => {
            if has_large_window(wire) {
                return Err(Failure::new(
                    Outcome::BodyLimit,
                    "the brotli body asks for a window of more than 4 MiB (lgwin above 22)",
                ));
            }
            sink.fill(Decompressor::new(source, BROTLI_INPUT))?;
        }
        Encoding::Zstd => loop {
            let frame = StreamingDecoder::new_with_max_window_size(&mut source, ZSTD_WINDOW)
                .map_err(|error| corrupt(&error))?;
            sink.fill(frame)?;
            if sink.is_cut || !source.left.starts_with(&ZSTD_MAGIC) {
                break;
            }
        },
    }
    if sink.is_cut {
        return Ok(None);
    }
    Ok(Some(hold(sink.out, Some(sink.claim))))
}

/// Whether a deflate stream is wrapped as RFC 9110 asks (RFC 1950, 2.2); some servers send it bare.
fn has_zlib_header(stream: &[u8]) -> bool {
    match stream {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

/// How a body begins, for quoting it: what comes out of as much of it as there is, and what came off the wire where
/// nothing does.
pub(super) fn start_of(headers: &HeaderMap, wire: &Bytes) -> Bytes {
    let mut start = wire.clone();
    for encoding in encodings(headers).unwrap_or_default().into_iter().rev() {
        let inflated = start_undone(encoding, &start);
        if inflated.is_empty() {
            return wire.clone();
        }
        start = inflated.into();
    }
    start
}

/// What comes out of the beginning of a stream.
fn start_undone(encoding: Encoding, stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut inflated = |source: &mut dyn Read| {
        // Cut off, it ends in an error; what came before that is there.
        let _ = source.take(QUOTED).read_to_end(&mut out);
    };
    match encoding {
        Encoding::Gzip => inflated(&mut GzDecoder::new(stream)),
        Encoding::Deflate if has_zlib_header(stream) => inflated(&mut ZlibDecoder::new(stream)),
        Encoding::Deflate => inflated(&mut DeflateDecoder::new(stream)),
        Encoding::Brotli if has_large_window(stream) => {}
        Encoding::Brotli => inflated(&mut Decompressor::new(stream, BROTLI_INPUT)),
        Encoding::Zstd => {
            if let Ok(mut frame) = StreamingDecoder::new_with_max_window_size(stream, ZSTD_WINDOW) {
                inflated(&mut frame);
            }
        }
    }
    out
}

/// Whether a brotli stream asks for a window of 8 or 16 MiB (RFC 7932, 9.1: WBITS 23 and 24). The decoder fills its
/// window before it gives the first byte, so a bomb of 200 bytes would take 30 MiB and 50 ms of a thread before its ratio
/// could be held against it. Servers use 4 MiB at most; only files beyond that, compressed beforehand, may have more.
fn has_large_window(stream: &[u8]) -> bool {
    stream
        .first()
        .is_some_and(|first| first & 1 == 1 && (first >> 1) & 0b111 >= 6)
}

/// The encodings of a body in the order in which they were applied. A name that is none (`utf-8`, `none`) is ignored, as
/// browsers ignore it: the body is taken as it is.
fn encodings(headers: &HeaderMap) -> Result<Vec<Encoding>, Failure> {
    let mut found = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.as_bytes().split(|&b| b == b',') {
            let is = |known: &str| name.trim_ascii().eq_ignore_ascii_case(known.as_bytes());
            if is("gzip") || is("x-gzip") {
                found.push(Encoding::Gzip);
            } else if is("deflate") {
                found.push(Encoding::Deflate);
            } else if is("br") {
                found.push(Encoding::Brotli);
            } else if is("zstd") {
                found.push(Encoding::Zstd);
            }
        }
    }
    if found.len() > MAX_ENCODINGS {
        return Err(Failure::new(
            Outcome::BadResponse,
            &format!(
                "content-encoding names {} encodings; at most {MAX_ENCODINGS} are undone",
                found.len()
            ),
        ));
    }
    Ok(found)
}

/// The compressed bytes, and how many of them were taken.
struct Source<'a> {
    left: &'a [u8],
    taken: &'a Cell<u64>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.left.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.left)
    }

    fn consume(&mut self, count: usize) {
        self.left.consume(count);
        self.taken.set(self.taken.get() + count as u64);
    }
}

/// Where inflated bytes go, until there are too many.
struct Sink<'a> {
    out: Vec<u8>,
    claim: Claim,
    taken: &'a Cell<u64>,
    limit: u64,
    /// How large the body may become before it is left for later.
    enough: u64,
    /// Whether it was left.
    is_cut: bool,
}

impl Sink<'_> {
    /// Takes in all that comes, unless that is more than enough.
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
            if size > self.limit {
                return Err(too_large(&format!(
                    "more than {} (http.body_limit)",
                    ByteSize(self.limit)
                )));
            }
            if size > ANY_RATIO.max(self.taken.get() * MAX_RATIO) {
                return Err(too_large(&format!(
                    "more than {} and {MAX_RATIO} times its size, as compression bombs do",
                    ByteSize(ANY_RATIO)
                )));
            }
            if size > self.enough {
                self.is_cut = true;
                return Ok(());
            }
            self.claim.make_room(&mut self.out, count)?;
            self.out.extend_from_slice(&chunk[..count]);
        }
    }
}

fn too_large(found: &str) -> Failure {
    Failure::new(Outcome::BodyLimit, &format!("the body inflates to {found}"))
}

fn corrupt(error: &dyn std::error::Error) -> Failure {
    Failure::new(
        Outcome::BadResponse,
        &format!("the compressed body is corrupt: {error}"),
    )
}
