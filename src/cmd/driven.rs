//! What a run drives: somebody's service, or Folio for as long as the run lasts.

use anyhow::Context;
use url::Url;

use crate::probe;
use crate::record::TargetHealth;
use crate::scenario::Target;
#[cfg(feature = "bundled-target")]
use crate::target::{BundledOptions, BundledTarget};

use super::Failure;

/// What is driven: a service that is there already, or Folio, which lives as long as this value.
pub(super) enum Driven {
    /// Somebody else's.
    Outside(Url),
    /// Started by Gander.
    #[cfg(feature = "bundled-target")]
    Bundled(BundledTarget, probe::ProcessHealth),
}

impl Driven {
    /// Starts Folio if that is the target; blocks until it answers.
    pub(super) fn start(target: &Target) -> Result<Self, Failure> {
        match target {
            Target::Url(url) => Ok(Self::Outside(url.clone())),
            #[cfg(feature = "bundled-target")]
            Target::Bundled => {
                let folio = BundledTarget::start(&BundledOptions::default())
                    .context("cannot start the bundled target")
                    .map_err(Failure::Target)?;
                let health = probe::ProcessHealth::of(folio.pid());
                Ok(Self::Bundled(folio, health))
            }
            #[cfg(not(feature = "bundled-target"))]
            Target::Bundled => Err(Failure::Argument(anyhow::anyhow!(
                "this build has no bundled target (feature bundled-target): give a base URL with --target"
            ))),
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
