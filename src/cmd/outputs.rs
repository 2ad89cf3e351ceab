//! The files a run leaves behind: their places are tried before the load, so that a bad path fails early, and taken
//! after it.

use std::fs::{self, File, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::exit::Exit;
use crate::record::journal::{EVENTS_FILE, HISTOGRAMS_FILE, Journal, RUN_FILE};
use crate::report::{self, JunitXml, Renderer, Report, SummaryJson};

use super::output_file::{Existing, OutputFile};
use super::places::Places;
use super::progress::Progress;
use super::{Failure, terminal};

/// The journal in a run's folder.
pub(super) fn journal_in(run: &Path) -> Result<Journal, Failure> {
    Journal::open(run)
        .with_context(|| format!("no run can be read from {}", run.display()))
        .map_err(Failure::Argument)
}

/// The files of a journal.
const JOURNAL_FILES: [&str; 3] = [RUN_FILE, HISTOGRAMS_FILE, EVENTS_FILE];

/// What the command line says about outputs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The files that the command reads, which no output may replace.
    pub(super) inputs: &'a [PathBuf],
    /// Where every output goes.
    pub(super) folder: &'a Path,
    /// What happens to outputs that are in the folder.
    pub(super) in_folder: Existing,
    /// `--json`
    pub(super) json: Option<&'a Path>,
    /// `--junit`
    pub(super) junit: Option<&'a Path>,
    /// `--hlog`
    pub(super) hlog: Option<&'a Path>,
    /// What happens to files at the places of these.
    pub(super) elsewhere: Existing,
    /// `--quiet`
    pub(super) quiet: bool,
}

impl Wanted<'_> {
    /// Refuses a place at which a file would be lost; `json` is one that is not stdout.
    fn check_places(&self, json: Option<&Path>) -> Result<(), Failure> {
        let options = [
            ("--json", json),
            ("--junit", self.junit),
            ("--hlog", self.hlog),
        ];
        let options: Vec<_> = options
            .into_iter()
            .filter_map(|(option, path)| Some((option, path?)))
            .collect();
        let outputs = report::renderers().into_iter().map(Renderer::file_name);
        let names: Vec<_> = outputs.chain(JOURNAL_FILES).collect();
        Places {
            inputs: self.inputs,
            folder: self.folder,
            names: &names,
            options: &options,
        }
        .check()
    }
}

/// Where the outputs go; every place can be written to.
pub(super) struct Outputs {
    folder: PathBuf,
    files: Vec<(&'static dyn Renderer, OutputFile)>,
    /// Copies elsewhere, by the name of the output.
    copies: Vec<(&'static str, OutputFile)>,
    summary: Summary,
    is_json_on_stdout: bool,
}

/// Whether a summary is printed, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summary {
    Stdout,
    Stderr,
    Silent,
}

impl Outputs {
    /// Makes the folder and tries every place. Nothing that is there is lost yet.
    pub(super) fn open(wanted: &Wanted<'_>) -> Result<Self, Failure> {
        let is_json_on_stdout = wanted.json == Some(Path::new("-"));
        let json = wanted.json.filter(|_| !is_json_on_stdout);
        wanted.check_places(json)?;
        let mut copies = Vec::new();
        for (name, path) in [
            (SummaryJson.file_name(), json),
            (JunitXml.file_name(), wanted.junit),
        ] {
            if let Some(path) = path {
                copies.push((name, OutputFile::open(path, wanted.elsewhere)?));
            }
        }
        fs::create_dir_all(wanted.folder)
            .with_context(|| {
                format!(
                    "cannot make the output folder {}: choose another with --out",
                    wanted.folder.display()
                )
            })
            .map_err(Failure::Argument)?;
        let mut files = Vec::new();
        for renderer in report::renderers() {
            let path = wanted.folder.join(renderer.file_name());
            files.push((renderer, OutputFile::open(&path, wanted.in_folder)?));
        }
        let summary = match (is_json_on_stdout, wanted.quiet) {
            (_, true) => Summary::Silent,
            (true, false) => Summary::Stderr,
            (false, false) => Summary::Stdout,
        };
        Ok(Self {
            folder: wanted.folder.to_owned(),
            files,
            copies,
            summary,
            is_json_on_stdout,
        })
    }

    /// The draft files beside the output files.
    pub(super) fn drafts(&self) -> Vec<PathBuf> {
        let files = self.files.iter().map(|(_, file)| file);
        let copies = self.copies.iter().map(|(_, file)| file);
        files
            .chain(copies)
            .filter_map(|file| file.draft().map(Path::to_owned))
            .collect()
    }

