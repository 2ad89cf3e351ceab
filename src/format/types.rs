//! The named scalar types: name, pattern and description of each.

use super::Type;

/// A named scalar type.
#[derive(Debug)]
pub(crate) struct Simple {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// Its name in the reference.
    pub(super) title: &'static str,
    pub(super) doc: &'static str,
    /// The pattern of the text, as a regular expression; empty if any text is valid.
    pub(super) pattern: &'static str,
    /// True if `key:` without a value means an empty text.
    pub(super) may_be_empty: bool,
    pub(super) examples: &'static [&'static str],
}

const fn simple(
    name: &'static str,
    title: &'static str,
    doc: &'static str,
    pattern: &'static str,
    examples: &'static [&'static str],
) -> Simple {
    Simple {
        name,
        title,
        doc,
        pattern,
        may_be_empty: false,
        examples,
    }
}

static TEXT: Simple = simple("text", "text", "A text.", "", &["Readers and buyers"]);
static NAME: Simple = simple(
    "name",
    "name",
    "A text that names something in reports: at least one and at most 200 characters, on one line, without `${…}`.",
    r"^(?!.*\$\{)[^\p{Cc}]*[^\p{Cc}\s][^\p{Cc}]*$",
    &["list documents"],
);
static FILE: Simple = simple(
    "file",
    "file",
    "The name of a file, relative to the scenario's. It must stay below the scenario's root; absolute names and links \
     out of the root are errors.",
    "",
    &["../fixtures/users.csv"],
);
static TEMPLATE: Simple = Simple {
    may_be_empty: true,
    ..simple(
        "template",
        "template",
        "A text in which each `${…}` is replaced by the value of an [expression](#expressions), evaluated again for \
         each request. `$${` means a literal `${`.",
        "",
        &["user${user()}@example.test", "${token}"],
    )
};
static BASE_URL: Simple = simple(
    "base_url",
    "base URL",
    "A URL with http:// or https://, a host, and optionally a port and a path; no credentials, no `?` and no `#`.",
    r"^\s*[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#]*)?\s*$",
    &["http://127.0.0.1:8080", "https://shop.test/api"],
);
static TRACE_URL: Simple = simple(
    "trace_url",
    "trace URL",
    "A URL with http:// or https:// and `${trace_id}` in it, without credentials.",
    r"^\s*[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+[/?#].*\$\{trace_id\}",
    &["https://tempo.test/trace/${trace_id}"],
);
static URL: Simple = simple(
    "url",
    "URL",
    "An absolute path (`/items`), a path on another target (`cdn:/a.css`), a complete URL (`https://…`), or one `${…}` \
     with such a value. `${…}` may be used anywhere in it.",
    r"^(/[^/]?|[A-Za-z][A-Za-z0-9_-]*:/|\$\{)",
    &["/items/${id}?limit=20", "https://cdn.shop.test/a.css"],
);
static CONDITION: Simple = simple(
    "condition",
    "condition",
    "An [expression](#expressions) that is true or false; the surrounding `${…}` is optional.",
    "",
    &["${id}", "stock > 0 and size == 'L'"],
);
static VALUE: Simple = simple(
    "value",
    "value",
    "One `${…}`, an [expression](#expressions) whose value keeps its type.",
    r"^\s*\$\{.*\}\s*$",
    &["${ids}"],
);
static DURATION: Simple = simple(
    "duration",
    "duration",
    "One or more numbers, each with its unit: `us`, `ms`, `s`, `m` (or `min`), `h`, `d`. A number without a unit is an \
     error.",
    r"^\s*([0-9][0-9_.]*|\.[0-9]+)(us|µs|μs|ms|s|m|min|h|d)([0-9._]+(us|µs|μs|ms|s|m|min|h|d))*\s*$",
    &["500ms", "1.5s", "1m30s", "2h"],
);
static RATE: Simple = simple(
    "rate",
    "rate",
    "A number per second, minute or hour: `/s`, `/min` (or `/m`), `/h`. A number without a unit is an error.",
    r"^\s*[0-9._]+\s*/\s*(s|sec|m|min|h)\s*$",
    &["200/s", "90/min"],
);
static SIZE: Simple = simple(
    "size",
    "size",
    "A number of bytes with its unit: `B`, `KiB`, `MiB`, `GiB` (powers of 1,024), or `KB`, `MB`, `GB` (powers of \
     1,000).",
    r"^\s*[0-9._]+\s*(B|KiB|MiB|GiB|KB|kB|MB|GB)\s*$",
    &["64KiB", "2MB"],
);
static RANGE: Simple = simple(
    "range",
    "range",
    "Two durations with `..` between them; every value between them is equally likely.",
    r"^[^.]*(\.[0-9][^.]*)?\.\..*$",
    &["1s..3s"],
);
static LEVELS: Simple = simple(
    "levels",
    "levels",
    "Two levels with `..` between them: users (`20..60`) or rates (`20/s..60/s`).",
    r"^\s*[0-9][0-9_.]*(\s*/\s*(s|sec|m|min|h))?\s*\.\.\s*[0-9][0-9_.]*(\s*/\s*(s|sec|m|min|h))?\s*$",
    &["20..60", "20/s..60/s"],
);
static RATES: Simple = simple(
    "rates",
    "rates",
    "Two rates with `..` between them; the second may be left out (`50/s..`).",
    r"^\s*[0-9][0-9_.]*\s*/\s*(s|sec|m|min|h)\s*\.\.(\s*[0-9][0-9_.]*\s*/\s*(s|sec|m|min|h))?\s*$",
    &["50/s..", "50/s..2000/s"],
);
static SHARE: Simple = simple(
    "share",
    "share",
    "A percentage above 0, such as `5%`.",
    r"^\s*[0-9][0-9_.]*\s*%\s*$",
    &["5%"],
);
static STATUS: Simple = simple(
    "status",
    "status",
    "A status from 100 to 999; a class of them: `2xx` is any from 200 to 299; or a range: `200..204`.",
    r"^([1-9][0-9][0-9]|[1-9]xx|[1-9][0-9][0-9]\s*\.\.\s*[1-9][0-9][0-9])$",
    &["200", "2xx", "200..204"],
);
static CSS: Simple = simple(
    "css_selector",
    "CSS selector",
    "A CSS selector, as a browser's `querySelectorAll` takes it. Put quotes around it, because `#` and `[` are YAML \
     syntax.",
    "",
    &["h1", "form[name=buy] input"],
);
static JSON_PATH: Simple = simple(
    "json_path",
    "JSON path",
    "A path into a JSON body (RFC 9535). Put quotes around it, because `[`, `]` and `*` are YAML syntax.",
    r"^\$",
    &["$.items[*].id", "$..price"],
);
static REGEX: Simple = simple(
    "regex",
    "regular expression",
    "A regular expression with linear running time: no look-arounds, no back-references. Put it in single quotes, \
     which keep backslashes.",
    "",
    &[r"id=(\d+)"],
);
static HEADER_NAME: Simple = simple(
    "header_name",
    "header name",
    "The name of a header, in any case.",
    r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
    &["content-type"],
);
static COMPARISON: Simple = simple(
    "comparison",
    "comparison",
    "An operator and a value: a number, a 'text' in quotes, or an expression. Put quotes around the whole.",
    r"^\s*(<=|>=|==|!=|<|>)\s*\S",
    &["> 0", "!= 'none'"],
);
static LENGTH: Simple = simple(
    "length",
    "length",
    "A whole number, optionally after an operator.",
    r"^\s*(<=|>=|==|!=|<|>)?\s*[0-9]+\s*$",
    &["3", ">= 1"],
);
static TIME_LIMIT: Simple = simple(
    "time_limit",
    "time limit",
    "`<`, `<=`, `>` or `>=`, and a duration. Put quotes around the whole.",
    r"^\s*(<=|>=|!=|<|>)\s*[0-9]",
    &["< 500ms"],
);
static SIZE_LIMIT: Simple = simple(
    "size_limit",
    "size limit",
    "An operator and a size. Put quotes around the whole.",
    r"^\s*(<=|>=|==|!=|<|>)?\s*[0-9]",
    &["< 64KiB"],
);
static THRESHOLD: Simple = simple(
    "threshold_expression",
    "threshold expression",
    "An aggregate of a metric, an operator and a limit: `p95(response_time{step=\"login\"}) < 500ms`. See \
     [Threshold expressions](#threshold-expressions).",
    r"^\s*\S+\s*\(.*\)\s*(\{.*\}\s*)?(vs\s+baseline\s*)?(<=|>=|==|!=|<|>)\s*\S",
    &[
        "p95(response_time) < 500ms",
        "ratio(failed) < 1%",
        "p95(response_time) vs baseline < +10%",
        "slope(target.rss) < 5MB/h",
        "share(seconds: p95(response_time) < 300ms) > 99%",
        "p95(response_time){stage=\"after\"} < 1.5 * p95(response_time){stage=\"before\"}",
    ],
);

