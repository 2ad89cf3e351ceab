//! The target of a run: an existing service, or Folio for the duration of the run.

use url::Url;

#[cfg(feature = "bundled-target")]
use crate::bundled::{BundledOptions, BundledTarget, TargetError};
#[cfg(feature = "bundled-target")]
use crate::probe;
use crate::record::TargetHealth;

/// A running target; dropping it stops Folio.
pub enum RunningTarget {
    /// A service that Gander did not start.
    Outside(Url),
    /// Started by Gander.
    #[cfg(feature = "bundled-target")]
    Bundled(BundledTarget, probe::ProcessHealth),
}

impl RunningTarget {
    /// Starts Folio; blocks until it accepts requests.
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

    /// The bundled target's resource usage since the last call.
    pub fn health(&mut self) -> Option<TargetHealth> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(_, health) => health.sample(),
        }
    }

    /// The exit of the bundled target, if it has exited.
    pub fn has_gone(&mut self) -> Option<String> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(folio, _) => folio.has_exited(),
        }
    }
}
