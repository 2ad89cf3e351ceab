//! Files: the scenario itself and the files that it names.
//!
//! A scenario may come from someone else. Therefore every file that it names must be a regular file below the root
//! folder: no absolute path, no `..` or link that leads out of the root, no device or pipe that never ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::{FileId, Span};
use crate::units::ByteSize;

/// The maximum size of a scenario file, in bytes.
const MAX_SCENARIO: u64 = 1 << 20;
/// The maximum size of a text that an expression inserts, or of a script, in bytes.
const MAX_TEXT: u64 = 1 << 20;
/// The maximum size of a document such as a schema, in bytes.
const MAX_DOCUMENT: u64 = 16 << 20;
/// The maximum size of a certificate file, in bytes.
const MAX_CERTIFICATES: u64 = 4 << 20;
/// The maximum size of a file with a secret, in bytes.
const MAX_SECRET: u64 = 64 << 10;
/// A folder that contains one of these is the root of the files that a scenario may name.
const ROOT_MARKS: [&str; 2] = [".git", "gander.toml"];

/// The reason why a file cannot be used, and the remedy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

fn refuse(message: impl Into<String>) -> Refusal {
    Refusal {
        message: message.into(),
        hint: None,
    }
}

impl Refusal {
    fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads the scenario's text, without a byte-order mark.
pub(crate) fn read_scenario(path: &Path) -> Result<String, Refusal> {
    let bytes = read_regular(path, MAX_SCENARIO)?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(
            refuse("this file is UTF-16, but a scenario is UTF-8").with_hint("save it as UTF-8")
        );
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let at = error.valid_up_to();
            let line = bytes[..at].split(|byte| *byte == b'\n').count();
            Err(refuse(format!(
                "this file is not UTF-8: line {line} contains the byte 0x{:02x}",
                bytes[at]
            ))
            .with_hint("save it as UTF-8"))
        }
    }
}

/// The root folder: every file that a scenario names must be below it.
pub(crate) fn root_of(scenario: &Path) -> PathBuf {
    let folder = folder_of(scenario);
    let folder = fs::canonicalize(&folder).unwrap_or(folder);
    folder
        .ancestors()
        .find(|ancestor| ROOT_MARKS.iter().any(|mark| ancestor.join(mark).exists()))
        .unwrap_or(&folder)
        .to_owned()
}

