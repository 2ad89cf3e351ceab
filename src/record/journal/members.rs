//! Reads and writes the members of a gzip file; the checksum of a member is verified before its content is used.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::scan::Fault;
use super::{HISTOGRAMS_FILE, JournalError, JournalWarning};

/// The maximum size of a member; one second of 50 series at 100 requests/s takes about 15 KB.
const MAX_MEMBER: u64 = 64 << 20;

/// Appends these parts as one member, each compressed separately: numbers of the same kind compress best alone.
pub(super) fn write<'p>(
    parts: impl Iterator<Item = &'p [u8]>,
    packed: &mut Vec<u8>,
) -> io::Result<()> {
    // Distances between bins do not repeat, so a more thorough search finds nothing.
    let mut encoder = GzEncoder::new(packed, Compression::fast());
    let mut is_first = true;
    for part in parts {
        if !is_first {
            io::Write::flush(&mut encoder)?;
        }
        is_first = false;
        io::Write::write_all(&mut encoder, part)?;
    }
    encoder.finish().map(|_| ())
}

/// The file with the series of intervals.
pub(super) struct Members {
    reader: BufReader<File>,
    member: Vec<u8>,
}

impl Members {
    pub(super) fn open(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(HISTOGRAMS_FILE);
        let file = File::open(&path).map_err(JournalError::io("open", &path))?;
        Ok(Self {
            reader: BufReader::with_capacity(1 << 16, file),
            member: Vec::new(),
        })
    }

    /// The next member; `None` at the end of the file. `interval` is the expected interval.
    pub(super) fn next(&mut self, interval: u64) -> Result<Option<&[u8]>, Fault> {
        let corrupt =
            |reason: String| Fault::Damage(JournalWarning::SeriesCorrupt { interval, reason });
        self.member.clear();
        match self.read() {
            Ok(false) => Ok(None),
            Ok(true) if self.member.len() as u64 > MAX_MEMBER => Err(corrupt(
                "they are longer than any that Gander writes".to_owned(),
            )),
            Ok(true) => Ok(Some(&self.member)),
            // The compressed data ends too early or is damaged.
            Err(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => Err(Fault::Damage(JournalWarning::Torn {
                    file: HISTOGRAMS_FILE,
                    bytes: self.member.len() as u64,
                })),
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                    Err(corrupt(error.to_string()))
                }
                _ => Err(Fault::Io(HISTOGRAMS_FILE, error)),
            },
        }
    }

    fn read(&mut self) -> io::Result<bool> {
        if self.reader.fill_buf()?.is_empty() {
            return Ok(false);
        }
        GzDecoder::new(&mut self.reader)
            .take(MAX_MEMBER + 1)
            .read_to_end(&mut self.member)?;
        Ok(true)
    }
}
