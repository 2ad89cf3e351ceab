//! Runs the commands that print secrets.

use crate::managed::output_of;
use crate::scenario::{Diagnostic, Diagnostics, Scenario, SecretOrigin};
use crate::source::brief;

use super::CommandError;

/// Runs the command of each secret that has one, and gives the secret its value; the error tells all that failed. A
/// scenario is data and must not start programs unasked, so without `is_allowed` each command is an error.
pub(super) fn run(scenario: &mut Scenario, is_allowed: bool) -> Result<(), CommandError> {
    let mut failed = Vec::new();
    for index in 0..scenario.secrets.len() {
        let secret = scenario.secrets[index].clone();
        let SecretOrigin::Command(command) = &secret.origin else {
            continue;
        };
        let name = scenario.secret_name(&secret).to_owned();
        let mut fail = |message: String, hint: &str| {
            failed.push(Diagnostic::new(Some(secret.span), message).with_hint(hint));
        };
        let program = brief(&command.words[0]);
        if !is_allowed {
            fail(
                format!(
                    "the secret `{name}` comes from the command `{program}`, which is only run if you allow it"
                ),
                &format!("add --allow-command, or give the secret with `--set secrets.{name}=…`"),
            );
            continue;
        }
        match output_of(&command.words, &command.cwd, command.timeout) {
            Ok(text) if text.trim().is_empty() => fail(
                format!("the command `{program}` of the secret `{name}` printed nothing"),
                "it must print the secret to standard output",
            ),
            Ok(text) => scenario.give_secret(index, text),
            Err(error) => fail(
                format!("the command `{program}` of the secret `{name}` {error}"),
                "it must print the secret to standard output and end with status 0, within its `timeout`",
            ),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    for problem in &mut failed {
        problem.hide(&scenario.mask);
    }
    let sources = scenario.source.texts.clone();
    Err(CommandError::Scenario(Diagnostics::new(sources, failed)))
}

/// Tells which secrets are not searched for, because that would remove half of every text.
pub(super) fn warning(scenario: &Scenario) -> Option<String> {
    let names: Vec<String> = scenario
        .secrets_not_searched()
        .map(|name| format!("`{name}`"))
        .collect();
    if names.is_empty() {
        return None;
    }
    Some(format!(
        "note: {} has fewer than 4 characters or is a common word, so it is masked only next to a name such as \
         `password`, not in every text\n",
        names.join(", ")
    ))
}
