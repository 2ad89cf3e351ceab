//! The target of `gander run`, from the scenario and the command line.

use super::CommandError;
#[cfg(feature = "bundled-target")]
use crate::bundled::{BundledOptions, Environment, Settings, Stack, TargetError};
use crate::cli::RunArgs;
#[cfg(feature = "bundled-target")]
use crate::mask::REDACTED;
use crate::run;
use crate::scenario::Target;

/// Changes to the bundled target, each as `path = value` for the report; fails if the setup is invalid.
#[cfg(feature = "bundled-target")]
pub(super) fn changes(target: &Target, args: &RunArgs) -> Result<Vec<String>, CommandError> {
    let (profile, assignments) = (args.bundled.target_profile, &args.bundled.target_set);
    if let Target::Url(url) = target {
        return if profile.is_none() && assignments.is_empty() {
            Ok(Vec::new())
        } else {
            Err(CommandError::Argument(anyhow::anyhow!(
                "--target-profile and --target-set are for the bundled target, but the target of this run is {}: leave \
                 them out, or give --target bundled",
                url.origin().ascii_serialization()
            )))
        };
    }
    // Folio checks this too, but only after it was started.
    let environment = Environment::of_process();
    environment
        .settings(Stack::After, None, assignments)
        .map_err(|faults| CommandError::Argument(TargetError::from(faults).into()))?;
    let profile = profile.map(|profile| format!("target profile = {profile}"));
    let file = environment
        .config
        .map(|path| format!("target config = {}", path.display()));
    // The child inherits these variables from this process.
    let variables = environment.switches.into_iter();
    let assignments = assignments
        .iter()
        .filter_map(|assignment| assignment.split_once('='))
        .map(|(path, value)| (path.trim().to_owned(), value.trim().to_owned()));
    let switches = variables.chain(assignments).map(|(setting, value)| {
        let is_secret = Settings::holds_secret(&setting);
        let value = if is_secret { REDACTED } else { &value };
        format!("target {setting} = {value}")
    });
    Ok(profile.into_iter().chain(file).chain(switches).collect())
}

/// There is no bundled target to change.
#[cfg(not(feature = "bundled-target"))]
#[expect(clippy::unnecessary_wraps, reason = "that of the other build can fail")]
pub(super) fn changes(_: &Target, _: &RunArgs) -> Result<Vec<String>, CommandError> {
    Ok(Vec::new())
}

/// The error for a build without the bundled target.
#[cfg(not(feature = "bundled-target"))]
pub(super) fn none_bundled() -> CommandError {
    CommandError::Argument(anyhow::anyhow!(
        "this build has no bundled target: build it with the default feature bundled-target, or give `gander run` a \
         base URL with --target"
    ))
}

/// Starts Folio if it is the target; blocks until Folio accepts requests.
#[cfg_attr(
    not(feature = "bundled-target"),
    expect(unused_variables, reason = "they set up Folio")
)]
pub(super) fn start(target: &Target, args: &RunArgs) -> Result<run::RunningTarget, CommandError> {
    match target {
        Target::Url(url) => Ok(run::RunningTarget::Outside(url.clone())),
        #[cfg(feature = "bundled-target")]
        Target::Bundled => {
            let options = BundledOptions {
                profile: args.bundled.target_profile.unwrap_or_default(),
                assignments: args.bundled.target_set.clone(),
                executable: None,
            };
            run::RunningTarget::bundled(&options)
                .map_err(|error| CommandError::Target(error.into()))
        }
        #[cfg(not(feature = "bundled-target"))]
        Target::Bundled => Err(none_bundled()),
    }
}
