//! `gander plan`: shows what a run would do, without running it.

use crate::cli::PlanArgs;
use crate::exit::Exit;
use crate::plan::outline::Outline;
use crate::probe::Limits;
use crate::scenario::{Scenario, Target};
use crate::units::show_duration;

use super::{CommandError, compile, load, overrides, secret_commands, seed_or_new, terminal};

pub(super) fn plan(args: &PlanArgs) -> Result<Exit, CommandError> {
    let scenario = load(&args.file, &overrides(&args.changes)?)?;
    let plan = compile(&scenario, seed_or_new(args.seed)).map_err(CommandError::Scenario)?;
    if let Some(warning) = secret_commands::warning(&scenario) {
        terminal::complain(&warning);
    }
    let limits = Limits::raise();
    let outline = Outline::of(&plan, limits.open_files, limits.port_count());
    terminal::say(&outline.loading(target(&scenario)).to_string())?;
    Ok(Exit::Passed)
}

/// The target in words, without secrets.
fn target(scenario: &Scenario) -> String {
    match &scenario.target {
        Target::Bundled => "bundled (Folio)".to_owned(),
        Target::Url(url) => scenario.mask.known(url.as_str()),
        Target::Command(command) => {
            let ready = match &command.ready {
                Some(path) => format!("GET {path} answers 2xx"),
                None => "it accepts a connection".to_owned(),
            };
            format!(
                "started with --allow-command: `{}` in {}, ready when {ready}, within {}",
                scenario.mask.text(&command.to_string()),
                command.cwd.display(),
                show_duration(command.ready_within)
            )
        }
    }
}
