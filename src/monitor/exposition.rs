//! Pages in the text format of Prometheus and in `OpenMetrics`.
//!
//! Sources: Prometheus, exposition formats, text format 0.0.4; `OpenMetrics` 1.0. Timestamps and exemplars are read past.
//! A page with a line that is none of these is refused as a whole: half a page would look like metrics that vanished.

use std::borrow::Cow;
use std::collections::HashMap;

/// A page.
#[derive(Debug, Default)]
pub struct Page<'t> {
    /// The types of families, by their names.
    pub types: HashMap<&'t str, FamilyType>,
    /// The samples, in the order of the page.
    pub samples: Vec<Sample<'t>>,
}

/// A sample: a line of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'t> {
    /// Its name, with a suffix such as `_bucket`.
    pub name: Cow<'t, str>,
    /// Its labels, in the order of the line.
    pub labels: Vec<(Cow<'t, str>, Cow<'t, str>)>,
    /// Its value; may be infinite or no number.
    pub value: f64,
}

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyType {
    /// Only ever grows, or starts again.
    Counter,
    /// A level.
    Gauge,
    /// Observations in buckets.
    Histogram,
    /// Quantiles that the target computed.
    Summary,
    /// Any other type, or none.
    Unknown,
}

/// A line that is no part of a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the page is not in the text format: {message}")]
pub struct PageError {
    /// The line, from 1.
    pub line: usize,
    /// The finding and the expectation.
    pub message: &'static str,
}

impl Sample<'_> {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        let mut labels = self.labels.iter();
        labels
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_ref())
    }
}

impl<'t> Page<'t> {
    /// Parses a page. Of an `OpenMetrics` page the end is marked, and one without it was cut off.
    ///
    /// # Errors
    /// A line is not in the format, or the mark is missing.
    pub fn parse(text: &'t str, is_open_metrics: bool) -> Result<Self, PageError> {
        let mut page = Self::default();
        let mut has_ended = false;
        let mut count = 0;
        for (number, line) in (1..).zip(text.split('\n')) {
            count = number;
            let line = line.trim_matches(is_space);
            if line.is_empty() {
                continue;
            }
            let fault = |message| PageError {
                line: number,
                message,
            };
            if has_ended {
                return Err(fault("something follows `# EOF`"));
            }
            match line.strip_prefix('#') {
                Some(comment) => has_ended = page.comment(comment, line).map_err(fault)?,
                None => page.samples.push(sample(line).map_err(fault)?),
            }
        }
        if is_open_metrics && !has_ended {
            return Err(PageError {
                line: count,
                message: "it ends without `# EOF`, so it was cut off",
            });
        }
        Ok(page)
    }

    /// Reads a line after its `#`; true if it is the last.
    fn comment(&mut self, comment: &'t str, line: &str) -> Result<bool, &'static str> {
        if line == "# EOF" {
            return Ok(true);
        }
        let mut words = comment.split(is_space).filter(|word| !word.is_empty());
        if words.next() != Some("TYPE") {
            return Ok(false);
        }
        let (Some(name), Some(word), None) = (words.next(), words.next(), words.next()) else {
            return Err("`# TYPE` needs a name and a type");
        };
        let kind = match word {
            "counter" => FamilyType::Counter,
            "gauge" => FamilyType::Gauge,
            "histogram" => FamilyType::Histogram,
            "summary" => FamilyType::Summary,
            _ => FamilyType::Unknown,
        };
        // Names that are not plain are in quotes here.
        self.types.insert(name.trim_matches('"'), kind);
        Ok(false)
    }

    /// The type of the family to which samples of this name belong.
    pub fn type_of(&self, name: &str) -> FamilyType {
        let of = |name: &str| self.types.get(name).copied();
        // `OpenMetrics` names a family of counters without their suffix.
        let family = || name.strip_suffix("_total").and_then(of);
        of(name).or_else(family).unwrap_or(FamilyType::Unknown)
    }
}

const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | ':')
}

/// `name{label="value",…} value [timestamp] [# exemplar]`; the name may also be in quotes within the braces.
fn sample(line: &str) -> Result<Sample<'_>, &'static str> {
    let end = line.find(|c: char| !(is_name_start(c) || c.is_ascii_digit()));
    let (name, mut rest) = line.split_at(end.unwrap_or(line.len()));
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("a name cannot begin with a digit");
    }
    let mut found = Sample {
        name: Cow::Borrowed(name),
        labels: Vec::new(),
        value: 0.0,
    };
    rest = rest.trim_start_matches(is_space);
    if let Some(labels) = rest.strip_prefix('{') {
        rest = braces(labels, &mut found)?;
    }
    if found.name.is_empty() {
        return Err("expected the name of a metric");
    }
    let mut words = rest.split(is_space).filter(|word| !word.is_empty());
    let value = words.next().ok_or("the sample has no value")?;
    found.value = number(value).ok_or("the value is not a number")?;
    match words.next() {
        None | Some("#") => Ok(found),
        Some(timestamp) if number(timestamp).is_none_or(f64::is_nan) => {
            Err("the timestamp is not a number")
        }
        Some(_) if words.next().is_none_or(|word| word == "#") => Ok(found),
        Some(_) => Err("something follows the value and the timestamp"),
    }
}

