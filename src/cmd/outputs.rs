//! The files that a run writes. Their paths are checked before the load, so that a bad path fails early.

use std::fs::{self, File, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::cli::OutputArgs;
use crate::exit::Exit;
use crate::managed::LOG_FILE;
use crate::record::journal::{EVENTS_FILE, HISTOGRAMS_FILE, Journal, RUN_FILE};
use crate::report::suite::RunFigures;
use crate::report::{
    self, BenchmarkBigger, BenchmarkSmaller, GitlabMetrics, JunitXml, Renderer, Report,
    SummaryJson, SummaryMarkdown,
};

use super::github::GithubJob;
use super::output_file::{Existing, OutputFile};
use super::places::Places;
use super::progress::Progress;
use super::{CommandError, terminal};

/// The journal in a run's folder.
pub(super) fn journal_in(run: &Path) -> Result<Journal, CommandError> {
    Journal::open(run)
        .with_context(|| format!("no run can be read from {}", run.display()))
        .map_err(CommandError::Argument)
}

/// The files of a journal.
const JOURNAL_FILES: [&str; 3] = [RUN_FILE, HISTOGRAMS_FILE, EVENTS_FILE];

/// The output options of the command line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Files that the command reads; no output may replace them.
    pub(super) inputs: &'a [PathBuf],
    /// The folder for every output.
    pub(super) folder: &'a Path,
    /// The treatment of existing outputs in the folder.
    pub(super) in_folder: Existing,
    /// The options that name a file of their own.
    pub(super) besides: &'a OutputArgs,
    /// `--hlog`
    pub(super) hlog: Option<&'a Path>,
    /// The treatment of existing files at these paths.
    pub(super) elsewhere: Existing,
    /// What is printed at the end.
    pub(super) telling: Telling,
    /// The name under which the figures of the run are returned, if they are wanted.
    pub(super) figures_as: Option<&'a str>,
}

/// What is printed about a run that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// The summary, and annotations in a CI job.
    Summary,
    /// Annotations in a CI job, and nothing else.
    Annotations,
    /// Nothing: the caller tells about several runs together.
    Nothing,
}

impl Telling {
    /// As `--quiet` says.
    pub(super) const fn summary_unless(quiet: bool) -> Self {
        if quiet {
            Self::Annotations
        } else {
            Self::Summary
        }
    }
}

/// The result of a run whose outputs are written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) exit: Exit,
    /// The reason of the verdict.
    pub(super) reason: String,
    /// The verdict and the main figures in one line.
    pub(super) line: String,
    /// The main figures, if they were wanted.
    pub(super) figures: Option<Box<RunFigures>>,
}

impl<'a> Wanted<'a> {
    /// True if `summary.json` goes to stdout.
    fn is_json_on_stdout(&self) -> bool {
        self.besides.json.as_deref().is_some_and(is_stdout)
    }

    /// The option that writes to stdout, if one does; two cannot.
    fn on_stdout(&self) -> Result<Option<&'static str>, CommandError> {
        let texts = self.besides.texts.wanted();
        let mut options = texts
            .filter(|(_, path)| is_stdout(path))
            .map(|(format, _)| format.option())
            .chain(self.is_json_on_stdout().then_some("--json"));
        let first = options.next();
        match (first, options.next()) {
            (Some(one), Some(other)) => Err(CommandError::Argument(anyhow!(
                "{one} and {other} both write to standard output: give one of them a file"
            ))),
            _ => Ok(first),
        }
    }

    /// The files at paths of their own, each with its option.
    fn besides(&self) -> Vec<(&'static str, &'static dyn Renderer, &'a Path)> {
        let args = self.besides;
        let json = args.json.as_ref().filter(|_| !self.is_json_on_stdout());
        let all: [(_, &'static dyn Renderer, _); 6] = [
            ("--json", &SummaryJson, json),
            ("--junit", &JunitXml, args.junit.as_ref()),
            (
                "--summary-markdown",
                &SummaryMarkdown,
                args.summary_markdown.as_ref(),
            ),
            (
                "--gitlab-metrics",
                &GitlabMetrics,
                args.gitlab_metrics.as_ref(),
            ),
            (
                "--benchmark-smaller",
                &BenchmarkSmaller,
                args.benchmark_smaller.as_ref(),
            ),
            (
                "--benchmark-bigger",
                &BenchmarkBigger,
                args.benchmark_bigger.as_ref(),
            ),
        ];
        all.into_iter()
            .filter_map(|(option, renderer, path)| Some((option, renderer, path?.as_path())))
            .collect()
    }

    /// The files of text, each with its option.
    fn texts(&self) -> impl Iterator<Item = (&'static str, &'a Path)> {
        let texts = self.besides.texts.wanted();
        texts
            .filter(|(_, path)| !is_stdout(path))
            .map(|(format, path)| (format.option(), path))
    }

    /// Refuses a path at which a file would be lost.
    fn check_places(&self) -> Result<(), CommandError> {
        let besides = self.besides().into_iter();
        let options: Vec<_> = besides
            .map(|(option, _, path)| (option, path))
            .chain(self.hlog.map(|path| ("--hlog", path)))
            .chain(self.texts())
            .collect();
        let outputs = report::renderers().into_iter().map(Renderer::file_name);
        let names: Vec<_> = outputs.chain(JOURNAL_FILES).chain([LOG_FILE]).collect();
        Places {
            inputs: self.inputs,
            folder: self.folder,
            names: &names,
            options: &options,
        }
        .check()
    }
}

