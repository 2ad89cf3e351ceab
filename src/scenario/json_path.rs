//! JSON paths (RFC 9535) with a limit on the work of a query.
//!
//! A path with one descent (`..`) visits each value of a body once. With more descents, or with lists of selectors, the
//! number of found values multiplies: four descents in 600 bytes find millions. Such a path is evaluated segment by
//! segment, with the same values in the same order, and the visits of each segment are counted before it runs.

use std::fmt;

use serde_json::Value;
use serde_json_path::{LocatedNodeList, ParseError};

use crate::expr::value::PathStep;

/// The maximum number of values that a path visits in a body.
const MAX_VISITS: u64 = 2_000_000;

/// A JSON path, compiled once.
#[derive(Clone)]
pub struct JsonPath {
    /// The text as written. The library's own output for descents is not a valid path.
    text: String,
    whole: serde_json_path::JsonPath,
    /// Its segments, if the number of found values may multiply; else empty.
    segments: Vec<PathSegment>,
    /// The names and indices at its beginning, and the rest of the path.
    beginning: Option<(Vec<PathStep>, Box<JsonPath>)>,
}

/// A segment as a separate path, and the properties that decide how many values it visits.
#[derive(Clone)]
struct PathSegment {
    path: serde_json_path::JsonPath,
    /// The number of descents, including those in filters.
    descents: u32,
    /// The number of paths in filters that begin at the root.
    absolutes: u32,
    /// The number of selectors in lists, beyond the first.
    commas: u32,
    has_filter: bool,
}

/// A path would visit more values than is reasonable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a body in which the path visits more than {MAX_VISITS} values, which is the limit; use fewer descents (..)"
)]
pub struct TooManyVisits;

impl JsonPath {
    /// Parses a path.
    ///
    /// # Errors
    /// The text is not a JSON path.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let whole = serde_json_path::JsonPath::parse(text)?;
        let mut all = PathSegment::of(text, whole.clone());
        let mut segments = Vec::new();
        if all.descents + all.commas >= 2 || all.absolutes > 0 {
            match split(text) {
                Some(parts) if all.absolutes == 0 => segments = parts,
                // A path whose filter refers to the root cannot be split. Estimate it as if each list doubled the
                // values for the next one.
                _ => {
                    all.commas = 2_u32.saturating_pow(all.commas);
                    segments.push(all);
                }
            }
        }
        Ok(Self {
            text: text.to_owned(),
            whole,
            segments,
            beginning: beginning(text),
        })
    }

    /// The names and indices at its beginning, and the rest of the path; `None` if it begins with another kind of
    /// segment.
    pub fn narrowed(&self) -> Option<(&[PathStep], &Self)> {
        let (steps, rest) = self.beginning.as_ref()?;
        Some((steps, rest))
    }

    /// True if the number of found values may multiply, so that even a small body can cause much work.
    pub const fn may_multiply(&self) -> bool {
        !self.segments.is_empty()
    }

    /// All values in `value` that the path selects.
    ///
    /// # Errors
    /// The query would visit too many values.
    pub fn query<'v>(&self, value: &'v Value) -> Result<Vec<&'v Value>, TooManyVisits> {
        if self.segments.is_empty() {
            return Ok(self.whole.query(value).all());
        }
        let mut visits = 0_u64;
        let mut nodes = vec![value];
        for segment in &self.segments {
            let mut found = Vec::new();
            for node in nodes {
                visits = visits.saturating_add(segment.visits(node));
                if visits > MAX_VISITS {
                    return Err(TooManyVisits);
                }
                found.extend(segment.path.query(node).all());
            }
            nodes = found;
        }
        Ok(nodes)
    }

    /// The selected values with their locations; call it only after `query` succeeded, which checks the limit.
    pub fn query_located<'v>(&self, value: &'v Value) -> LocatedNodeList<'v> {
        self.whole.query_located(value)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.whole, f)
    }
}

impl PathSegment {
    fn of(text: &str, path: serde_json_path::JsonPath) -> Self {
        let mut segment = Self {
            path,
            descents: 0,
            absolutes: 0,
            commas: 0,
            has_filter: false,
        };
        let mut before = ' ';
        for (_, c) in unquoted(&text[1..]) {
            match c {
                '.' if before == '.' => segment.descents += 1,
                '$' => segment.absolutes += 1,
                ',' => segment.commas += 1,
                '?' => segment.has_filter = true,
                _ => {}
            }
            before = c;
        }
        segment
    }

    /// An upper bound of the number of values visited below `node`.
    fn visits(&self, node: &Value) -> u64 {
        let once = if self.descents == 0 && self.absolutes == 0 && !self.has_filter {
            1 + children(node)
        } else {
            let (size, height) = extent(node);
            // Each further descent starts at every value on the path to a value.
            let again = height.saturating_pow(self.descents.saturating_sub(1));
            size.saturating_pow(1 + self.absolutes)
                .saturating_mul(again)
        };
        once.saturating_mul(u64::from(self.commas) + 1)
    }
}

fn children(node: &Value) -> u64 {
    match node {
        Value::Array(items) => items.len() as u64,
        Value::Object(members) => members.len() as u64,
        _ => 0,
    }
}

/// The number of values in `node`, including itself, and their nesting depth. The parser limits the depth.
fn extent(node: &Value) -> (u64, u64) {
    let (mut size, mut height) = (1, 0);
    let mut add = |child| {
        let (below, depth) = extent(child);
        size += below;
        height = depth.max(height);
    };
    match node {
        Value::Array(items) => items.iter().for_each(&mut add),
        Value::Object(members) => members.values().for_each(&mut add),
        _ => {}
    }
    (size, height + 1)
}

