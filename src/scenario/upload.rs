//! Files that requests send.

use std::path::PathBuf;

/// A file that a request sends: its path, and what it was when the scenario was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadFile {
    /// The canonical path.
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}
