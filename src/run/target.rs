//! The target of a run: an existing service, or a process for the duration of the run.

use url::Url;

#[cfg(feature = "bundled-target")]
use crate::bundled::{BundledOptions, BundledTarget, TargetError};
use crate::managed::{CommandTarget, NoStart, TargetLog};
use crate::probe;
use crate::record::TargetHealth;
use crate::scenario::TargetCommand;

/// A running target; dropping it ends what Gander started.
pub enum RunningTarget {
    /// A service that Gander did not start.
    Outside(Url),
    /// Folio, started by Gander.
    #[cfg(feature = "bundled-target")]
    Bundled(BundledTarget, probe::ProcessHealth),
    /// A command, started by Gander.
    Command(Box<CommandTarget>, probe::ProcessHealth),
}

impl RunningTarget {
    /// Starts Folio; blocks until it accepts requests.
    #[cfg(feature = "bundled-target")]
    pub fn bundled(options: &BundledOptions) -> Result<Self, TargetError> {
        let folio = BundledTarget::start(options)?;
        let health = probe::ProcessHealth::of(folio.pid());
        Ok(Self::Bundled(folio, health))
    }

    /// Starts a command and returns when it is ready. Dropping the future ends the command.
    pub async fn command(command: &TargetCommand, log: TargetLog) -> Result<Self, NoStart> {
        let mut target = CommandTarget::start(command, log)?;
        target.ready().await?;
        let health = probe::ProcessHealth::of_descendants(target.pid());
        Ok(Self::Command(Box::new(target), health))
    }

    /// The base URL.
    pub fn url(&self) -> &Url {
        match self {
            Self::Outside(url) => url,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(folio, _) => folio.url(),
            Self::Command(target, _) => target.url(),
        }
    }

    /// The resource usage since the last call of a target that Gander started.
    pub fn health(&mut self) -> Option<TargetHealth> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(_, health) => health.sample(),
            Self::Command(_, health) => health.sample(),
        }
    }

    /// The exit of a target that Gander started, if it has exited.
    pub fn has_gone(&mut self) -> Option<String> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(folio, _) => folio.has_exited(),
            Self::Command(target, _) => target.has_exited(),
        }
    }
}