/// The characters of a path that are outside quotes.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut is_escaped = false;
    text.char_indices().filter(move |&(_, c)| {
        if let Some(end) = quote {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                _ if c == end => quote = None,
                _ => {}
            }
            return false;
        }
        if matches!(c, '\'' | '"') {
            quote = Some(c);
        }
        true
    })
}

/// The names and indices at the beginning of a path, and the rest of the path.
fn beginning(text: &str) -> Option<(Vec<PathStep>, Box<JsonPath>)> {
    let rest = &text[1..];
    // A filter that refers to the root needs the whole value.
    if unquoted(rest).any(|(_, c)| c == '$') {
        return None;
    }
    let mut steps = Vec::new();
    let mut end = 0;
    for bounds in starts(rest).windows(2) {
        let Some(step) = step(rest[bounds[0]..bounds[1]].trim_end()) else {
            break;
        };
        steps.push(step);
        end = bounds[1];
    }
    if steps.is_empty() {
        return None;
    }
    let from_there = JsonPath::parse(&format!("${}", &rest[end..])).ok()?;
    Some((steps, Box::new(from_there)))
}

/// The name or index that a segment selects, if it selects one and is written in a simple form.
fn step(segment: &str) -> Option<PathStep> {
    if let Some(name) = segment.strip_prefix('.') {
        let is_name = !name.is_empty() && !name.starts_with(['.', '[', '*']);
        return is_name.then(|| PathStep::Name(name.to_owned()));
    }
    let inner = segment.strip_prefix('[')?.strip_suffix(']')?.trim();
    if let Ok(index) = inner.parse() {
        return Some(PathStep::Index(index));
    }
    let quote = inner.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let name = inner.strip_prefix(quote)?.strip_suffix(quote)?;
    let is_plain = !name.contains(['\\', quote]);
    is_plain.then(|| PathStep::Name(name.to_owned()))
}

/// The segments of a path, each as a separate path; `None` if one of them is not a valid path.
fn split(text: &str) -> Option<Vec<PathSegment>> {
    let rest = &text[1..];
    starts(rest)
        .windows(2)
        .map(|bounds| {
            let text = format!("${}", rest[bounds[0]..bounds[1]].trim_end());
            let path = serde_json_path::JsonPath::parse(&text).ok()?;
            Some(PathSegment::of(&text, path))
        })
        .collect()
}

/// The starts of the segments in the text after the `$` of a path, and its end.
fn starts(rest: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let (mut depth, mut before) = (0, ' ');
    for (at, c) in unquoted(rest) {
        match c {
            '[' => {
                // `..[` is one segment.
                if depth == 0 && before != '.' {
                    starts.push(at);
                }
                depth += 1;
            }
            ']' => depth -= 1,
            '.' if depth == 0 && before != '.' => starts.push(at),
            _ => {}
        }
        before = c;
    }
    starts.push(rest.len());
    starts
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_taken_by_its_segments_finds_the_same() {
        let value = json!({
            "a": [{"b": 1, "c": {"b": [1, 2, {"b": "x"}]}}, {"b": 2}, {"it's": {"b": 3}}],
            "b": {"a": {"b": [4, 5]}, "c..d": {"b": 6}},
            "[,]": [1],
        });
        for text in [
            "$..b..b",
            "$..a..b..*",
            "$..*..b",
            "$..[0, 1]..b",
            "$['a', 'b']['b', 'a'].b",
            "$.a[0, 0, 1][*, 'b']",
            "$..['b', 'c..d']..b",
            "$..[?@..b]..b",
            r#"$..["it's"]..b"#,
            "$.a[?@.b == $.a[1].b]..b",
            "$..[?@.b == $.a[0].b].b",
            "$['[,]', \"a\"]..*",
        ] {
            let path = JsonPath::parse(text).expect(text);
            assert!(path.may_multiply(), "{text}");
            let whole = serde_json_path::JsonPath::parse(text).expect(text);
            assert_eq!(path.query(&value), Ok(whole.query(&value).all()), "{text}");
        }
        for text in ["$", "$.a[*].b", "$..b", "$.a[0, 1]", "$['a,b', 'it..s']"] {
            assert!(!JsonPath::parse(text).expect(text).may_multiply(), "{text}");
        }
    }

    #[test]
    fn what_multiplies_without_end_is_refused_soon() {
        let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
        let deep: Value = serde_json::from_str(&deep).expect("JSON");
        let wide = json!([[1, 2, 3], [4, 5, 6]]);
        let twice = "[0, 0]";
        for (text, value) in [
            ("$..*..*..*..*..*".to_owned(), &deep),
            ("$..[?@..[?@..[?@..[?@..*]]]]".to_owned(), &deep),
            ("$..[?$..[?$..*]]..*".to_owned(), &deep),
            (format!("$..*{}", twice.repeat(60)), &deep),
        ] {
            let begun = Instant::now();
            let path = JsonPath::parse(&text).expect(&text);
            assert_eq!(path.query(value), Err(TooManyVisits), "{text}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{text}");
        }
        let path = JsonPath::parse("$..*..*").expect("a path");
        assert_eq!(path.query(&wide).map(|found| found.len()), Ok(6));
        assert!(path.query(&deep).is_ok());
    }
}
