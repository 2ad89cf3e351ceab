//! A folder with a run that is to be published.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::record::journal::RUN_FILE;
use crate::report::site::{environment_of, is_folder_name};
use crate::source::hex;

use super::CommandError;
use super::outputs::{journal_files, journal_in};

/// The part of `run.json` that is needed to know a run.
#[derive(Deserialize)]
struct Identity {
    run_id: String,
    scenario: String,
    started_at: String,
    overrides: Vec<String>,
}

/// A folder of a run.
pub(super) struct FoundRun {
    pub(super) folder: PathBuf,
    pub(super) run_id: String,
    pub(super) scenario: String,
    /// RFC 3339, UTC.
    pub(super) started_at: String,
    pub(super) environment: Option<String>,
    /// SHA-256 of its journal.
    pub(super) sha256: String,
}

impl FoundRun {
    pub(super) fn of(folder: &Path) -> Result<Self, CommandError> {
        // A run in progress would be published as interrupted, and could not be published again at its end.
        let lock = File::open(folder)
            .with_context(|| format!("cannot read {}", folder.display()))
            .map_err(CommandError::Argument)?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock_shared() {
            return Err(CommandError::Argument(anyhow!(
                "the run in {} has not ended: publish it when it has",
                folder.display()
            )));
        }
        let mut digest = Sha256::new();
        for path in journal_files(folder) {
            match fs::read(&path) {
                Ok(bytes) => digest.update(Sha256::digest(bytes)),
                // It names the file that is missing.
                Err(_) => {
                    journal_in(folder)?;
                }
            }
        }
        let header = fs::read_to_string(folder.join(RUN_FILE)).unwrap_or_default();
        let Ok(identity) = serde_json::from_str::<Identity>(&header) else {
            let journal = journal_in(folder)?;
            return Err(CommandError::Argument(anyhow!(
                "{} changed while it was read: publish it again",
                journal.dir().display()
            )));
        };
        let run_id = identity.run_id;
        if !is_folder_name(&run_id) {
            return Err(CommandError::Argument(anyhow!(
                "{} has the run id {run_id:?}, which is no name of a folder: expected letters, digits, dots, dashes and \
                 underscores",
                folder.join(RUN_FILE).display()
            )));
        }
        Ok(Self {
            folder: folder.to_owned(),
            run_id,
            scenario: identity.scenario,
            started_at: identity.started_at,
            environment: environment_of(&identity.overrides).map(str::to_owned),
            sha256: hex(&digest.finalize()),
        })
    }

    /// The scenario and the environment, which identify the trend of the run.
    pub(super) fn trend(&self) -> (&str, Option<&str>) {
        (&self.scenario, self.environment.as_deref())
    }

    /// Its start and its id: the order of the runs of a trend.
    pub(super) fn start(&self) -> (&str, &str) {
        (&self.started_at, &self.run_id)
    }

    /// Its report or its summary, if the run has written the file itself.
    pub(super) fn own_file(&self, name: &str) -> Option<Vec<u8>> {
        own_file(&self.folder.join(name), &self.run_id)
    }
}

/// A file that the run has written itself; `None` if there is none, or one of an earlier run in the same folder.
fn own_file(path: &Path, run_id: &str) -> Option<Vec<u8>> {
    let text = fs::read_to_string(path).ok()?;
    let own = [
        format!("from the journal of run <code>{run_id}</code>"),
        format!("\n  \"run_id\": \"{run_id}\",\n"),
    ];
    own.iter()
        .any(|mark| text.contains(mark))
        .then(|| text.into_bytes())
}
