//! The first text of a scenario file, for each kind of test: against Folio, or against one URL that was looked at.
//!
//! Pure: the caller makes the request and writes the file.

mod load;
mod site;

use std::fmt::Write as _;

pub use site::{Site, SiteError};

use self::load::LoadText;

/// A kind of test for which a file can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StarterKind {
    /// Little load, to see that everything works.
    Smoke,
    /// The normal load.
    Baseline,
    /// More than the normal load, in steps.
    Stress,
    /// A sudden surge.
    Spike,
    /// Hours of load.
    Soak,
    /// A search for the highest rate that the target holds.
    Breakpoint,
    /// A rate of arrivals.
    Custom,
}

impl StarterKind {
    /// The word for it, in a file and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Baseline => "baseline",
            Self::Stress => "stress",
            Self::Spike => "spike",
            Self::Soak => "soak",
            Self::Breakpoint => "breakpoint",
            Self::Custom => "custom",
        }
    }
}

/// The text of a file of this kind; without a site, its target is Folio.
pub fn text(kind: StarterKind, site: Option<&Site>) -> String {
    let load = LoadText::of(kind);
    let word = kind.word();
    let target = site.map_or_else(|| "bundled".to_owned(), |site| quoted(&site.target));
    let about = match site {
        Some(_) => "the base URL; --target replaces it",
        None => "Folio, the app inside Gander; or the base URL of yours",
    };
    let mut out = format!(
        "# {}\nname: {word}\nkind: {word}\ntarget: {target:<28}# {about}\n\n{}\n",
        load.purpose, load.load
    );
    let _ = writeln!(
        out,
        "think_time: {:<24}# a pause between two steps, drawn anew each time\n\nhttp: {{ timeout: 30s }}\n\nflows:",
        load.think_time
    );
    match site {
        Some(site) => site.flow(&mut out),
        None => out.push_str(FOLIO_FLOW),
    }
    if !load.thresholds.is_empty() {
        out.push_str(
            "\nthresholds:                         # rules that decide whether the run passed\n",
        );
        out.push_str(load.thresholds);
    }
    if site.is_none() && kind == StarterKind::Soak {
        out.push_str("  - slope(target.rss) < 5MB/h       # its memory must not grow\n");
    }
    out
}

/// What a user of Folio does.
const FOLIO_FLOW: &str = r#"  - name: browse
    weight: 3                       # three of four iterations
    steps:
      - get: /api/v1/documents
        name: list documents
        query: { limit: 20, page: "${random(1,10)}" }
        check: [ { status: 200 }, { json: "$.items", length: ">= 1" } ]
        capture: { id: { json: "$.items[*].id", pick: random } }
      - get: /api/v1/documents/${id}
        name: read document
        check: [ { status: 200 }, { json: $.id, equals: "${id}" } ]
  - name: search
    weight: 1
    steps:
      - get: /api/v1/search
        query: { q: caching }
        check: [ { status: 200 } ]
"#;

/// A text as a scalar of YAML on one line: as it is if it is plain, else in double quotes.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && !text.contains(": ")
        && !text.ends_with(':')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~/?=&%+:;!()".contains(&b));
    if is_plain {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_yaml_reads_in_another_way_are_quoted() {
        for (text, expected) in [
            ("/products?page=2", "/products?page=2"),
            ("https://shop.test:8443", "https://shop.test:8443"),
            ("/a#b", "\"/a#b\""),
            ("/a,b", "\"/a,b\""),
            ("-x", "\"-x\""),
            ("/x:", "\"/x:\""),
            ("a \"b\"", "\"a \\\"b\\\"\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
