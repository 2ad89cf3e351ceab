//! The target of `gander run`, from the scenario and the command line.

#[cfg(feature = "bundled-target")]
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::time::sleep;

use super::CommandError;
use super::execute::{Prepared, Setup, stopped_early};
use super::output_file::Existing;
use super::terminal;
#[cfg(feature = "bundled-target")]
use crate::bundled::{ADMIN_TOKEN, BundledOptions, Environment, Settings, Stack, TargetError};
use crate::managed::{CommandTarget, LOG_FILE, NoStart, TargetLog};
#[cfg(feature = "bundled-target")]
use crate::mask::REDACTED;
use crate::run::{RunningTarget, Signals};
use crate::scenario::{Scenario, Target};
use crate::units::show_duration;

/// The time after which the wait for a target is told.
const PATIENCE: Duration = Duration::from_secs(2);

/// Changes to the bundled target, each as `path = value` for the report; fails if the setup is invalid.
#[cfg(feature = "bundled-target")]
pub(super) fn changes(target: &Target, setup: &Setup) -> Result<Vec<String>, CommandError> {
    let (profile, assignments) = (setup.bundled.target_profile, &setup.bundled.target_set);
    let other = match target {
        Target::Bundled => None,
        Target::Url(url) => Some(url.origin().ascii_serialization()),
        Target::Command(_) => Some("a command".to_owned()),
    };
    if let Some(other) = other {
        return if profile.is_none() && assignments.is_empty() {
            Ok(Vec::new())
        } else {
            Err(CommandError::Argument(anyhow!(
                "--target-profile and --target-set are for the bundled target, but the target of this run is {other}: \
                 leave them out, or give --target bundled"
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

/// The variables of the bundled target that its scenario may read: the admin token, which is drawn anew unless the
/// environment has one.
#[cfg(feature = "bundled-target")]
pub(super) fn environment() -> Vec<(String, String)> {
    let random = || RandomState::new().build_hasher().finish();
    let token = Environment::of_process().admin_token.map_or_else(
        || format!("{:016x}{:016x}", random(), random()),
        |token| token.reveal().to_owned(),
    );
    vec![(ADMIN_TOKEN.to_owned(), token)]
}

/// There is no bundled target.
#[cfg(not(feature = "bundled-target"))]
pub(super) fn environment() -> Vec<(String, String)> {
    Vec::new()
}

/// There is no bundled target to change.
#[cfg(not(feature = "bundled-target"))]
#[expect(clippy::unnecessary_wraps, reason = "that of the other build can fail")]
pub(super) fn changes(_: &Target, _: &Setup) -> Result<Vec<String>, CommandError> {
    Ok(Vec::new())
}

/// The error for a build without the bundled target.
#[cfg(not(feature = "bundled-target"))]
pub(super) fn none_bundled() -> CommandError {
    CommandError::Argument(anyhow!(
        "this build has no bundled target: build it with the default feature bundled-target, or give `gander run` a \
         base URL with --target"
    ))
}

/// Refuses a command that the command line does not allow, because a scenario is data and must not start programs
/// unasked, and one whose program does not exist.
pub(super) fn check_command(scenario: &Scenario, is_allowed: bool) -> Result<(), CommandError> {
    match &scenario.target {
        Target::Command(command) if !is_allowed => {
            let words = scenario.mask.text(&command.to_string());
            Err(CommandError::Argument(anyhow!(
                "the target of {} is a command, which is only started if you allow it: `{words}` in {}\n  to start it, \
                 add --allow-command; to load a target that runs already, give --target URL",
                scenario.source.texts.path().display(),
                command.cwd.display()
            )))
        }
        Target::Command(command) => {
            CommandTarget::find(command).map_err(|error| no_start(scenario, error))
        }
        Target::Bundled | Target::Url(_) => Ok(()),
    }
}

/// The error without the scenario's secrets, which the command and its output may contain.
fn no_start(scenario: &Scenario, error: NoStart) -> CommandError {
    let text = format!("{:#}", anyhow!(error));
    CommandError::Target(anyhow!(scenario.mask.known(&text)))
}

/// Starts the target if it is one that Gander starts, and returns when it accepts requests. The output of a command
/// goes to `target.log` in the folder.
#[cfg_attr(
    not(feature = "bundled-target"),
    expect(unused_variables, reason = "they set up Folio")
)]
pub(super) async fn start(
    prepared: &Prepared,
    (folder, existing): (&Path, Existing),
    is_quiet: bool,
    signals: &mut Signals,
) -> Result<RunningTarget, CommandError> {
    let Prepared { setup, scenario } = prepared;
    match &scenario.target {
        Target::Url(url) => Ok(RunningTarget::Outside(url.clone())),
        #[cfg(feature = "bundled-target")]
        Target::Bundled => {
            let options = BundledOptions {
                profile: setup.bundled.target_profile.unwrap_or_default(),
                assignments: setup.bundled.target_set.clone(),
                environment: setup.overrides.bundled_environment.clone(),
                executable: None,
            };
            // It blocks, so a signal is noticed only after it.
            let started = RunningTarget::bundled(&options);
            if signals.has_come().await {
                return Err(stopped_early());
            }
            started.map_err(|error| CommandError::Target(error.into()))
        }
        #[cfg(not(feature = "bundled-target"))]
        Target::Bundled => Err(none_bundled()),
        Target::Command(command) => {
            let log = TargetLog::open(folder, existing == Existing::Replace)
                .with_context(|| format!("cannot write {}", folder.join(LOG_FILE).display()))
                .map_err(CommandError::Argument)?;
            let waiting = async {
                sleep(PATIENCE).await;
                if !is_quiet {
                    terminal::complain(&format!(
                        "waiting until {} is ready, at most {}\n",
                        scenario.mask.text(&format!("`{command}`")),
                        show_duration(command.ready_within)
                    ));
                }
                std::future::pending::<Result<RunningTarget, CommandError>>().await
            };
            tokio::select! {
                started = RunningTarget::command(command, log) => {
                    started.map_err(|error| no_start(scenario, error))
                }
                () = signals.next() => Err(stopped_early()),
                never = waiting => never,
            }
        }
    }
}
