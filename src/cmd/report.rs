//! `gander report`: a run's outputs again, from its journal.

use crate::cli::ReportArgs;
use crate::exit::Exit;

use super::Failure;
use super::output_file::{Existing, OutputFile};
use super::outputs::{Outputs, Wanted, journal_in};

pub(super) fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let journal = journal_in(&args.run)?;
    let folder = args.out.as_ref().unwrap_or(&args.run);
    let elsewhere = Existing::replaced_if(args.overwrite);
    let hlog = args.hlog.as_deref();
    let hlog = hlog
        .map(|path| OutputFile::open(path, elsewhere))
        .transpose()?;
    let outputs = Outputs::open(&Wanted {
        folder,
        in_folder: Existing::replaced_if(args.overwrite || *folder == args.run),
        json: args.json.as_deref(),
        junit: args.junit.as_deref(),
        elsewhere,
        quiet: args.quiet,
    })?;
    if let Some(hlog) = hlog {
        hlog.write_with(|log| journal.write_interval_log(log))?;
    }
    outputs.write(&journal)
}
