//! The files a run leaves behind: opened before the load, so that a bad path fails early, and written after it.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::exit::Exit;
use crate::record::journal::Journal;
use crate::report::{self, Renderer, Report, SummaryJson};

use super::{Failure, terminal};

/// The journal in a run's folder.
pub(super) fn journal_in(run: &Path) -> Result<Journal, Failure> {
    Journal::open(run)
        .with_context(|| format!("no run can be read from {}", run.display()))
        .map_err(Failure::Argument)
}

/// Where the outputs go; every file is open for writing.
pub(super) struct Outputs {
    folder: PathBuf,
    files: Vec<(&'static dyn Renderer, File)>,
    summary: Summary,
    extra_json: Option<ExtraJson>,
}

/// Whether a summary is printed, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summary {
    Stdout,
    Stderr,
    Silent,
}

/// `--json`
enum ExtraJson {
    Stdout,
    File(PathBuf, File),
}

impl Outputs {
    /// Opens the file of `--json`, makes the folder and opens every file in it. Nothing that is there is lost yet.
    pub(super) fn open(folder: &Path, json: Option<&Path>, quiet: bool) -> Result<Self, Failure> {
        let extra_json = match json {
            None => None,
            Some(path) if path == Path::new("-") => Some(ExtraJson::Stdout),
            Some(path) => Some(ExtraJson::File(path.to_owned(), open_for_writing(path)?)),
        };
        fs::create_dir_all(folder)
            .with_context(|| {
                format!(
                    "cannot make the output folder {}: choose another with --out",
                    folder.display()
                )
            })
            .map_err(Failure::Argument)?;
        let mut files = Vec::new();
        for renderer in report::renderers() {
            let file = open_for_writing(&folder.join(renderer.file_name()))?;
            files.push((renderer, file));
        }
        let summary = match (&extra_json, quiet) {
            (_, true) => Summary::Silent,
            (Some(ExtraJson::Stdout), false) => Summary::Stderr,
            _ => Summary::Stdout,
        };
        Ok(Self {
            folder: folder.to_owned(),
            files,
            summary,
            extra_json,
        })
    }

    /// Builds the report from the journal and writes every output.
    pub(super) fn write(self, journal: &Journal) -> Result<Exit, Failure> {
        let report = Report::build(journal).map_err(|error| Failure::Internal(error.into()))?;
        for (renderer, file) in &self.files {
            let bytes = renderer
                .render(&report)
                .map_err(|error| Failure::Internal(error.into()))?;
            overwrite(file, &bytes, &self.folder.join(renderer.file_name()))?;
            if renderer.file_name() == SummaryJson.file_name() {
                match &self.extra_json {
                    None => {}
                    Some(ExtraJson::Stdout) => terminal::say(&String::from_utf8_lossy(&bytes)),
                    Some(ExtraJson::File(path, extra)) => overwrite(extra, &bytes, path)?,
                }
            }
        }
        let summary = |colour| {
            report::console::summary(&report, Some(&self.folder), terminal::width(), colour)
        };
        match self.summary {
            Summary::Stdout => terminal::say(&summary(terminal::colour_on_stdout())),
            Summary::Stderr => terminal::complain(&summary(terminal::colour_on_stderr())),
            Summary::Silent => {}
        }
        Ok(report.verdict.exit)
    }
}

fn open_for_writing(path: &Path) -> Result<File, Failure> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot write {}: choose another place", path.display()))
        .map_err(Failure::Argument)
}

/// Replaces a file's content, whatever was there.
fn overwrite(mut file: &File, bytes: &[u8], path: &Path) -> Result<(), Failure> {
    let mut write = || {
        file.rewind()?;
        file.write_all(bytes)?;
        // A device such as /dev/null has no length to set.
        if file.metadata()?.is_file() {
            file.set_len(bytes.len() as u64)
        } else {
            Ok(())
        }
    };
    write()
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Failure::Internal)
}
