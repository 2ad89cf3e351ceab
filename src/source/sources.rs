//! The texts of a scenario's files, by number, so that a position can name its file.

use std::path::{Path, PathBuf};

/// The number of a file in [`Sources`]; the default is the scenario file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    /// The scenario file.
    pub const SCENARIO: Self = Self(0);
}

/// A file and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path, as given.
    pub path: PathBuf,
    /// Its text; empty if it could not be read.
    pub text: String,
}

/// The files of a scenario; the first is the scenario file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources(Vec<SourceFile>);

impl Sources {
    /// The scenario file alone.
    pub fn of(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let mut sources = Self(Vec::new());
        sources.add(path, text);
        sources
    }

    /// Adds a file and returns its number.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> FileId {
        let id = FileId(self.0.len() as u32);
        self.0.push(SourceFile {
            path: path.into(),
            text: text.into(),
        });
        id
    }

    /// A file; `None` if it was not added.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.0.get(id.0 as usize)
    }

    /// All files, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.0.iter()
    }

    /// The path of the scenario file.
    pub fn path(&self) -> &Path {
        &self.0[0].path
    }
}
