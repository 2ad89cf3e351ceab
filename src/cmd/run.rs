//! `gander run`: one run of a scenario; several files are a suite.

use crate::cli::RunArgs;
use crate::exit::Exit;

use super::execute::{Control, Destination, Prepared, Setup};
use super::output_file::Existing;
use super::outputs::Telling;
use super::{CommandError, baseline, seed_or_new, suite, terminal};

pub(super) fn run(args: &RunArgs) -> Result<Exit, CommandError> {
    let [file] = &*args.files else {
        return suite::suite(args);
    };
    let baseline = args.baseline.as_deref();
    let prepared = Prepared::of(Setup {
        baseline: baseline
            .map(|place| baseline::record(place, args.baseline_missing))
            .transpose()?,
        ..Setup::of(file, &args.setup)?
    })?;
    if let Some(record) = &prepared.setup.baseline
        && record.content.is_none()
    {
        terminal::complain(&format!(
            "note: there is no baseline {} yet, so the run will have nothing to be compared with\n",
            record.file
        ));
    }
    let destination = Destination {
        folder: args.out.as_deref(),
        existing: Existing::replaced_if(args.overwrite),
        besides: &args.outputs,
        receivers: Some(&args.receivers),
        hides_live_view: args.quiet,
        telling: Telling::summary_unless(args.quiet),
        figures_as: None,
    };
    let written = prepared.run(seed_or_new(args.seed), destination, &mut Control::start()?)?;
    Ok(written.exit)
}
