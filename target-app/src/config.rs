//! What Folio can be told before it starts, and the refusal of what it cannot be.

use std::fmt;
use std::path::PathBuf;

/// How Folio is set up; [`Config::default`] is what `gander target serve` starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the database lives; `None` makes a temporary directory that goes away with the [`State`](crate::State).
    pub directory: Option<PathBuf>,
    /// Documents to seed, 1 to 1,000,000.
    pub documents: u32,
    /// Users to seed, 1 to 100,000: `user1@folio.test` and on, password `folio-demo`.
    pub users: u32,
    /// Seed of everything random: the seeded catalogue and the delays of the lab.
    pub seed: u64,
    /// Which cache answers before the database.
    pub cache: CacheMode,
    /// Entries the first-level cache holds, 1 to 1,000,000.
    pub cache_items: u32,
    /// Connections that read, 1 to 64, beside the one that writes.
    pub readers: u32,
    /// Whether `/lab` answers.
    pub lab: LabMode,
}

/// Which cache answers before the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheMode {
    /// Every read is a query.
    Off,
    /// Serialised answers are kept in the process.
    L1,
}

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
            directory: None,
            documents: 10_000,
            users: 1_000,
            seed: 1,
            cache: CacheMode::L1,
            cache_items: 1_000,
            readers: 4,
            lab: LabMode::Closed,
        }
    }
}

impl Config {
    /// Refuses settings outside their bounds, all of them at once.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let violations: Vec<_> = [
            ("documents", self.documents, 1_000_000),
            ("users", self.users, 100_000),
            ("cache-items", self.cache_items, 1_000_000),
            ("readers", self.readers, 64),
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
            readers: 65,
            ..Config::default()
        };
        let error = config
            .validate()
            .expect_err("two settings are out of bounds");
        assert_eq!(
            error.to_string(),
            "documents is 0, expected 1 to 1000000; readers is 65, expected 1 to 64"
        );
    }
}
