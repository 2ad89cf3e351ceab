//! Start configuration of Folio and its validation.

use std::fmt;
use std::path::PathBuf;

use crate::settings::Settings;

/// The configuration; [`Config::default`] is what `gander target serve` starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The database and the shared store.
    pub profile: Profile,
    /// Documents to seed, 1 to 1,000,000.
    pub documents: u32,
    /// Users to seed, 1 to 100,000: `user1@folio.test` and so on, with password `folio-demo`.
    pub users: u32,
    /// Seed of all random values: the seeded catalogue and the delays of the lab.
    pub seed: u64,
    /// Whether the routes under `/lab` exist.
    pub lab: LabMode,
    /// The token that opens `/admin` to clients on loopback; without it `/admin` is closed.
    pub admin_token: Option<Secret>,
    /// The switches of the optimisation techniques.
    pub settings: Settings,
}

/// The database and shared store of Folio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `SQLite`, and a shared store in this process.
    Embedded {
        /// Directory of the database; `None` creates a temporary directory that is removed with the
        /// [`State`](crate::State).
        directory: Option<PathBuf>,
    },
    /// PostgreSQL and Redis.
    Full(Services),
}

/// Addresses of the services of the full profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// `postgres://…`
    pub database_url: Secret,
    /// Server for reads; `None` uses the primary, through separate pools.
    pub replica_url: Option<Secret>,
    /// `redis://…` or `redis+unix://…`
    pub redis_url: Secret,
    /// Prefix, in braces, of every key and channel in Redis, so that several services can share one; without `}`.
    pub namespace: String,
}

/// Text that is never displayed: a token, or a URL with a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Whether the lab's routes exist; they serve the proofs of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabMode {
    /// `/lab` answers 404.
    Closed,
    /// `/lab` answers, and every request is counted for `/lab/counters`.
    Open,
}

/// A value outside its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the option, in the spelling of the command line.
    pub setting: &'static str,
    /// The given value.
    pub found: u64,
    /// Minimum and maximum.
    pub bounds: (u64, u64),
}

/// All values outside their bounds, so that one attempt is enough to correct them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// At least one, in the field order of [`Config`].
    pub violations: Vec<Violation>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            profile: Profile::Embedded { directory: None },
            documents: 10_000,
            users: 1_000,
            seed: 1,
            lab: LabMode::Closed,
            admin_token: None,
            settings: Settings::default(),
        }
    }
}

impl Config {
    /// Validates all values and reports every violation at once.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let violations: Vec<_> = [
            ("documents", self.documents, 1_000_000),
            ("users", self.users, 100_000),
        ]
        .into_iter()
        .filter(|&(_, found, most)| !(1..=most).contains(&found))
        .map(|(setting, found, most)| Violation {
            setting,
            found: found.into(),
            bounds: (1, most.into()),
        })
        .collect();
        if violations.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { violations })
        }
    }
}

impl Secret {
    /// Wraps `text` so that it is not displayed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for connecting or comparing.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (
            position,
            Violation {
                setting,
                found,
                bounds: (least, most),
            },
        ) in self.violations.iter().enumerate()
        {
            let separator = if position == 0 { "" } else { "; " };
            write!(
                out,
                "{separator}{setting} is {found}, expected {least} to {most}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn every_violation_is_named_with_its_bounds() {
        let config = Config {
            documents: 0,
            users: 100_001,
            ..Config::default()
        };
        let error = config
            .validate()
            .expect_err("two settings are out of bounds");
        assert_eq!(
            error.to_string(),
            "documents is 0, expected 1 to 1000000; users is 100001, expected 1 to 100000"
        );
    }

    #[test]
    fn secrets_are_not_displayed() {
        let config = Config {
            admin_token: Some(Secret::new("canary")),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("canary"));
    }
}
