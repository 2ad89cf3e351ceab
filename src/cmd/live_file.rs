//! A file that is written while a run goes. Its path is checked before the load; an earlier file stays until the first
//! line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::CommandError;
use super::output_file::{Existing, is_device};
use super::outputs::is_stdout;

/// An open file, or stdout.
pub(super) struct LiveFile {
    file: Target,
    /// True once something was written.
    is_begun: bool,
    /// The path, if the file is new: it is removed if nothing is written.
    new: Option<PathBuf>,
}

enum Target {
    Stdout(io::Stdout),
    Device(File),
    File(File),
}

impl LiveFile {
    /// Checks the path and opens the file; `-` is stdout.
    pub(super) fn open(path: &Path, existing: Existing) -> Result<Self, CommandError> {
        if is_stdout(path) {
            return Ok(Self {
                file: Target::Stdout(io::stdout()),
                is_begun: false,
                new: None,
            });
        }
        Self::try_open(path, existing)
            .with_context(|| format!("cannot write {}", path.display()))
            .map_err(CommandError::Argument)
    }

    fn try_open(path: &Path, existing: Existing) -> anyhow::Result<Self> {
        let is_device = is_device(path, existing)?;
        let is_new = !path.exists();
        let mut options = OpenOptions::new();
        options.write(true);
        if is_new {
            options.create_new(true);
        }
        let file = options.open(path).context("choose another place")?;
        Ok(Self {
            file: if is_device {
                Target::Device(file)
            } else {
                Target::File(file)
            },
            is_begun: false,
            new: is_new.then(|| path.to_owned()),
        })
    }
}

impl Write for LiveFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        match &mut self.file {
            Target::Stdout(stdout) => stdout.write(bytes),
            Target::Device(file) => file.write(bytes),
            Target::File(file) => {
                if is_first {
                    file.set_len(0)?;
                }
                file.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Target::Stdout(stdout) => stdout.flush(),
            Target::Device(file) | Target::File(file) => file.flush(),
        }
    }
}

impl Drop for LiveFile {
    fn drop(&mut self) {
        if let (false, Some(path)) = (self.is_begun, &self.new) {
            // An empty file that remains does no harm.
            fs::remove_file(path).ok();
        }
    }
}
