//! `gander report`: a run's outputs again, from its journal.

use crate::cli::ReportArgs;
use crate::exit::Exit;

use super::Failure;
use super::outputs::Outputs;

pub(super) fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let outputs = Outputs::open(
        args.out.as_ref().unwrap_or(&args.run),
        args.json.as_deref(),
        args.quiet,
    )?;
    outputs.write_from(&args.run)
}
