//! `ab.json`: the order and the settings of a comparison, from which it can be rebuilt.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Side;

/// The schema of the record.
pub const SCHEMA: &str = "gander.ab/1";
/// Its name in the folder of the comparison.
pub const RECORD_FILE: &str = "ab.json";

/// The content of `ab.json`. It is written before the first run and again after each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AbRecord {
    /// `gander.ab/1`
    pub schema: String,
    /// Gander's version.
    pub gander: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's path as given.
    pub scenario_path: String,
    /// When the comparison began, RFC 3339, UTC.
    pub started_at: String,
    /// The number of planned pairs.
    pub pairs: u32,
    /// The seed of the order, and of the first pair; each further pair has the next number.
    pub seed: u64,
    /// The changes to the scenario and the bundled target that both arms share, without secrets.
    pub common: Vec<String>,
    /// The first arm.
    pub a: ArmRecord,
    /// The second arm.
    pub b: ArmRecord,
    /// How the comparison was judged, so that it can be made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<JudgedAs>,
    /// Every planned run, in order.
    pub runs: Vec<RunRecord>,
    /// Why the comparison ended early; `None` while it runs and after it is complete.
    pub stopped: Option<String>,
}

/// The options that judge a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedAs {
    /// The figures that decide; none for the usual ones.
    pub gates: Vec<String>,
    /// The tolerance, as a fraction.
    pub tolerance: f64,
    /// True if a regression must exceed it with its whole interval.
    pub strict: bool,
    /// The confidence of the intervals: more than 95 % after a look at unfinished results.
    pub confidence: f64,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmRecord {
    /// The changes that only this arm has, each as `path = value`, without secrets. Empty in both arms if they are equal.
    pub settings: Vec<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The number of its pair, from 1.
    pub pair: u32,
    /// 1 for the first run of the pair, 2 for the second.
    pub slot: u32,
    /// Its arm.
    pub arm: Side,
    /// Its seed: the same for both runs of a pair.
    pub seed: u64,
    /// The name of its folder, next to the record: `01-a`.
    pub folder: String,
    /// The exit code of the run; `None` if it has not ended.
    pub exit_code: Option<u8>,
}

impl AbRecord {
    /// Writes the record into a folder, in one atomic step.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let draft = folder.join(format!(".{RECORD_FILE}.{}", std::process::id()));
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(&draft, text)?;
        std::fs::rename(&draft, folder.join(RECORD_FILE))
    }

    /// Reads the record of a folder.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(folder.join(RECORD_FILE))?;
        let record: Self = serde_json::from_str(&text)?;
        if record.schema == SCHEMA {
            return Ok(record);
        }
        Err(io::Error::other(format!(
            "expected the schema {SCHEMA}, found {}",
            record.schema
        )))
    }

    /// The changes that distinguish an arm.
    pub const fn arm(&self, side: Side) -> &ArmRecord {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }
}