    /// Builds the report from the journal and writes every output.
    pub(super) fn write(mut self, journal: &Journal) -> Result<Exit, Failure> {
        let mut progress = Progress::begin(self.summary == Summary::Silent);
        let report = Report::build_watched(journal, |read, of| progress.at(read, of));
        drop(progress);
        let report = report.map_err(|error| Failure::Internal(error.into()))?;
        let (mut on_stdout, mut failed) = (None, None);
        let mut note = |written: Result<(), Failure>| {
            if let Err(failure) = written {
                failed.get_or_insert(failure);
            }
        };
        for (renderer, file) in self.files {
            let bytes = renderer
                .render(&report)
                .map_err(|error| Failure::Internal(error.into()))?;
            note(file.write(&bytes));
            let name = renderer.file_name();
            while let Some(at) = self.copies.iter().position(|(copied, _)| *copied == name) {
                note(self.copies.swap_remove(at).1.write(&bytes));
            }
            if self.is_json_on_stdout && name == SummaryJson.file_name() {
                on_stdout = Some(bytes);
            }
        }
        // Last, so that a reader who went away or a disk that is full there costs none of the files.
        if let Some(bytes) = on_stdout {
            note(terminal::say(&String::from_utf8_lossy(&bytes)));
        }
        let summary = |colour| {
            report::console::summary(&report, Some(&self.folder), terminal::width(), colour)
        };
        match self.summary {
            Summary::Stdout => note(terminal::say(&summary(terminal::colour_on_stdout()))),
            Summary::Stderr => terminal::complain(&summary(terminal::colour_on_stderr())),
            Summary::Silent => {}
        }
        let exit = report.verdict.exit;
        match failed {
            None => Ok(exit),
            Some(failure) => Err(Failure::Argument(anyhow!(
                "{failure}; the run itself ended with exit code {} ({exit}), and `gander report {} --out FOLDER` writes its \
                 outputs to another place",
                exit.code(),
                journal.dir().display()
            ))),
        }
    }
}

/// A folder that this process alone writes a run to, for as long as the value lives.
pub(super) struct Claim {
    folder: PathBuf,
    is_new: bool,
    _lock: Option<Lock>,
}

/// A folder that no other process writes to, for as long as the value lives.
pub(super) struct Lock(#[expect(dead_code, reason = "it is unlocked when it is closed")] File);

impl Lock {
    /// Locks a folder; none where the file system knows no locks.
    pub(super) fn of(folder: &Path) -> anyhow::Result<Option<Self>> {
        let shown = folder.display();
        let lock =
            File::open(folder).with_context(|| format!("cannot read the output folder {shown}"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self(lock))),
            Err(TryLockError::WouldBlock) => Err(anyhow!(
                "another run is writing to {shown}: wait until it has ended, or choose another folder with --out"
            )),
            Err(TryLockError::Error(_)) => Ok(None),
        }
    }
}

impl Claim {
    /// Makes the folder if need be and claims it. A run that is in it stays, unless it may be replaced.
    pub(super) fn of(folder: &Path, existing: Existing) -> Result<Self, Failure> {
        Self::try_of(folder, existing).map_err(Failure::Argument)
    }

    fn try_of(folder: &Path, existing: Existing) -> anyhow::Result<Self> {
        // Without a slash at the end, which would follow a link.
        let folder: PathBuf = folder.components().collect();
        let shown = folder.display();
        if folder.is_symlink() {
            return Err(anyhow!(
                "{shown} is a link, and links are not followed: name the folder itself with --out"
            ));
        }
        let is_new = !folder.exists();
        fs::create_dir_all(&folder).with_context(|| {
            format!("cannot make the output folder {shown}: choose another with --out")
        })?;
        let lock = Lock::of(&folder)?;
        let holds_run = journal_files(&folder).any(|path| path.symlink_metadata().is_ok());
        if holds_run && existing == Existing::Keep {
            return Err(anyhow!(
                "{shown} already holds a run: choose another folder with --out, or replace it with --overwrite"
            ));
        }
        Ok(Self {
            folder,
            is_new,
            _lock: lock,
        })
    }

    /// Removes the journal of the run before.
    pub(super) fn make_room(&self) -> Result<(), Failure> {
        for path in journal_files(&self.folder) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let context = format!("cannot replace {}", path.display());
                    return Err(Failure::Argument(anyhow!(error).context(context)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_new {
            // Only a folder in which nothing was written goes.
            fs::remove_dir(&self.folder).ok();
        }
    }
}

pub(super) fn journal_files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    JOURNAL_FILES.map(|name| folder.join(name)).into_iter()
}

/// Says in a `junit.xml` why there was no run, for the test views of CI systems: at the place of `--junit`, or in
/// a CI job in the folder of `--out`.
pub(super) fn write_refusal(
    junit: Option<&Path>,
    out: Option<&Path>,
    existing: Existing,
    scenario: &str,
    failure: (Exit, &str),
) {
    let is_ci = std::env::var("CI").is_ok_and(|value| !matches!(&*value, "" | "false" | "0"));
    let place = match (junit, out) {
        (Some(place), _) => place.to_owned(),
        (None, Some(folder)) if is_ci => {
            if fs::create_dir_all(folder).is_err() {
                return;
            }
            folder.join(JunitXml.file_name())
        }
        _ => return,
    };
    // What is there may be another run's and stays without --overwrite; what is something else was named by mistake.
    if place.is_file() && !is_junit(&place) {
        return;
    }
    // The words are on stderr too.
    if let Ok(file) = OutputFile::open(&place, existing) {
        let (exit, words) = failure;
        file.write(&report::refusal(scenario, exit, words)).ok();
    }
}

fn is_junit(path: &Path) -> bool {
    let mut start = String::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_string(&mut start));
    read.is_ok() && (start.is_empty() || start.contains("<testsuite"))
}
