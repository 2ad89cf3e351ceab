//! `feed.xml`: the newest runs as an Atom feed (RFC 4287).

use std::fmt::Write as _;

use super::index::uuid_of;
use super::run::SiteRun;
use super::status::Status;
use super::trend::Trend;
use super::{RUNS, Site};
use crate::report::chart::escape;

/// The number of runs in the feed, the newest ones.
const MOST: usize = 50;

pub(super) fn render(site: &Site, trends: &[(&str, Vec<Trend<'_>>)]) -> String {
    let mut newest: Vec<&SiteRun> = site.runs.iter().collect();
    newest.sort_by(|a, b| (&b.started_at, &b.run_id).cmp(&(&a.started_at, &a.run_id)));
    newest.truncate(MOST);
    // A feed has to say when it changed, also one without runs.
    let updated = newest
        .first()
        .map_or("1970-01-01T00:00:00Z", |run| &*run.started_at);
    let id = match &*site.id {
        "" => uuid_of("gander site"),
        id => id.to_owned(),
    };
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<id>{}</id>\n\
         <title>Load tests</title>\n<updated>{}</updated>\n<author><name>Gander</name></author>\n\
         <generator version=\"{}\">Gander</generator>\n<link rel=\"self\" type=\"application/atom+xml\" href=\"feed.xml\"/>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"index.html\"/>\n",
        escape(&id),
        escape(updated),
        env!("CARGO_PKG_VERSION")
    );
    for run in newest {
        // Writing into a String cannot fail.
        let _ = writeln!(
            xml,
            "<entry>\n<id>{}</id>\n<title>{}</title>\n<updated>{}</updated>\n\
             <link rel=\"alternate\" type=\"text/html\" href=\"{RUNS}/{}/report.html\"/>\n<summary>{}</summary>\n</entry>",
            uuid_of(&run.run_id),
            escape(&title(run)),
            escape(&run.started_at),
            escape(&run.run_id),
            escape(&summary(run, trends))
        );
    }
    xml.push_str("</feed>\n");
    xml
}

/// `checkout (main): Passed`
fn title(run: &SiteRun) -> String {
    let names: Vec<&str> = [&run.environment, &run.label]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let of = if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    };
    format!("{}{of}: {}", run.scenario, Status::of(run).word)
}

/// The reason of the verdict, and the changes that began with the run.
fn summary(run: &SiteRun, trends: &[(&str, Vec<Trend<'_>>)]) -> String {
    let mut words = format!("{}.", run.reason.trim_end_matches('.'));
    let own = trends.iter().flat_map(|(_, trends)| trends);
    for change in own.flat_map(|trend| trend.latest_changes_at(&run.run_id)) {
        let _ = write!(
            words,
            " {} changed by {} from this run on.",
            change.figure, change.change
        );
    }
    words
}