/// The types that the reference explains.
pub(super) static EXPLAINED: [&Simple; 25] = [
    &DURATION,
    &RATE,
    &SIZE,
    &RANGE,
    &LEVELS,
    &RATES,
    &SHARE,
    &NAME,
    &FILE,
    &TEMPLATE,
    &BASE_URL,
    &TRACE_URL,
    &URL,
    &CONDITION,
    &VALUE,
    &STATUS,
    &JSON_PATH,
    &CSS,
    &REGEX,
    &HEADER_NAME,
    &COMPARISON,
    &LENGTH,
    &TIME_LIMIT,
    &SIZE_LIMIT,
    &THRESHOLD,
];

impl Type {
    pub(crate) const NAME: Self = Self::Simple(&NAME);
    pub(crate) const FILE: Self = Self::Simple(&FILE);
    pub(crate) const TEMPLATE: Self = Self::Simple(&TEMPLATE);
    pub(crate) const BASE_URL: Self = Self::Simple(&BASE_URL);
    pub(crate) const TRACE_URL: Self = Self::Simple(&TRACE_URL);
    pub(crate) const URL: Self = Self::Simple(&URL);
    pub(crate) const CONDITION: Self = Self::Simple(&CONDITION);
    pub(crate) const VALUE: Self = Self::Simple(&VALUE);
    pub(crate) const DURATION: Self = Self::Simple(&DURATION);
    pub(crate) const RATE: Self = Self::Simple(&RATE);
    pub(crate) const SIZE: Self = Self::Simple(&SIZE);
    pub(crate) const RANGE: Self = Self::Simple(&RANGE);
    pub(crate) const LEVELS: Self = Self::Simple(&LEVELS);
    pub(crate) const RATES: Self = Self::Simple(&RATES);
    pub(crate) const SHARE: Self = Self::Simple(&SHARE);
    pub(crate) const STATUS: Self = Self::Simple(&STATUS);
    pub(crate) const JSON_PATH: Self = Self::Simple(&JSON_PATH);
    pub(crate) const CSS: Self = Self::Simple(&CSS);
    pub(crate) const REGEX: Self = Self::Simple(&REGEX);
    pub(crate) const HEADER_NAME: Self = Self::Simple(&HEADER_NAME);
    pub(crate) const COMPARISON: Self = Self::Simple(&COMPARISON);
    pub(crate) const LENGTH: Self = Self::Simple(&LENGTH);
    pub(crate) const TIME_LIMIT: Self = Self::Simple(&TIME_LIMIT);
    pub(crate) const SIZE_LIMIT: Self = Self::Simple(&SIZE_LIMIT);
    pub(crate) const THRESHOLD: Self = Self::Simple(&THRESHOLD);

    /// The named scalar type of this type; `None` for other types.
    pub(super) const fn simple(self) -> Option<&'static Simple> {
        match self {
            Self::Simple(simple) => Some(simple),
            Self::Text => Some(&TEXT),
            Self::Positive => Some(&DURATION),
            Self::Any
            | Self::Flag
            | Self::Integer(..)
            | Self::Literal(_)
            | Self::Words(_)
            | Self::List(_)
            | Self::Nothing
            | Self::Map(_)
            | Self::Mapping(_)
            | Self::Step
            | Self::OneOf(_) => None,
        }
    }
}
