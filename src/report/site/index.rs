//! `index.json`: everything that a site is made of, one line a run.
//!
//! Publishing only adds lines, and keys that a later minor version added stay. The schema's number changes when an older
//! Gander would misunderstand the file.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::Site;
use super::run::SiteRun;
use crate::report::RenderError;

/// The schema that this version writes and reads; minor versions follow after a point.
pub const SITE_SCHEMA: &str = "gander.site/1";

/// The schema itself, as JSON Schema.
pub const SITE_JSON_SCHEMA: &str = include_str!("site.schema.json");

/// The reason why a file is no index of a site.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// Not the JSON that it should be.
    #[error("it is not the index of a site that `gander publish` made")]
    Malformed(#[from] serde_json::Error),
    /// Of another version.
    #[error(
        "it has the schema {found:?}, and this version of Gander reads {SITE_SCHEMA}: publish with a newer Gander, or into another \
         folder"
    )]
    Schema {
        /// The schema in the file.
        found: String,
    },
    /// A run whose identifier is no name of a folder.
    #[error(
        "the run id {0:?} is no name of a folder: expected letters, digits, dots, dashes and underscores"
    )]
    RunId(String),
    /// A run that is there twice.
    #[error("run {0} is in it twice: remove one of both lines")]
    Twice(String),
}

#[derive(Deserialize)]
struct Version {
    schema: String,
}

#[derive(Deserialize)]
struct File {
    id: String,
    runs: Vec<SiteRun>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Site {
    /// Reads the text of `index.json`.
    pub fn parse(text: &str) -> Result<Self, SiteError> {
        let Version { schema } = serde_json::from_str(text)?;
        let is_known = schema
            .strip_prefix(SITE_SCHEMA)
            .is_some_and(|minor| minor.is_empty() || minor.starts_with('.'));
        if !is_known {
            return Err(SiteError::Schema { found: schema });
        }
        let mut file: File = serde_json::from_str(text)?;
        file.more.shift_remove("schema");
        let mut ids: Vec<&str> = file.runs.iter().map(|run| &*run.run_id).collect();
        if let Some(bad) = ids.iter().find(|id| !is_folder_name(id)) {
            return Err(SiteError::RunId((*bad).to_owned()));
        }
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SiteError::Twice(twice[0].to_owned()));
        }
        Ok(Self {
            schema,
            id: file.id,
            runs: file.runs.into_iter().map(SiteRun::cleaned).collect(),
            more: file.more,
        })
    }

    /// The text of `index.json`.
    ///
    /// # Errors
    /// A number has no JSON form.
    pub fn to_text(&self) -> Result<String, RenderError> {
        let mut text = format!(
            "{{\n\"schema\": {},\n\"id\": {},\n",
            serde_json::to_string(&self.schema)?,
            serde_json::to_string(&self.id)?
        );
        for (key, value) in &self.more {
            let key = serde_json::to_string(key)?;
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{key}: {value},");
        }
        let runs: Result<Vec<String>, _> = self.runs.iter().map(serde_json::to_string).collect();
        let runs = runs?.join(",\n");
        let separator = if runs.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "\"runs\": [{separator}{runs}{separator}]\n}}");
        Ok(text)
    }

    /// A site whose first run is this one, which gives the site its identifier.
    pub(super) fn id_of(first: &SiteRun) -> String {
        uuid_of(&format!("gander site {}", first.journal_sha256))
    }
}

/// A UUID that depends on a text only, as a URN.
pub(super) fn uuid_of(text: &str) -> String {
    let digest = Sha256::digest(text);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    let uuid = uuid::Builder::from_custom_bytes(bytes).into_uuid();
    format!("urn:uuid:{uuid}")
}

/// The first eight hexadecimal digits of a text's SHA-256.
pub(super) fn short_hash(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text).into();
    let [a, b, c, d, ..] = digest;
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// True if a run id can be the name of a folder: nothing that a path or a page could misunderstand.
pub fn is_folder_name(run_id: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !run_id.starts_with('.') && (1..=200).contains(&run_id.len()) && run_id.chars().all(is_plain)
}
