//! `gander report`: rebuilds the outputs of a run from its journal.

use anyhow::Context;
use tokio::runtime;

use crate::cli::ReportArgs;
use crate::exit::Exit;
use crate::run::survive_file_size_limit;

use super::output_file::{Existing, OutputFile};
use super::outputs::{Lock, Outputs, Telling, Wanted, is_stdout, journal_files, journal_in};
use super::{CommandError, terminal};

pub(super) fn report(args: &ReportArgs) -> Result<Exit, CommandError> {
    let events = runtime::Builder::new_current_thread().enable_io().build();
    let events = events
        .context("cannot start the event loop")
        .map_err(CommandError::Internal)?;
    let _within = events.enter();
    survive_file_size_limit().map_err(CommandError::Internal)?;
    let folder = args.out.as_ref().unwrap_or(&args.run);
    // A run in progress writes its own outputs at its end, and would fail if they existed by then.
    let _lock = folder
        .is_dir()
        .then(|| Lock::of(folder))
        .transpose()
        .map_err(CommandError::Argument)?;
    let journal = journal_in(&args.run)?;
    let inputs: Vec<_> = journal_files(&args.run).collect();
    let elsewhere = Existing::replaced_if(args.overwrite);
    let hlog = args.hlog.as_deref();
    let hlog = hlog
        .map(|path| OutputFile::open(path, elsewhere))
        .transpose()?;
    let mut texts = Vec::new();
    for (format, path) in args.outputs.texts.wanted() {
        let file = (!is_stdout(path)).then(|| OutputFile::open(path, elsewhere));
        texts.push((format, file.transpose()?));
    }
    let outputs = Outputs::open(&Wanted {
        inputs: if *folder == args.run { &[] } else { &inputs },
        folder,
        in_folder: Existing::replaced_if(args.overwrite || *folder == args.run),
        besides: &args.outputs,
        hlog: args.hlog.as_deref(),
        elsewhere,
        telling: Telling::summary_unless(args.quiet),
        figures_as: None,
    })?;
    if let Some(hlog) = hlog {
        hlog.write_with(|log| journal.write_interval_log(log))?;
    }
    for (format, file) in texts {
        match file {
            Some(file) => file.write_with(|out| format.write(&journal, out))?,
            None => terminal::pour(|out| format.write(&journal, out))?,
        }
    }
    Ok(outputs.write(&journal)?.exit)
}
