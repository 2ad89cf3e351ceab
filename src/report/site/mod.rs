//! A site of published runs: `index.json`, pages with the trends of each scenario, badges and a feed. Plain files for any
//! static host.
//!
//! Everything but the reports of the runs is made of `index.json`, so that one more run costs no look at the others.

mod badge;
mod feed;
mod figure;
mod home;
mod index;
mod page;
mod run;
mod scenario;
mod status;
mod trend;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

pub use index::{SITE_JSON_SCHEMA, SITE_SCHEMA, SiteError, is_folder_name};
pub use run::{Labels, SiteConditions, SiteReading, SiteRun, environment_of};
pub use trend::{LatestChange, MOST_IN_TREND, Trend};

use super::RenderError;

/// The index, from which all other pages are made.
pub const INDEX_JSON: &str = "index.json";

/// The folder of the runs.
pub const RUNS: &str = "runs";

/// The folders and the files that are made of the index.
pub const MADE: [&str; 4] = ["index.html", "feed.xml", "scenarios", "badges"];

/// Published runs, in the order in which they were added.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    schema: String,
    id: String,
    runs: Vec<SiteRun>,
    more: Map<String, Value>,
}

/// A file of a site.
#[derive(Debug)]
pub struct SiteFile {
    /// Its path in the site's folder.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What adding a run to a site did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The run is new.
    New,
    /// The run was there already, with the same content.
    Known,
    /// A run with this id was there already, with another content; it stays.
    Different,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            schema: SITE_SCHEMA.to_owned(),
            id: String::new(),
            runs: Vec::new(),
            more: Map::new(),
        }
    }
}

impl Site {
    /// The runs, in the order in which they were added.
    pub fn runs(&self) -> &[SiteRun] {
        &self.runs
    }

    /// Adds a run, unless it is there.
    pub fn add(&mut self, run: SiteRun) -> Added {
        let mut known = self.runs.iter().filter(|known| known.run_id == run.run_id);
        match known.next() {
            Some(known) if known.journal_sha256 == run.journal_sha256 => Added::Known,
            Some(_) => Added::Different,
            None => {
                if self.id.is_empty() {
                    self.id = Self::id_of(&run);
                }
                self.runs.push(run);
                Added::New
            }
        }
    }

    /// Removes the runs with these ids, and of each trend all but the newest `keep`; returns the removed runs.
    pub fn remove(&mut self, ids: &[String], keep: Option<usize>) -> Vec<SiteRun> {
        let mut by_start: Vec<&SiteRun> = self.runs.iter().collect();
        by_start.sort_by(|a, b| (&b.started_at, &b.run_id).cmp(&(&a.started_at, &a.run_id)));
        let mut newer: BTreeMap<trend::TrendKey<'_>, usize> = BTreeMap::new();
        let mut leave: BTreeSet<String> = ids.iter().cloned().collect();
        for run in by_start {
            if leave.contains(&run.run_id) {
                continue;
            }
            let count = newer.entry(trend::key(run)).or_default();
            *count += 1;
            if keep.is_some_and(|keep| *count > keep) {
                leave.insert(run.run_id.clone());
            }
        }
        let runs = std::mem::take(&mut self.runs);
        let (removed, kept) = runs
            .into_iter()
            .partition(|run| leave.contains(&run.run_id));
        self.runs = kept;
        removed
    }

    /// The trends by scenario.
    pub fn trends(&self) -> Vec<(&str, Vec<Trend<'_>>)> {
        trend::trends(&self.runs)
    }

    /// Every file that is made of the index.
    ///
    /// # Errors
    /// A chart could not be drawn, or a template failed.
    pub fn files(&self) -> Result<Vec<SiteFile>, RenderError> {
        let trends = self.trends();
        let mut files = vec![
            file("index.html", home::render(self, &trends)?),
            file("feed.xml", feed::render(self, &trends).into_bytes()),
        ];
        for (name, trends) in &trends {
            let path = format!("scenarios/{}.html", slug(name));
            files.push(file(path, scenario::render(self, name, trends)?));
            files.extend(badge::of_scenario(name, trends));
        }
        Ok(files)
    }
}

fn file(path: impl Into<String>, bytes: Vec<u8>) -> SiteFile {
    SiteFile {
        path: path.into(),
        bytes,
    }
}

/// The name of a page about something with this name: the same text, or a readable form with a hash of it.
fn slug(name: &str) -> String {
    let readable: String = name
        .chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => c,
            _ => '-',
        })
        .take(60)
        .collect();
    if readable == name {
        readable
    } else {
        format!("{readable}-{}", index::short_hash(name))
    }
}
