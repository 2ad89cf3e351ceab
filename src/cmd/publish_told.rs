//! The text that `gander publish` prints: what it did, and the last changes of the trends that it added runs to.

use std::fmt::Write as _;

use crate::report::site::{Labels, Site, SiteRun};
use crate::report::text::clean;
use crate::units::{show_count, show_counted};

use super::found_run::FoundRun;
use super::site_folder::SiteFolder;

/// The effects of a command on a site.
pub(super) struct Done<'a> {
    /// The runs that it added.
    pub(super) added: &'a [&'a FoundRun],
    /// The runs that were there already, as the site knows them.
    pub(super) known: &'a [&'a SiteRun],
    /// The number of those whose missing files it wrote again.
    pub(super) restored: usize,
    /// The number of runs that `--keep` would remove at once.
    pub(super) older: usize,
    /// The runs that it removed.
    pub(super) removed: &'a [SiteRun],
}

impl Done<'_> {
    pub(super) fn told(&self, folder: &SiteFolder, site: &Site, labels: &Labels) -> String {
        let scenarios = site.trends();
        let mut text = format!(
            "{}: {} added",
            folder.path_of("index.html").display(),
            show_counted(self.added.len() as u64, "run")
        );
        let parts = [
            (self.known.len(), "there already"),
            (
                self.restored,
                "of these written again, as files were missing",
            ),
            (
                self.older,
                "not added, as they are older than the kept ones",
            ),
        ];
        // Writing into a String cannot fail.
        for (count, words) in parts.iter().filter(|(count, _)| *count > 0) {
            let _ = write!(text, ", {} {words}", show_count(*count as u64));
        }
        let _ = writeln!(
            text,
            "; {} of {}",
            show_counted(site.runs().len() as u64, "run"),
            show_counted(scenarios.len() as u64, "scenario")
        );
        let mut removed: Vec<&SiteRun> = self.removed.iter().collect();
        removed.sort_by_key(|run| (&run.started_at, &run.run_id));
        for run in removed {
            let _ = writeln!(text, "  removed {} ({})", run.run_id, run.started_at);
        }
        self.tell_kept(labels, &mut text);
        let is_added = |run: &&SiteRun| self.added.iter().any(|new| new.run_id == run.run_id);
        for (scenario, trends) in &scenarios {
            for trend in trends
                .iter()
                .filter(|trend| trend.runs.iter().any(is_added))
            {
                for change in trend.latest_changes() {
                    let _ = writeln!(
                        text,
                        "  {scenario}: {} {} ({}) since {}, run {}{}",
                        change.figure,
                        change.change,
                        if change.is_worse { "worse" } else { "better" },
                        change.since,
                        change.run_id,
                        change.conditions()
                    );
                }
            }
        }
        text.lines().map(|line| clean(line) + "\n").collect()
    }

    /// Says which runs have another label, commit or link than the command gives: a run is published once.
    fn tell_kept(&self, labels: &Labels, text: &mut String) {
        let given = [
            ("label", &labels.label),
            ("commit", &labels.commit),
            ("link", &labels.link),
        ];
        for (index, (name, given)) in given.into_iter().enumerate() {
            let Some(given) = given else { continue };
            let own = |run: &&SiteRun| [&run.label, &run.commit, &run.link][index].clone();
            let mut other = self
                .known
                .iter()
                .filter(|run| own(run).as_ref() != Some(given));
            let Some(first) = other.next() else { continue };
            let has = own(first)
                .map_or_else(|| format!("no {name}"), |own| format!("the {name} `{own}`"));
            let more = match other.count() {
                0 => String::new(),
                count => format!(", and {} more like it", show_count(count as u64)),
            };
            let id = &first.run_id;
            let _ = writeln!(
                text,
                "  {id} keeps {has}{more}: publish it with `--remove {id} --{name} …` to change that"
            );
        }
    }
}
