//! Captures.

use super::super::words::{CapturePick, FromWord};
use super::super::{Choice, Field, Mapping, Type};
use super::css;

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

pub(crate) const GROUP: Field = Field::new(
    "group",
    Type::OneOf(&[Type::Integer(0, MOST_GROUPS), Type::NAME]),
    "regex: 'item/(?<kind>[a-z]+)/(?<id>\\d+)'\ngroup: id",
    "With `regex`: the group to take, by its number or its name; 0 is the whole match.",
);

pub(crate) const CSS: Field = Field::new(
    "css",
    css::QUERY,
    "{ select: 'input[name=csrf]', attr: value }",
    "The text of an element of an HTML body, or one of its attributes. Entities are decoded. HTML of more than 8 MiB is \
     not read.",
);

pub(crate) const BETWEEN: Field = Field::new(
    "between",
    Type::List(&Type::Text),
    "[ 'name=\"csrf\" value=\"', '\"' ]",
    "The text of the body between two texts, as it is: entities are not decoded.",
);

pub(crate) const BODY: Field = Field::new(
    "body",
    Type::Literal("true"),
    "true",
    "The whole decompressed body, as text.",
);

pub(crate) const STATUS: Field = Field::new(
    "status",
    Type::Literal("true"),
    "true",
    "The status of the response, a number.",
);

pub(crate) const URL: Field = Field::new(
    "url",
    Type::Literal("true"),
    "true",
    "The URL of the response, after redirects: complete, with host and query.",
);

pub(crate) const COOKIE: Field = Field::new(
    "cookie",
    Type::NAME,
    "session",
    "The value of a cookie that the response sets, or otherwise of one that the user has for this URL.",
);

pub(crate) const PICK: Field = Field::new(
    "pick",
    Type::OneOf(&[Type::Words(&CapturePick::SET), Type::Integer(1, MOST_VALUES)]),
    "json: '$.items[*].id'\npick: random",
    "The value to take if there are several; a number counts from 1: `pick: 2` is the second. If there are fewer, it \
     finds none.",
)
.default("first");

pub(crate) const DEFAULT: Field = Field::new(
    "default",
    Type::Any,
    "json: '$.next'\ndefault: none",
    "The value if nothing is found. A single `${…}` keeps the type of its value, an unquoted number or `true` keeps its \
     type; lists and mappings are constants.",
);

pub(crate) const OPTIONAL: Field = Field::new(
    "optional",
    Type::Flag,
    "json: '$.next'\noptional: true",
    "Whether the name just has no value if nothing is found: the request does not fail, and a value that the name had \
     before is forgotten. `if: next ?? false` asks whether it has one.",
)
.default("false");

/// The largest number of a group.
const MOST_GROUPS: u64 = 99;

/// The largest number of a value.
const MOST_VALUES: u64 = 1_000_000;

/// The source of the value.
pub(crate) static SOURCE: Choice = Choice {
    keys: &[
        "json", "css", "regex", "between", "header", "cookie", "body", "status", "url",
    ],
    is_required: true,
};

pub(crate) const TABLE: Mapping = Mapping {
    name: "capture",
    what: "a capture",
    doc: "A capture takes one value from the response. If it finds none, the request fails with outcome `capture`, and \
        `on_error` decides what happens next; `default` and `optional` avoid that. Values whose name suggests a secret are masked, and so are values \
        captured from cookies.",
    fields: &[
        JSON, CSS, REGEX, BETWEEN, HEADER, COOKIE, BODY, STATUS, URL, GROUP, PICK, DEFAULT,
        OPTIONAL,
    ],
    choices: &[&SOURCE],
    example: "json: '$.items[*].id'\npick: random\n",
    ..Mapping::EMPTY
};
