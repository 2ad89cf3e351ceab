//! `gander plan`: shows what a run would do, without running it.

use crate::cli::PlanArgs;
use crate::exit::Exit;
use crate::plan::outline::Outline;
use crate::probe::Limits;
use crate::scenario;

use super::{CommandError, compile, seed_or_new, terminal};

pub(super) fn plan(args: &PlanArgs) -> Result<Exit, CommandError> {
    let scenario =
        scenario::load(&args.file, &(&args.changes).into()).map_err(CommandError::Scenario)?;
    let plan = compile(&scenario, seed_or_new(args.seed)).map_err(CommandError::Scenario)?;
    let limits = Limits::raise();
    terminal::say(&Outline::of(&plan, limits.open_files, limits.port_count()).to_string())?;
    Ok(Exit::Passed)
}
