//! One output file. A command checks the path before the run and writes the file after it in one atomic step, so that
//! a half-written file never exists.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::CommandError;

/// The treatment of an existing file at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// The existing file is kept and the command fails.
    Keep,
    /// The existing file is replaced.
    Replace,
}

impl Existing {
    /// As `--overwrite` says.
    pub(super) const fn replaced_if(overwrite: bool) -> Self {
        if overwrite { Self::Replace } else { Self::Keep }
    }
}

/// A path that can be written to.
pub(super) struct OutputFile {
    path: PathBuf,
    existing: Existing,
    /// The draft next to it, or the device itself.
    file: File,
    /// `None` for a device.
    draft: Option<PathBuf>,
}

impl OutputFile {
    /// Checks the path without following links or opening pipes. An existing file stays, unless it may be replaced.
    pub(super) fn open(path: &Path, existing: Existing) -> Result<Self, CommandError> {
        Self::try_open(path, existing)
            .with_context(|| format!("cannot write {}", path.display()))
            .map_err(CommandError::Argument)
    }

    fn try_open(path: &Path, existing: Existing) -> anyhow::Result<Self> {
        if is_device(path, existing)? {
            return Ok(Self {
                path: path.to_owned(),
                existing,
                file: OpenOptions::new().write(true).open(path)?,
                draft: None,
            });
        }
        let name = path.file_name().context("expected the name of a file")?;
        let mut draft_name = std::ffi::OsString::from(".");
        draft_name.push(name);
        draft_name.push(format!(".{}", std::process::id()));
        let draft = path.with_file_name(draft_name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&draft)
            .context("choose another place")?;
        Ok(Self {
            path: path.to_owned(),
            existing,
            file,
            draft: Some(draft),
        })
    }

    /// The draft file next to the path, until it is renamed.
    pub(super) fn draft(&self) -> Option<&Path> {
        self.draft.as_deref()
    }

    /// Writes these bytes to the path.
    pub(super) fn write(self, bytes: &[u8]) -> Result<(), CommandError> {
        self.write_with(|file| file.write_all(bytes))
    }

    /// Writes a file to the path piece by piece.
    pub(super) fn write_with(
        mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), CommandError> {
        self.try_write(write)
            .with_context(|| format!("cannot write {}", self.path.display()))
            .map_err(CommandError::Argument)
    }

    fn try_write(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut file = BufWriter::new(&self.file);
        write(&mut file)?;
        file.flush()?;
        let Some(draft) = &self.draft else {
            return Ok(());
        };
        if self.existing == Existing::Keep {
            // A hard link fails if the path exists; some file systems have no hard links.
            match fs::hard_link(draft, &self.path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) => return Ok(()),
                Err(_) => {}
            }
        }
        fs::rename(draft, &self.path)?;
        self.draft = None;
        Ok(())
    }
}

/// Whether the path is a device such as `/dev/null`. An error if it is a link, a folder or a pipe, or a file that must
/// stay.
pub(super) fn is_device(path: &Path, existing: Existing) -> anyhow::Result<bool> {
    let kind = match path.symlink_metadata() {
        Ok(found) => Some(found.file_type()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(anyhow!(error).context("choose another place")),
    };
    let refusal = match kind {
        Some(kind) if kind.is_symlink() => {
            Some("it is a link, and links are not followed; name the file itself")
        }
        Some(kind) if kind.is_char_device() => return Ok(true),
        Some(kind) if kind.is_dir() => Some("it is a folder; name a file"),
        Some(kind) if !kind.is_file() => {
            Some("it is a pipe, a socket or a device; name a file, or use - for stdout")
        }
        Some(_) if existing == Existing::Keep => {
            Some("it already exists; choose another path, or replace it with --overwrite")
        }
        Some(_) | None => None,
    };
    refusal.map_or(Ok(false), |refusal| Err(anyhow!(refusal)))
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(draft) = &self.draft {
            // A draft that remains does no harm.
            fs::remove_file(draft).ok();
        }
    }
}
