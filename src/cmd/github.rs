//! The job of GitHub Actions in which the command runs, as its environment describes it.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::terminal;

/// A job of GitHub Actions.
pub(super) struct GithubJob {
    /// The checked-out repository.
    workspace: Option<PathBuf>,
    /// The file whose Markdown the page of the job shows.
    step_summary: Option<PathBuf>,
}

impl GithubJob {
    /// The job in which this process runs, if it is one.
    pub(super) fn of_environment() -> Option<Self> {
        let path = |name| {
            let value = env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        (env::var("GITHUB_ACTIONS").as_deref() == Ok("true")).then(|| Self {
            workspace: path("GITHUB_WORKSPACE"),
            step_summary: path("GITHUB_STEP_SUMMARY"),
        })
    }

    /// A file's path in the repository; unchanged if the file is elsewhere or no longer exists.
    pub(super) fn path_of(&self, file: &str) -> String {
        let inside = self.workspace.as_ref().and_then(|workspace| {
            let (file, workspace) = (
                fs::canonicalize(file).ok()?,
                fs::canonicalize(workspace).ok()?,
            );
            let inside = file.strip_prefix(workspace).ok()?;
            Some(inside.display().to_string())
        });
        inside.unwrap_or_else(|| file.to_owned())
    }

    /// Appends Markdown to the summary of the job. The run is not affected if that is not possible.
    pub(super) fn add_summary(&self, markdown: &[u8]) {
        let Some(path) = &self.step_summary else {
            return;
        };
        if let Err(error) = append(path, markdown) {
            terminal::complain(&format!(
                "warning: cannot append to the summary of the job at {} (GITHUB_STEP_SUMMARY): {error}\n",
                path.display()
            ));
        }
    }
}

/// Adds a blank line at the end, so that a table of the next step begins a block of its own.
fn append(path: &Path, markdown: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(&[markdown, b"\n"].concat())
}
