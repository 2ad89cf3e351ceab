//! What a run drives: somebody's service, or Folio for as long as the run lasts.

use url::Url;

use crate::cli::RunArgs;
#[cfg(feature = "bundled-target")]
use crate::mask::REDACTED;
#[cfg(feature = "bundled-target")]
use crate::probe;
use crate::record::TargetHealth;
use crate::scenario::Target;
#[cfg(feature = "bundled-target")]
use crate::target::{BundledOptions, BundledTarget, Environment, Settings, Stack, TargetError};

use super::Failure;

/// What is driven: a service that is there already, or Folio, which lives as long as this value.
pub(super) enum Driven {
    /// Somebody else's.
    Outside(Url),
    /// Started by Gander.
    #[cfg(feature = "bundled-target")]
    Bundled(BundledTarget, probe::ProcessHealth),
}

/// What is changed in the bundled target, each as `path = value` for the report; refuses what will not do.
#[cfg(feature = "bundled-target")]
pub(super) fn changes(target: &Target, args: &RunArgs) -> Result<Vec<String>, Failure> {
    let (profile, assignments) = (args.bundled.target_profile, &args.bundled.target_set);
    if let Target::Url(url) = target {
        return if profile.is_none() && assignments.is_empty() {
            Ok(Vec::new())
        } else {
            Err(Failure::Argument(anyhow::anyhow!(
                "--target-profile and --target-set are for the bundled target, and this run drives {url}: leave them out, or \
                 give --target bundled"
            )))
        };
    }
    // Folio would say the same, but only after it was started.
    let environment = Environment::of_process();
    environment
        .settings(Stack::After, None, assignments)
        .map_err(|faults| Failure::Argument(TargetError::from(faults).into()))?;
    let profile = profile.map(|profile| format!("target profile = {profile}"));
    let file = environment
        .config
        .map(|path| format!("target config = {}", path.display()));
    // It has them from this process.
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
pub(super) fn changes(_: &Target, _: &RunArgs) -> Result<Vec<String>, Failure> {
    Ok(Vec::new())
}

/// This build cannot do what was asked.
#[cfg(not(feature = "bundled-target"))]
pub(super) fn none_bundled() -> Failure {
    Failure::Argument(anyhow::anyhow!(
        "this build has no bundled target: build with the feature bundled-target, which is a default one, or give `gander run` a \
         base URL with --target"
    ))
}

impl Driven {
    /// Starts Folio if that is the target; blocks until it answers.
    #[cfg_attr(
        not(feature = "bundled-target"),
        expect(unused_variables, reason = "they set up Folio")
    )]
    pub(super) fn start(target: &Target, args: &RunArgs) -> Result<Self, Failure> {
        match target {
            Target::Url(url) => Ok(Self::Outside(url.clone())),
            #[cfg(feature = "bundled-target")]
            Target::Bundled => {
                let options = BundledOptions {
                    profile: args.bundled.target_profile.unwrap_or_default(),
                    assignments: args.bundled.target_set.clone(),
                    executable: None,
                };
                let folio = BundledTarget::start(&options)
                    .map_err(|error| Failure::Target(error.into()))?;
                let health = probe::ProcessHealth::of(folio.pid());
                Ok(Self::Bundled(folio, health))
            }
            #[cfg(not(feature = "bundled-target"))]
            Target::Bundled => Err(none_bundled()),
        }
    }

    /// The base URL.
    pub(super) fn url(&self) -> &Url {
        match self {
            Self::Outside(url) => url,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(folio, _) => folio.url(),
        }
    }

    /// The bundled target's use of the machine since the last call.
    pub(super) fn health(&mut self) -> Option<TargetHealth> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(_, health) => health.sample(),
        }
    }

    /// How the bundled target ended, if it has.
    pub(super) fn has_gone(&mut self) -> Option<String> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(folio, _) => folio.has_exited(),
        }
    }
}
