//! `gander check`: reports every error in each file.

use std::path::Path;

use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::scenario::{self, Diagnostics, Overrides};

use super::{CommandError, compile, terminal};

pub(super) fn check(args: &CheckArgs) -> Result<Exit, CommandError> {
    let overrides = Overrides {
        root: args.root.clone(),
        ..Overrides::default()
    };
    let mut exit = Exit::Passed;
    for file in &args.files {
        match examine(file, &overrides) {
            Ok(unset) if unset.is_empty() => {
                terminal::say(&format!("{}: ok\n", file.display()))?;
            }
            Ok(unset) => {
                let (file, unset) = (file.display(), unset.join(", "));
                terminal::say(&format!(
                    "{file}: ok, except for {unset}, which the environment does not set\n"
                ))?;
            }
            Err(diagnostics) => {
                terminal::complain(&terminal::diagnosis(&diagnostics));
                exit = Exit::InvalidInput;
            }
        }
    }
    Ok(exit)
}

/// Checks the file and, if the environment does not affect it, its plan; returns the variables that are not set.
fn examine(file: &Path, overrides: &Overrides) -> Result<Vec<String>, Diagnostics> {
    let checked = scenario::check(file, overrides)?;
    if let Some(scenario) = &checked.scenario {
        compile(scenario, 0)?;
    }
    Ok(checked.unset)
}
