//! The target of a run: a service that is there already, or Folio for as long as the run lasts.

use url::Url;

#[cfg(feature = "bundled-target")]
use crate::bundled::{BundledOptions, BundledTarget, TargetError};
#[cfg(feature = "bundled-target")]
use crate::probe;
use crate::record::TargetHealth;

/// A running target; Folio ends with this value.
pub enum Target {
    /// A service that Gander did not start.
    Outside(Url),
    /// Started by Gander.
    #[cfg(feature = "bundled-target")]
    Bundled(BundledTarget, probe::ProcessHealth),
}

impl Target {
    /// Starts Folio; blocks until it answers.
    #[cfg(feature = "bundled-target")]
    pub fn bundled(options: &BundledOptions) -> Result<Self, TargetError> {
        let folio = BundledTarget::start(options)?;
        let health = probe::ProcessHealth::of(folio.pid());
        Ok(Self::Bundled(folio, health))
    }

    /// The base URL.
    pub fn url(&self) -> &Url {
        match self {
            Self::Outside(url) => url,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(folio, _) => folio.url(),
        }
    }

    /// The bundled target's use of the machine since the last call.
    pub fn health(&mut self) -> Option<TargetHealth> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(_, health) => health.sample(),
        }
    }

    /// How the bundled target ended, if it has.
    pub fn has_gone(&mut self) -> Option<String> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(folio, _) => folio.has_exited(),
        }
    }
}
