//! `gander check`: reports every error in each file, and in each of its environments.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::plan::leave_out_unmeasured;
use crate::scenario::{self, Checked, Diagnostics, Overrides};

use super::{CommandError, compile, overrides, placeholder, secret_commands, terminal};

pub(super) fn check(args: &CheckArgs) -> Result<Exit, CommandError> {
    let overrides = overrides(&args.changes)?;
    let mut exit = Exit::Passed;
    for file in &args.files {
        match examine_all(file, &overrides) {
            Ok(unknown) => terminal::say(&format!("{}: ok{unknown}\n", file.display()))?,
            Err(refusal) => {
                terminal::complain(&refusal);
                exit = Exit::InvalidInput;
            }
        }
    }
    Ok(exit)
}

/// The parts of a valid file that were not checked.
#[derive(Debug, Default)]
struct Unknown {
    variables: BTreeSet<String>,
    has_unread_input: bool,
}

impl Unknown {
    fn add(&mut self, checked: &Checked) {
        self.variables.extend(checked.unset.iter().cloned());
        self.has_unread_input |= checked.has_unread_input;
    }
}

/// As the end of a sentence.
impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.variables.is_empty() {
            let names: Vec<&str> = self.variables.iter().map(String::as_str).collect();
            let names = names.join(", ");
            parts.push(format!("{names}, which the environment does not set"));
        }
        if self.has_unread_input {
            parts.push("standard input, which a check does not read".to_owned());
        }
        match parts.as_slice() {
            [] => Ok(()),
            parts => write!(f, ", except for {}", parts.join(", and ")),
        }
    }
}

/// Checks the file, and each of its environments if none is chosen; returns what is unknown, or all errors.
fn examine_all(file: &Path, overrides: &Overrides) -> Result<Unknown, String> {
    let whole =
        examine(file, overrides).map_err(|diagnostics| terminal::diagnosis(&diagnostics))?;
    let mut unknown = Unknown::default();
    unknown.add(&whole);
    let mut refusals = String::new();
    if overrides.environment.is_none() {
        for name in whole.environments {
            let title = format!("{} with --env {name}:\n", file.display());
            let overrides = Overrides {
                environment: Some(name),
                ..overrides.clone()
            };
            match examine(file, &overrides) {
                Ok(checked) => unknown.add(&checked),
                Err(diagnostics) => {
                    refusals.push_str(&title);
                    refusals.push_str(&terminal::diagnosis(&diagnostics));
                }
            }
        }
    }
    if refusals.is_empty() {
        Ok(unknown)
    } else {
        Err(refusals)
    }
}

/// Checks the file and, if the environment does not affect it, its plan.
fn examine(file: &Path, overrides: &Overrides) -> Result<Checked, Diagnostics> {
    let mut checked = scenario::check(file, overrides)?;
    if let Some(scenario) = &mut checked.scenario {
        leave_out_unmeasured(scenario, &placeholder());
        compile(scenario, 0)?;
        if let Some(warning) = secret_commands::warning(scenario) {
            terminal::complain(&warning);
        }
    }
    Ok(checked)
}
