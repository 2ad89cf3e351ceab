//! Files to which only complete blocks of lines are appended.

use std::fs::File;
use std::io::{self, Write};

/// A file to which blocks can be appended and that can be truncated.
pub(super) trait Storage: Write {
    /// Truncates to this many bytes; later writes continue there.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl Storage for File {
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// A file open for appending. If a block cannot be written completely, for example on a full disk, it is removed
/// again, so that earlier content stays readable and later writes do not continue a partial line.
#[derive(Debug)]
pub(super) struct Appender<S> {
    storage: S,
    length: u64,
    /// A partial line could not be removed, so nothing may be written after it.
    is_torn: bool,
}

impl<S: Storage> Appender<S> {
    /// Continues after the existing `length` bytes.
    pub(super) const fn new(storage: S, length: u64) -> Self {
        Self {
            storage,
            length,
            is_torn: false,
        }
    }

    /// Bytes in complete blocks.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Writes a block through to the operating system, or leaves the file unchanged.
    pub(super) fn append(&mut self, block: &[u8]) -> io::Result<()> {
        if self.is_torn {
            return Err(io::Error::other(
                "an earlier write failed and could not be undone",
            ));
        }
        match self.storage.write_all(block) {
            Ok(()) => {
                self.length += block.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.cut(self.length);
                Err(error)
            }
        }
    }

    /// Removes everything that was appended after `length`.
    pub(super) fn cut(&mut self, length: u64) {
        self.is_torn |= self.storage.truncate(length).is_err();
        self.length = length;
    }

    pub(super) const fn storage(&self) -> &S {
        &self.storage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with space for this many bytes.
    struct SmallDisk {
        bytes: Vec<u8>,
        room: usize,
        can_truncate: bool,
    }

    impl Write for SmallDisk {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            let fits = buffer.len().min(self.room - self.bytes.len());
            if fits == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.bytes.extend_from_slice(&buffer[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Storage for SmallDisk {
        fn truncate(&mut self, length: u64) -> io::Result<()> {
            if self.can_truncate {
                self.bytes.truncate(length as usize);
                Ok(())
            } else {
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    #[test]
    fn a_block_that_does_not_fit_leaves_no_trace() {
        for room in 0..12 {
            let disk = SmallDisk {
                bytes: Vec::new(),
                room,
                can_truncate: true,
            };
            let mut appender = Appender::new(disk, 0);
            let first = appender.append(b"first\n").is_ok();
            let second = appender.append(b"second\n").is_ok();
            assert_eq!((first, second), (room >= 6, false), "{room}");
            let expected: &[u8] = if first { b"first\n" } else { b"" };
            assert_eq!(appender.storage.bytes, expected, "{room}");
            // A smaller block may still fit after a failed one, such as the end of a run.
            let third = appender.append(b"3\n").is_ok();
            assert_eq!(third, room >= expected.len() + 2, "{room}");
        }
    }

    #[test]
    fn nothing_follows_a_torn_line_that_could_not_be_cut_off() {
        let disk = SmallDisk {
            bytes: Vec::new(),
            room: 8,
            can_truncate: false,
        };
        let mut appender = Appender::new(disk, 0);
        assert!(appender.append(b"first\n").is_ok());
        assert!(appender.append(b"second\n").is_err());
        appender.storage.room = 100;
        assert!(appender.append(b"third\n").is_err());
        assert_eq!(appender.storage.bytes, b"first\nse");
    }
}
