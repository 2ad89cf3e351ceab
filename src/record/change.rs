//! Changes of a load while it runs, and marks in its time.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{Micros, show_rate};

/// A change that somebody made while the load ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadChange {
    /// The time on the run's clock.
    pub at: Micros,
    /// The flow whose load was changed, if it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// The change.
    #[serde(flatten)]
    pub kind: LoadChangeKind,
}

/// The kind of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum LoadChangeKind {
    /// No iteration started from then on.
    Pause,
    /// Iterations started again.
    Resume,
    /// The number of users was set.
    Users {
        /// The number.
        users: u32,
    },
    /// The rate was set.
    Rate {
        /// Starts per second.
        per_second: f64,
    },
    /// A mark, which changed nothing.
    Tag {
        /// Its text.
        text: String,
    },
}

impl LoadChange {
    /// True if it changed the load.
    pub const fn is_of_load(&self) -> bool {
        !matches!(self.kind, LoadChangeKind::Tag { .. })
    }
}

impl fmt::Display for LoadChange {
    /// `paused`, `import: 200/s`, or the text of a mark.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(flow) = &self.flow {
            write!(f, "{flow}: ")?;
        }
        match &self.kind {
            LoadChangeKind::Pause => f.write_str("paused"),
            LoadChangeKind::Resume => f.write_str("resumed"),
            LoadChangeKind::Users { users: 1 } => f.write_str("1 user"),
            LoadChangeKind::Users { users } => write!(f, "{users} users"),
            LoadChangeKind::Rate { per_second } => f.write_str(&show_rate(*per_second)),
            LoadChangeKind::Tag { text } => f.write_str(text),
        }
    }
}
