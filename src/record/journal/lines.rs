//! Reads the complete lines of a file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::scan::Fault;
use super::{JournalError, JournalWarning};

/// The maximum length of a line, in bytes; Gander writes at most about 300 KiB.
const MAX_LINE: u64 = 16 << 20;

/// A file of lines.
pub(super) struct Lines {
    file: &'static str,
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    pub(super) fn open(dir: &Path, file: &'static str) -> Result<Self, JournalError> {
        let path = dir.join(file);
        let opened = File::open(&path).map_err(JournalError::io("open", &path))?;
        Ok(Self {
            file,
            reader: BufReader::new(opened),
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line, including its line break; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        self.line.clear();
        self.number += 1;
        let read = Read::take(&mut self.reader, MAX_LINE).read_until(b'\n', &mut self.line);
        read.map_err(|error| Fault::Io(self.file, error))?;
        let bytes = self.line.len() as u64;
        match self.line.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(&self.line)),
            Some(_) if bytes == MAX_LINE => {
                Err(self.corrupt("it is longer than any line that Gander writes"))
            }
            Some(_) => Err(Fault::Damage(JournalWarning::Torn {
                file: self.file,
                bytes,
            })),
        }
    }

    /// The last line's number, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The damage in the last line.
    pub(super) fn corrupt(&self, reason: impl Into<String>) -> Fault {
        corrupt(self.file, self.number, reason)
    }
}

/// The damage in a line.
pub(super) fn corrupt(file: &'static str, line: u64, reason: impl Into<String>) -> Fault {
    Fault::Damage(JournalWarning::Corrupt {
        file,
        line,
        reason: reason.into(),
    })
}
