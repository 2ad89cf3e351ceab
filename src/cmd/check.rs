//! `gander check`: everything that is wrong with each file, at once.

use std::path::Path;

use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::scenario::{self, Diagnostics, Overrides};

use super::{Failure, compile, terminal};

pub(super) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
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
                    "{file}: ok, but for the values of {unset}, which the environment does not have here\n"
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

/// Checks the file and, where the environment does not decide what it is, its plan; gives the variables that are not set.
fn examine(file: &Path, overrides: &Overrides) -> Result<Vec<String>, Diagnostics> {
    let checked = scenario::check(file, overrides)?;
    if let Some(scenario) = &checked.scenario {
        compile(scenario, 0)?;
    }
    Ok(checked.unset)
}