/// A number as Go writes it; `None` for other texts.
fn number(text: &str) -> Option<f64> {
    let plain = text.trim_start_matches(['+', '-']);
    let is_word = ["inf", "infinity", "nan"]
        .iter()
        .any(|word| plain.eq_ignore_ascii_case(word));
    let is_number = is_word || plain.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| is_number)
}

/// Reads what is between braces, and returns what follows them.
fn braces<'t>(mut rest: &'t str, sample: &mut Sample<'t>) -> Result<&'t str, &'static str> {
    loop {
        rest = rest.trim_start_matches(is_space);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok(after);
        }
        let (name, after) = if rest.starts_with('"') {
            quoted(rest)?
        } else {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err("expected the name of a label");
            }
            (Cow::Borrowed(name), after)
        };
        let after = after.trim_start_matches(is_space);
        rest = match after.strip_prefix('=') {
            Some(after) => {
                let (value, after) = quoted(after.trim_start_matches(is_space))?;
                if sample.label(&name).is_some() {
                    return Err("a label is there twice");
                }
                sample.labels.push((name, value));
                after
            }
            // The name of the metric.
            None if rest.starts_with('"') && sample.name.is_empty() => {
                sample.name = name;
                after
            }
            None => return Err("expected `=` after the name of a label"),
        };
        rest = rest.trim_start_matches(is_space);
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else if !rest.starts_with('}') {
            return Err("expected `,` or `}` after a label");
        }
    }
}

/// Reads a text in quotes, and returns what follows it. `\\`, `\"` and `\n` are escapes; another backslash stays.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let inner = text.strip_prefix('"').ok_or("expected `\"`")?;
    let plain = inner
        .find(['"', '\\'])
        .ok_or("a text in quotes is never closed")?;
    if inner[plain..].starts_with('"') {
        return Ok((Cow::Borrowed(&inner[..plain]), &inner[plain + 1..]));
    }
    let mut value = inner[..plain].to_owned();
    let mut characters = inner[plain..].char_indices();
    while let Some((offset, character)) = characters.next() {
        match character {
            '"' => return Ok((Cow::Owned(value), &inner[plain + offset + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("a text in quotes is never closed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of the format's own documentation, and what `OpenMetrics` adds.
    const PAGE: &str = r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054 # {trace="a b"} 0.01 1.5
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.99",} NaN
{"a.dotted.name", "label é"="ü"} 1
# EOF
"#;

    #[test]
    fn the_example_of_the_format_is_read() {
        let page = Page::parse(PAGE, true).expect("a page");
        assert_eq!(page.samples.len(), 11);
        let first = &page.samples[0];
        assert_eq!(
            (&*first.name, first.label("code"), first.value),
            ("http_requests_total", Some("200"), 1027.0)
        );
        let escaped = &page.samples[2];
        assert_eq!(escaped.label("path"), Some(r"C:\DIR\FILE.TXT"));
        assert_eq!(
            escaped.label("error"),
            Some("Cannot find file:\n\"FILE.TXT\"")
        );
        assert!(page.samples[4].value.is_infinite() && page.samples[9].value.is_nan());
        assert_eq!(
            page.type_of("http_request_duration_seconds"),
            FamilyType::Histogram
        );
        let quoted = &page.samples[10];
        assert_eq!(
            (&*quoted.name, quoted.label("label é")),
            ("a.dotted.name", Some("ü"))
        );
    }

    #[test]
    fn a_line_that_is_no_sample_is_refused_with_its_number() {
        for (text, message) in [
            ("<html>", "expected the name of a metric"),
            ("a", "the sample has no value"),
            ("a b", "the value is not a number"),
            ("a 0x10", "the value is not a number"),
            ("a 1 2 3", "something follows the value and the timestamp"),
            ("a 1 b", "the timestamp is not a number"),
            ("a{b=\"c\" 1", "expected `,` or `}` after a label"),
            ("a{b=\"c} 1", "a text in quotes is never closed"),
            ("a{b} 1", "expected `=` after the name of a label"),
            ("a{b=c} 1", "expected `\"`"),
            ("a{b=\"c\",b=\"d\"} 1", "a label is there twice"),
            ("1a 1", "a name cannot begin with a digit"),
            ("# TYPE a", "`# TYPE` needs a name and a type"),
            ("# EOF\na 1", "something follows `# EOF`"),
        ] {
            let error = Page::parse(&format!("\n{text}"), false).expect_err(text);
            assert_eq!(error.message, message, "{text}");
            assert!(error.line >= 2, "{text}");
        }
        assert!(Page::parse("a 1\n", true).is_err(), "without its end");
        assert!(Page::parse("a 1", false).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

        /// No page makes the parser panic, and what it accepts has a name and no label twice.
        #[test]
        fn a_damaged_page_is_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<char>()), 1..6),
            is_open_metrics: bool,
        ) {
            let mut page: Vec<char> = PAGE.chars().collect();
            for (place, change, character) in changes {
                if page.is_empty() {
                    break;
                }
                let at = place.index(page.len());
                match change {
                    0 => page[at] = character,
                    1 => page.insert(at, character),
                    2 => drop(page.remove(at)),
                    _ => page.truncate(at.max(1)),
                }
            }
            let text: String = page.into_iter().collect();
            if let Ok(page) = Page::parse(&text, is_open_metrics) {
                for sample in &page.samples {
                    prop_assert!(!sample.name.is_empty());
                    for (name, value) in &sample.labels {
                        prop_assert_eq!(sample.label(name), Some(&**value));
                    }
                }
            }
        }
    }
}
