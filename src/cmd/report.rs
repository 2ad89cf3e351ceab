//! `gander report`: a run's outputs again, from its journal.

use crate::cli::ReportArgs;
use crate::exit::Exit;

use super::Failure;
use super::outputs::{Outputs, journal_in};

pub(super) fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let journal = journal_in(&args.run)?;
    let folder = args.out.as_ref().unwrap_or(&args.run);
    Outputs::open(folder, args.json.as_deref(), args.quiet)?.write(&journal)
}