/// True if this path stands for stdout.
pub(super) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// The output paths; each of them can be written to.
pub(super) struct Outputs {
    folder: PathBuf,
    files: Vec<(&'static dyn Renderer, OutputFile)>,
    summary: SummaryStream,
    is_json_on_stdout: bool,
    /// True if an output goes to stdout, where then nothing else is printed.
    is_stdout_taken: bool,
    github: Option<GithubJob>,
    figures_as: Option<String>,
}

/// The stream for the printed summary, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SummaryStream {
    Stdout,
    Stderr,
    Silent,
}

impl Outputs {
    /// Creates the folder and checks every path. No existing file changes yet.
    pub(super) fn open(wanted: &Wanted<'_>) -> Result<Self, CommandError> {
        wanted.check_places()?;
        let is_stdout_taken = wanted.on_stdout()?.is_some();
        let mut besides = Vec::new();
        for (_, renderer, path) in wanted.besides() {
            besides.push((renderer, OutputFile::open(path, wanted.elsewhere)?));
        }
        fs::create_dir_all(wanted.folder)
            .with_context(|| {
                format!(
                    "cannot create the output folder {}: choose another with --out",
                    wanted.folder.display()
                )
            })
            .map_err(CommandError::Argument)?;
        let mut files: Vec<(&'static dyn Renderer, OutputFile)> = Vec::new();
        for renderer in report::renderers() {
            let path = wanted.folder.join(renderer.file_name());
            files.push((renderer, OutputFile::open(&path, wanted.in_folder)?));
        }
        files.append(&mut besides);
        let summary = match (wanted.telling, is_stdout_taken) {
            (Telling::Annotations | Telling::Nothing, _) => SummaryStream::Silent,
            (Telling::Summary, true) => SummaryStream::Stderr,
            (Telling::Summary, false) => SummaryStream::Stdout,
        };
        Ok(Self {
            folder: wanted.folder.to_owned(),
            files,
            summary,
            is_json_on_stdout: wanted.is_json_on_stdout(),
            is_stdout_taken,
            github: match wanted.telling {
                Telling::Summary | Telling::Annotations => GithubJob::of_environment(),
                Telling::Nothing => None,
            },
            figures_as: wanted.figures_as.map(str::to_owned),
        })
    }

    /// The draft files next to the output files.
    pub(super) fn drafts(&self) -> Vec<PathBuf> {
        let files = self.files.iter();
        files
            .filter_map(|(_, file)| file.draft().map(Path::to_owned))
            .collect()
    }

    /// Builds the report from the journal and writes every output.
    pub(super) fn write(self, journal: &Journal) -> Result<Written, CommandError> {
        let mut progress = Progress::begin(self.summary == SummaryStream::Silent);
        let report = Report::build_watched(journal, |read, of| progress.at(read, of));
        drop(progress);
        let report = report.map_err(|error| CommandError::Internal(error.into()))?;
        let mut failed = None;
        let mut note = |written: Result<(), CommandError>| {
            if let Err(failure) = written {
                failed.get_or_insert(failure);
            }
        };
        for (renderer, file) in self.files {
            note(file.write(&rendered(renderer, &report)?));
        }
        // Written last: if the reader of stdout has gone, or its disk is full, no output file is lost.
        if self.is_json_on_stdout {
            let bytes = rendered(&SummaryJson, &report)?;
            note(terminal::say(&String::from_utf8_lossy(&bytes)));
        }
        let summary = |colour| {
            report::console::summary(&report, Some(&self.folder), terminal::width(), colour)
        };
        match self.summary {
            SummaryStream::Stdout => note(terminal::say(&summary(terminal::colour_on_stdout()))),
            SummaryStream::Stderr => terminal::complain(&summary(terminal::colour_on_stderr())),
            SummaryStream::Silent => {}
        }
        if let Some(job) = &self.github {
            let scenario = job.path_of(&report.header.scenario_path);
            let annotations = report::annotations(&report, &scenario);
            if self.is_stdout_taken {
                terminal::complain(&annotations);
            } else {
                note(terminal::say(&annotations));
            }
            job.add_summary(&rendered(&SummaryMarkdown, &report)?);
        }
        let exit = report.verdict.exit;
        match failed {
            None => Ok(Written {
                exit,
                reason: report.verdict.reason.clone(),
                line: report::console::line(&report),
                figures: self
                    .figures_as
                    .map(|name| Box::new(RunFigures::of(&report, &name))),
            }),
            Some(failure) => Err(CommandError::Argument(anyhow!(
                "{failure}; the run itself ended with exit code {} ({exit}), and `gander report {} --out FOLDER` \
                 writes its outputs to another folder",
                exit.code(),
                journal.dir().display()
            ))),
        }
    }
}

fn rendered(renderer: &dyn Renderer, report: &Report) -> Result<Vec<u8>, CommandError> {
    let bytes = renderer.render(report);
    bytes.map_err(|error| CommandError::Internal(error.into()))
}

/// A folder that this process claims for a run; the claim lasts as long as the value.
pub(super) struct Claim {
    folder: PathBuf,
    is_new: bool,
    _lock: Option<Lock>,
}

/// An exclusive lock on a folder; it lasts as long as the value.
pub(super) struct Lock(#[expect(dead_code, reason = "it is unlocked when it is closed")] File);

impl Lock {
    /// Locks a folder; `None` if the file system has no locks.
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
    /// Creates the folder if necessary and claims it. An earlier run in it stays, unless it may be replaced.
    pub(super) fn of(folder: &Path, existing: Existing) -> Result<Self, CommandError> {
        Self::try_of(folder, existing).map_err(CommandError::Argument)
    }

    fn try_of(folder: &Path, existing: Existing) -> anyhow::Result<Self> {
        // Without a trailing slash, which would follow a link.
        let folder: PathBuf = folder.components().collect();
        let shown = folder.display();
        if folder.is_symlink() {
            return Err(anyhow!(
                "{shown} is a link, and links are not followed: name the folder itself with --out"
            ));
        }
        let is_new = !folder.exists();
        fs::create_dir_all(&folder).with_context(|| {
            format!("cannot create the output folder {shown}: choose another with --out")
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

    /// Removes the journal of the earlier run.
    pub(super) fn make_room(&self) -> Result<(), CommandError> {
        for path in journal_files(&self.folder) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let context = format!("cannot replace {}", path.display());
                    return Err(CommandError::Argument(anyhow!(error).context(context)));
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
            // Removes only a folder that is still empty.
            fs::remove_dir(&self.folder).ok();
        }
    }
}

pub(super) fn journal_files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    JOURNAL_FILES.map(|name| folder.join(name)).into_iter()
}

/// Writes a `junit.xml` that contains the error, for the test views of CI systems: to the path of `--junit`, or in a
/// CI job to the folder of `--out`.
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
    // An existing file may belong to another run and stays without --overwrite; a file of another kind was named by
    // mistake.
    if place.is_file() && !is_junit(&place) {
        return;
    }
    // The same error is on stderr.
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
