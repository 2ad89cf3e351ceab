//! `secrets:`: variables whose values no output shows.

use std::path::PathBuf;
use std::time::Duration;

use super::{Scenario, SlotId, Span, Value};
use crate::mask;

/// A variable of `secrets`.
#[derive(Debug, Clone, PartialEq)]
pub struct Secret {
    /// Its variable.
    pub slot: SlotId,
    /// The source of its value.
    pub origin: SecretOrigin,
    /// The position of its value in the file.
    pub span: Span,
}

/// The source of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOrigin {
    /// A text from environment variables (`"${API_KEY}"`), or from `--set` on the command line.
    Text,
    /// A file.
    File,
    /// The output of a command, which runs before the run. Until then its variable is an empty text.
    Command(SecretCommand),
}

/// A command that prints a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretCommand {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// The folder in which it runs: that of the scenario.
    pub cwd: PathBuf,
    /// Its time limit.
    pub timeout: Duration,
}

impl Scenario {
    /// The name of a secret.
    pub fn secret_name(&self, secret: &Secret) -> &str {
        &self.variables[secret.slot.0 as usize].name
    }

    /// Sets the value of the secret with this index, which is masked from here on.
    pub fn give_secret(&mut self, index: usize, text: String) {
        self.mask = self.mask.with([&text]);
        let slot = self.secrets[index].slot;
        self.variables[slot.0 as usize].initial = Some(Value::Text(text));
    }

    /// The names of the secrets that are too short, or too common a word, to be searched for.
    pub fn secrets_not_searched(&self) -> impl Iterator<Item = &str> {
        let is_seen = |secret: &&Secret| {
            let value = &self.variables[secret.slot.0 as usize].initial;
            matches!(value, Some(Value::Text(text)) if !text.is_empty() && !mask::is_searched(text))
        };
        let secrets = self.secrets.iter().filter(is_seen);
        secrets.map(|secret| self.secret_name(secret))
    }
}
