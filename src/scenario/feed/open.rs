//! Opens what a feeder reads: a file, perhaps compressed, or standard input; and limits it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::FeedFault;
use super::fault::{ANY_RATIO, MAX_RATIO, MAX_SIZE};
use crate::format::words::RowFormat;

/// The size of the buffers of a reader, in bytes.
const BUFFER: usize = 256 << 10;

/// The bytes of a feeder.
pub(super) struct Bytes {
    /// Without a byte order mark. An error may be a [`FeedFault`].
    pub(super) reader: Box<dyn BufRead>,
    /// Their number; 0 if it is unknown.
    pub(super) size: usize,
}

/// The format that a name implies, and whether the file is compressed.
pub(super) fn format_of(path: &Path) -> (Option<RowFormat>, bool) {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let (name, is_compressed) = match name.strip_suffix(".gz") {
        Some(name) => (name.to_owned(), true),
        None => (name, false),
    };
    let format = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv") => Some(RowFormat::Csv),
        Some("tsv" | "tab") => Some(RowFormat::Tsv),
        Some("json") => Some(RowFormat::Json),
        Some("jsonl" | "ndjson") => Some(RowFormat::Jsonl),
        _ => None,
    };
    (format, is_compressed)
}

/// The bytes of a file.
pub(super) fn file(path: &Path, is_compressed: bool) -> Result<Bytes, FeedFault> {
    // Checked before opening, because opening a pipe blocks until its other end is open.
    let found = path.metadata().map_err(FeedFault::Unreadable)?;
    if !found.is_file() {
        return Err(FeedFault::NotAFile);
    }
    if found.len() > MAX_SIZE.0 {
        return Err(FeedFault::TooLarge);
    }
    let file = File::open(path).map_err(FeedFault::Unreadable)?;
    if !is_compressed {
        let bytes = limited(file, MAX_SIZE.0, || FeedFault::TooLarge)?;
        return Ok(Bytes {
            size: found.len() as usize,
            ..bytes
        });
    }
    let inflated = MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file));
    let by_ratio = ANY_RATIO.0.max(found.len().saturating_mul(MAX_RATIO));
    if by_ratio < MAX_SIZE.0 {
        limited(inflated, by_ratio, || FeedFault::Bomb)
    } else {
        limited(inflated, MAX_SIZE.0, || FeedFault::TooLarge)
    }
}

/// The bytes of standard input.
pub(super) fn input() -> Result<Bytes, FeedFault> {
    if io::stdin().is_terminal() {
        return Err(FeedFault::IsATerminal);
    }
    limited(io::stdin(), MAX_SIZE.0, || FeedFault::TooLarge)
}

fn limited(
    inner: impl Read + 'static,
    most: u64,
    beyond: fn() -> FeedFault,
) -> Result<Bytes, FeedFault> {
    let limited = Limited {
        inner,
        left: most,
        beyond,
    };
    let mut bytes = BufReader::with_capacity(BUFFER, limited);
    let mark = bytes.fill_buf().map_err(FeedFault::of)?;
    if mark.starts_with(b"\xef\xbb\xbf") {
        bytes.consume(3);
    }
    Ok(Bytes {
        reader: Box::new(bytes),
        size: 0,
    })
}

/// A reader that fails beyond a number of bytes.
struct Limited<R> {
    inner: R,
    left: u64,
    beyond: fn() -> FeedFault,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::from((self.beyond)()))?;
        Ok(count)
    }
}
