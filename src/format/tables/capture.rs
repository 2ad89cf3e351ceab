//! Captures.

use super::super::words::{CapturePick, FromWord};
use super::super::{Choice, Field, Mapping, Type};

pub(crate) const JSON: Field = Field::new(
    "json",
    Type::JSON_PATH,
    "'$.items[*].id'",
    "A JSON path (RFC 9535) into the body. The value keeps its type; null is a value. Put quotes around a path, \
     because `[` and `]` are YAML syntax.",
);

pub(crate) const HEADER: Field = Field::new(
    "header",
    Type::HEADER_NAME,
    "location",
    "The value of a response header.",
);

pub(crate) const REGEX: Field = Field::new(
    "regex",
    Type::REGEX,
    "'id=\"(\\d+)\"'",
    "The first group of a regular expression in the body, or the whole match if it has no group. Matching takes linear \
     time; there are no look-arounds and no back-references.",
);

pub(crate) const COOKIE: Field = Field::new(
    "cookie",
    Type::NAME,
    "session",
    "The value of a cookie that the response sets, or otherwise of one that the user has for this URL.",
);

pub(crate) const PICK: Field = Field::new(
    "pick",
    Type::Words(&CapturePick::SET),
    "json: '$.items[*].id'\npick: random",
    "The value to take if there are several.",
)
.default("first");

/// The source of the value.
pub(crate) static SOURCE: Choice = Choice {
    keys: &["json", "header", "regex", "cookie"],
    is_required: true,
};

pub(crate) const TABLE: Mapping = Mapping {
    name: "capture",
    what: "a capture",
    doc: "A capture takes one value from the response. If it finds none, the request fails with outcome `capture`, and \
        `on_error` decides what happens next. Values whose name suggests a secret are masked, and so are values \
        captured from cookies.",
    fields: &[JSON, HEADER, REGEX, COOKIE, PICK],
    choices: &[&SOURCE],
    example: "json: '$.items[*].id'\npick: random\n",
    ..Mapping::EMPTY
};