fn folder_of(scenario: &Path) -> PathBuf {
    match scenario.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Finds the files that a scenario names.
#[derive(Clone)]
pub(crate) struct Files {
    /// The folder of each file of the scenario; names in a file are relative to it.
    folders: RefCell<BTreeMap<FileId, PathBuf>>,
    root: PathBuf,
    /// The files found so far.
    found: Rc<RefCell<Vec<PathBuf>>>,
}

impl Files {
    pub(crate) fn new(scenario: &Path, root: Option<&Path>) -> Self {
        Self {
            folders: RefCell::new(BTreeMap::from([(FileId::default(), folder_of(scenario))])),
            root: root.map_or_else(|| root_of(scenario), Path::to_owned),
            found: Rc::default(),
        }
    }

    /// Names in the file with this number are relative to the folder of `path`.
    pub(crate) fn place(&self, file: FileId, path: &Path) {
        self.folders.borrow_mut().insert(file, folder_of(path));
    }

    /// The path of a file for messages: relative as the file at this place names it.
    pub(crate) fn shown(&self, named: &str, at: Span) -> PathBuf {
        self.folder_at(at).join(named)
    }

    /// The folder of the file with this place; of the scenario for a place on the command line.
    fn folder_at(&self, at: Span) -> PathBuf {
        let folders = self.folders.borrow();
        let folder = folders
            .get(&at.file)
            .or_else(|| folders.get(&FileId::default()));
        folder.cloned().unwrap_or_default()
    }

    /// The canonical path of a regular file below the root; the name stands at this place.
    pub(crate) fn find(&self, named: &str, at: Span) -> Result<PathBuf, Refusal> {
        let path = Path::new(named);
        if path
            .components()
            .any(|part| matches!(part, Component::Prefix(_) | Component::RootDir))
        {
            return Err(refuse(format!("`{named}` is an absolute path"))
                .with_hint("name files relative to the file that names them"));
        }
        let full = self.folder_at(at).join(path);
        let found = fs::canonicalize(&full).map_err(|error| {
            refuse(format!(
                "cannot find `{}`: {}",
                full.display(),
                reason(&error)
            ))
            .with_hint("files are named relative to the file that names them")
        })?;
        let root = fs::canonicalize(&self.root).map_err(|error| {
            refuse(format!(
                "cannot use `{}` as the root: {}",
                self.root.display(),
                reason(&error)
            ))
        })?;
        if !found.starts_with(&root) {
            return Err(refuse(format!(
                "`{named}` is outside the root folder `{}`",
                root.display()
            ))
            .with_hint("move it below the root, or allow more with --root"));
        }
        check_regular(&found)?;
        let mut known = self.found.borrow_mut();
        if !known.contains(&found) {
            known.push(found.clone());
        }
        Ok(found)
    }

    /// The canonical path of a folder in which a command runs. It may be outside the root: the root limits what is
    /// read as data, and a command can read any file.
    pub(crate) fn folder(&self, named: &str, at: Span) -> Result<PathBuf, Refusal> {
        let full = self.folder_at(at).join(named);
        match fs::canonicalize(&full) {
            Ok(found) if found.is_dir() => Ok(found),
            Ok(found) => Err(refuse(format!("`{}` is not a folder", found.display()))),
            Err(error) => Err(refuse(format!(
                "cannot find the folder `{}`: {}",
                full.display(),
                reason(&error)
            ))
            .with_hint("folders are named relative to the scenario file")),
        }
    }

    /// The canonical paths of the files that were found.
    pub(crate) fn into_found(self) -> Vec<PathBuf> {
        self.found.take()
    }

    /// Reads a text file, without a byte-order mark.
    pub(crate) fn read_text(&self, named: &str, at: Span) -> Result<(PathBuf, String), Refusal> {
        let path = self.find(named, at)?;
        let bytes = read_regular(&path, MAX_TEXT)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok((path, text.to_owned())),
            Err(_) => Err(refuse(format!("`{named}` is not UTF-8")).with_hint("save it as UTF-8")),
        }
    }

    /// Reads a document that the scenario needs, such as a JSON Schema.
    pub(crate) fn read_document(&self, named: &str, at: Span) -> Result<Vec<u8>, Refusal> {
        read_regular(&self.find(named, at)?, MAX_DOCUMENT)
    }

    /// The canonical path of a file that requests send, its length, and the SHA-256 of its bytes in hex. It is never
    /// in memory as a whole.
    pub(crate) fn upload(&self, named: &str, at: Span) -> Result<(PathBuf, u64, String), Refusal> {
        let path = self.find(named, at)?;
        let unreadable = |error: io::Error| {
            refuse(format!(
                "cannot read `{}`: {}",
                path.display(),
                reason(&error)
            ))
        };
        let mut file = File::open(&path).map_err(unreadable)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        let mut length = 0;
        loop {
            match file.read(&mut buffer).map_err(unreadable)? {
                0 => break,
                read => {
                    digest.update(&buffer[..read]);
                    length += read as u64;
                }
            }
        }
        Ok((path, length, hex(&digest.finalize())))
    }

    /// The canonical folder of the file with this place.
    pub(crate) fn own_folder(&self, at: Span) -> PathBuf {
        let folder = self.folder_at(at);
        fs::canonicalize(&folder).unwrap_or(folder)
    }

    /// Reads a file with a secret, without the line breaks at its end. No message shows a part of it.
    pub(crate) fn read_secret(&self, named: &str, at: Span) -> Result<String, Refusal> {
        let found = self.find(named, at)?;
        let bytes = read_regular(&found, MAX_SECRET).map_err(|refusal| Refusal {
            hint: None,
            ..refusal
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(_) => Err(refuse(format!("`{named}` is not UTF-8"))
                .with_hint("a secret is a text; encode other bytes, such as in base64")),
        }
    }

    /// Reads a file with certificates.
    pub(crate) fn read_certificates(&self, named: &str, at: Span) -> Result<Vec<u8>, Refusal> {
        read_regular(&self.find(named, at)?, MAX_CERTIFICATES)
    }
}

fn check_regular(path: &Path) -> Result<(), Refusal> {
    // Checked before opening, because opening a pipe blocks until its other end is open.
    let kind = fs::metadata(path)
        .map_err(|error| {
            refuse(format!(
                "cannot read `{}`: {}",
                path.display(),
                reason(&error)
            ))
        })?
        .file_type();
    if kind.is_dir() {
        return Err(refuse(format!("`{}` is a folder", path.display())));
    }
    if !kind.is_file() {
        return Err(refuse(format!(
            "`{}` is not a regular file but a pipe, a socket or a device",
            path.display()
        )));
    }
    Ok(())
}

fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, Refusal> {
    check_regular(path)?;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            refuse(format!(
                "cannot read `{}`: {}",
                path.display(),
                reason(&error)
            ))
        })?;
    if bytes.len() as u64 > limit {
        return Err(refuse(format!(
            "`{}` is larger than {}",
            path.display(),
            ByteSize(limit)
        ))
        .with_hint("rows of test input belong in a file under `data:`"));
    }
    Ok(bytes)
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The operating system's reason, without its error number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_owned()
        }
    }
}
