//! The files of a suite besides those of its runs, and its table on the terminal.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::execute::Prepared;
use super::output_file::{Existing, OutputFile};
use super::outputs::Lock;
use super::places::Places;
use super::{CommandError, terminal};
use crate::cli::RunArgs;
use crate::report;
use crate::report::suite::{INDEX_FILE, JUNIT_FILE, SUITE_FILE, Suite};

/// Creates the folder and locks it. An earlier suite in it stays, unless it may be replaced.
pub(super) fn claim(folder: &Path, existing: Existing) -> Result<Option<Lock>, CommandError> {
    let shown = folder.display();
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {shown}: choose another with --out"))
        .map_err(CommandError::Argument)?;
    let lock = Lock::of(folder).map_err(CommandError::Argument)?;
    let is_taken = folder.join(SUITE_FILE).symlink_metadata().is_ok();
    if is_taken && existing == Existing::Keep {
        return Err(CommandError::Argument(anyhow!(
            "{shown} already holds a suite: choose another folder with --out, or replace it with --overwrite"
        )));
    }
    Ok(lock)
}

/// True if `suite.json` goes to stdout.
pub(super) fn is_json_on_stdout(args: &RunArgs) -> bool {
    args.outputs.json.as_deref() == Some(Path::new("-"))
}

/// The files of a suite; each of them can be written to.
pub(super) struct SuiteOutputs {
    page: OutputFile,
    json: Vec<OutputFile>,
    junit: Vec<OutputFile>,
    markdown: Option<OutputFile>,
    is_json_on_stdout: bool,
}

impl SuiteOutputs {
    /// Checks every path. No existing file changes yet.
    pub(super) fn open(
        args: &RunArgs,
        folder: &Path,
        prepared: &[Prepared],
    ) -> Result<Self, CommandError> {
        let outputs = &args.outputs;
        let is_json_on_stdout = is_json_on_stdout(args);
        let json = outputs.json.as_deref().filter(|_| !is_json_on_stdout);
        let named = [
            ("--json", json),
            ("--junit", outputs.junit.as_deref()),
            ("--summary-markdown", outputs.summary_markdown.as_deref()),
        ];
        let options: Vec<(&str, &Path)> = named
            .into_iter()
            .filter_map(|(option, path)| Some((option, path?)))
            .collect();
        let inputs: Vec<PathBuf> = prepared
            .iter()
            .flat_map(|one| {
                let source = &one.scenario.source;
                let file = source.texts.path().to_owned();
                source.files.iter().cloned().chain([file])
            })
            .collect();
        Places {
            inputs: &inputs,
            folder,
            names: &[INDEX_FILE, SUITE_FILE, JUNIT_FILE],
            options: &options,
        }
        .check()?;
        let existing = Existing::replaced_if(args.overwrite);
        let open = |path: &Path| OutputFile::open(path, existing);
        let both = |name: &str, besides: Option<&Path>| {
            let paths = [Some(folder.join(name)), besides.map(Path::to_owned)];
            let paths = paths.into_iter().flatten();
            paths.map(|path| open(&path)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            page: open(&folder.join(INDEX_FILE))?,
            json: both(SUITE_FILE, json)?,
            junit: both(JUNIT_FILE, outputs.junit.as_deref())?,
            markdown: outputs.summary_markdown.as_deref().map(open).transpose()?,
            is_json_on_stdout,
        })
    }

    /// Writes every file, and the table to the terminal.
    pub(super) fn write(
        self,
        suite: &Suite,
        folder: &Path,
        is_quiet: bool,
    ) -> Result<(), CommandError> {
        let internal = |error: report::RenderError| CommandError::Internal(error.into());
        let json = suite.json().map_err(internal)?;
        self.page.write(&suite.page().map_err(internal)?)?;
        for file in self.junit {
            file.write(&suite.junit())?;
        }
        if let Some(file) = self.markdown {
            file.write(&suite.markdown())?;
        }
        for file in self.json {
            file.write(&json)?;
        }
        let page = folder.join(INDEX_FILE).display().to_string();
        let table = |colour| report::suite::table(suite, &page, terminal::width(), colour);
        if self.is_json_on_stdout {
            terminal::say(&String::from_utf8_lossy(&json))?;
            if !is_quiet {
                terminal::complain(&table(terminal::colour_on_stderr()));
            }
        } else if !is_quiet {
            terminal::say(&table(terminal::colour_on_stdout()))?;
        }
        Ok(())
    }
}
