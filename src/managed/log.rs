//! `target.log`: the output of a target's command, as the command writes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// The name of the file in the folder of a run.
pub const LOG_FILE: &str = "target.log";

/// Bytes of the output that an error shows.
const SHOWN: u64 = 4 * 1024;
/// Lines of the output that an error shows.
const LINES: usize = 20;

/// The file with the output. Gander does not limit or change it: a plain file needs no reader that could fall behind.
#[derive(Debug)]
pub struct TargetLog {
    path: PathBuf,
    file: File,
    /// The length of the file before the command started.
    start: u64,
}

impl TargetLog {
    /// Opens the file in this folder. What an earlier start wrote there stays, unless `replace` is set. Links are not
    /// followed.
    pub fn open(folder: &Path, replace: bool) -> io::Result<Self> {
        let path = folder.join(LOG_FILE);
        match path.symlink_metadata() {
            Ok(found) if !found.is_file() => {
                return Err(io::Error::other("it is a link or no regular file"));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).read(true).open(&path)?;
        if replace {
            file.set_len(0)?;
        }
        let start = file.metadata()?.len();
        Ok(Self { path, file, start })
    }

    /// The file itself, for the command.
    pub(super) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// The end of the output as a clause of an error; it says so if there was none.
    pub(super) fn end(&self) -> String {
        match self.read_end() {
            Ok(text) if text.trim().is_empty() => "; it wrote no output".to_owned(),
            Ok(text) => {
                let lines: Vec<&str> = text.trim_end().lines().collect();
                let shown = &lines[lines.len().saturating_sub(LINES)..];
                let shown = shown.join("\n  | ");
                format!(
                    "; the end of its output, from {}:\n  | {shown}",
                    self.path.display()
                )
            }
            Err(error) => format!(
                "; its output in {} cannot be read: {error}",
                self.path.display()
            ),
        }
    }

    fn read_end(&self) -> io::Result<String> {
        let mut file = &self.file;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(SHOWN).max(self.start);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(SHOWN).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        // An escape sequence must not change the reader's terminal.
        Ok(text
            .chars()
            .filter(|c| *c == '\n' || *c == '\t' || !c.is_control())
            .collect())
    }
}

impl Drop for TargetLog {
    fn drop(&mut self) {
        // A command without output leaves no file, so that a folder in which nothing ran is not kept for it.
        if self.file.metadata().is_ok_and(|file| file.len() == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
