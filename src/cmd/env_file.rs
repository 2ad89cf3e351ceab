//! `--env-file`: variables for `${NAME}`, in the syntax of dotenv.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::CommandError;
use crate::scenario::Variables;

/// Reads the files; a later one replaces variables of an earlier one. No error shows a value.
pub(super) fn read(files: &[PathBuf]) -> Result<Variables, CommandError> {
    let mut variables = Variables::default();
    for file in files {
        add(file, &mut variables).map_err(CommandError::Argument)?;
    }
    Ok(variables)
}

fn add(file: &Path, variables: &mut Variables) -> anyhow::Result<()> {
    let shown = file.display();
    let text = fs::read_to_string(file)
        .with_context(|| format!("cannot read the environment file {shown}"))?;
    for pair in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = pair.map_err(|error| {
            let place = match &error {
                dotenvy::Error::LineParse(wrong, _) => {
                    let first = wrong.lines().next().unwrap_or_default();
                    let number = text.lines().position(|line| line.trim() == first.trim());
                    number.map_or_else(String::new, |number| format!(" in line {}", number + 1))
                }
                _ => String::new(),
            };
            anyhow!(
                "the environment file {shown} is not valid{place}: expected NAME=value, with quotes around a value that \
                 contains spaces, `#` or quotes, and single quotes around one that contains `$`"
            )
        })?;
        variables.0.insert(name, value);
    }
    Ok(())
}
