//! What Folio can be told before it starts, and the refusal of what it cannot be.

use std::fmt;
use std::path::PathBuf;

use crate::settings::Settings;

/// How Folio is set up; [`Config::default`] is what `gander target serve` starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which database and shared store are under it.
    pub profile: Profile,
    /// Documents to seed, 1 to 1,000,000.
    pub documents: u32,
    /// Users to seed, 1 to 100,000: `user1@folio.test` and on, password `folio-demo`.
    pub users: u32,
    /// Seed of everything random: the seeded catalogue and the delays of the lab.
    pub seed: u64,
    /// Whether `/lab` answers.
    pub lab: LabMode,
    /// What opens `/admin` to clients on loopback; without it `/admin` is closed.
    pub admin_token: Option<Secret>,
    /// The switches of the stack.
    pub settings: Settings,
}

/// Which database and shared store are under Folio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `SQLite`, and a shared store in this process.
    Embedded {
        /// Where the database lives; `None` makes a temporary directory that goes away with the [`State`](crate::State).
        directory: Option<PathBuf>,
    },
    /// PostgreSQL and Redis.
    Full(Services),
}

/// Where the services of the full profile are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// `postgres://…`
    pub database_url: Secret,
    /// Where reads go; `None` is the primary itself, through pools of their own.
    pub replica_url: Option<Secret>,
    /// `redis://…` or `redis+unix://…`
    pub redis_url: Secret,
    /// What stands, in braces, before every key and channel in Redis, so that several services can share one; without `}`.
    pub namespace: String,
}

/// Text that is shown to nobody: a token, or a URL with a password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Whether the routes for proofs of measurement exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabMode {
    /// `/lab` is not found.
    Closed,
    /// `/lab` answers, and every request is counted for `/lab/counters`.
    Open,
}

/// One setting outside its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the setting, as a command line spells it.
    pub setting: &'static str,
    /// The value that was given.
    pub found: u64,
    /// Smallest and largest value that will do.
    pub bounds: (u64, u64),
}

/// Every setting that is outside its bounds, so that one attempt is enough to put all of them right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// At least one, in the order of [`Config`]'s fields.
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
    /// Refuses settings outside their bounds, all of them at once.
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
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for who needs it to connect or to compare.
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
    fn secrets_do_not_show() {
        let config = Config {
            admin_token: Some(Secret::new("canary")),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("canary"));
    }
}
