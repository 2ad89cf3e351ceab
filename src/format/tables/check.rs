//! Checks.

use super::super::words::{FromWord, JsonType, OnFail};
use super::super::{Choice, Field, Form, Mapping, Type};
use super::css;

pub(crate) const STATUSES: Type = Type::OneOf(&[Type::STATUS, Type::List(&Type::STATUS)]);

pub(crate) const STATUS: Field = Field::new(
    "status",
    STATUSES,
    "[ 200, 201, 3xx ]",
    "The status must be this one, or one of these; `2xx` means 200 to 299, and `200..204` each of these five. A status \
     that `fail_on` names, 400 or above by default, fails a request unless one of its checks accepts it.",
);

pub(crate) const HEADER: Field = Field::new(
    "header",
    Type::HEADER_NAME,
    "header: content-type\ncontains: json",
    "The response must have this header. With `equals`, `contains` or `matches`, one of its values must match.",
);

pub(crate) const BODY: Field = Field::new(
    "body",
    Type::Mapping(&body::TABLE),
    "{ contains: welcome }",
    "A condition on the decompressed body, as text.",
);

pub(crate) const JSON: Field = Field::new(
    "json",
    Type::JSON_PATH,
    "json: '$.items'\nlength: '>= 1'",
    "A JSON path (RFC 9535) must find a value in the body. With `equals`, `is` or `length`, every value that it finds \
     must match. Put quotes around a path, because `[` and `]` are YAML syntax.",
);

pub(crate) const TIME: Field = Field::new(
    "time",
    Type::TIME_LIMIT,
    "'< 500ms'",
    "The service time of the response: from the actual start to the last byte, redirects included. `<`, `<=`, `>` or \
     `>=`, and a duration.",
);

pub(crate) const SIZE: Field = Field::new(
    "size",
    Type::SIZE_LIMIT,
    "'< 64KiB'",
    "The size of the decompressed body: a comparison and a size.",
);

pub(crate) const THAT: Field = Field::new(
    "that",
    Type::CONDITION,
    "response.json.total == response.json.items[0].price * 2",
    "An expression that must hold, over the response and every other name: `response.status == 200 and \
     response.headers[\"x-id\"] == id`. If it does not hold, the failure shows the values of its names.",
);

pub(crate) const CSS: Field = Field::new(
    "css",
    css::QUERY,
    "css: '#basket li'\ncount: '>= 1'",
    "The body, read as HTML, must have an element that this CSS selector finds. With `equals`, `contains` or \
     `matches`, the text of one of the elements must match, or its attribute: `css: { select: a, attr: href }`. HTML of \
     more than 8 MiB is not read.",
);

pub(crate) const COUNT: Field = Field::new(
    "count",
    Type::LENGTH,
    "css: '#basket li'\ncount: 3",
    "With `css`: how many elements it finds: a whole number, or a comparison with one.",
);

pub(crate) const URL: Field = Field::new(
    "url",
    Type::Mapping(&url::TABLE),
    "{ contains: /welcome }",
    "A condition on the URL of the response, after redirects: complete, with host and query.",
);

pub(crate) const SCHEMA: Field = Field::new(
    "schema",
    Type::FILE,
    "../fixtures/order.schema.json",
    "The body must be valid against the JSON Schema in this file (draft 4 to 2020-12). `file.json#/path` is a schema \
     inside a larger file, such as an OpenAPI document in JSON; references to other files are errors.",
);

pub(crate) const NOT: Field = Field::new(
    "not",
    Type::Mapping(&NEGATED),
    "{ body: { contains: error } }",
    "The check inside must fail. What cannot be judged, such as a JSON path in a body that is not JSON, fails both \
     ways.",
);

pub(crate) const ON_FAIL: Field = Field::new(
    "on_fail",
    Type::Words(&OnFail::SET),
    "status: 200\non_fail: stop_iteration",
    "What a failure of this check does; a response that never came counts as one.",
)
.default("count");

pub(crate) const TYPE: Field = Field::new(
    "type",
    Type::Words(&JsonType::SET),
    "json: '$.items'\ntype: array",
    "With `json`: the type of the value.",
);

pub(crate) const EQUALS: Field = Field::new(
    "equals",
    Type::Any,
    "json: '$.state'\nequals: done",
    "With `header`, `css` or `json`: the expected value, with `${…}` inserted. With `json` the type matters: `5` is a number, \
     `'5'` a text; lists and mappings are compared completely.",
);

pub(crate) const CONTAINS: Field = Field::new(
    "contains",
    Type::TEMPLATE,
    "header: content-type\ncontains: json",
    "With `header` or `css`: the value must contain this text.",
);

pub(crate) const MATCHES: Field = Field::new(
    "matches",
    Type::REGEX,
    "header: content-type\nmatches: '^application/'",
    "With `header` or `css`: the regular expression must match a part of the value.",
);

pub(crate) const EXISTS: Field = Field::new(
    "exists",
    Type::Literal("true"),
    "json: '$.id'\nexists: true",
    "With `header`, `json` or `css`: it must exist. This is the default without another condition; `not` around the \
     check says that it must not exist.",
);

pub(crate) const IS: Field = Field::new(
    "is",
    Type::COMPARISON,
    "json: '$.total'\nis: '>= ${minimum}'",
    "With `json`: a comparison with a number, a 'text' or an expression: `> 0`, `!= 'none'`, `>= ${n}`.",
);

pub(crate) const LENGTH: Field = Field::new(
    "length",
    Type::LENGTH,
    "json: '$.items'\nlength: '>= 1'",
    "With `json`: the length of a list, a mapping or a text; with `header`: the length of its value in characters. A \
     whole number, or a comparison with one.",
);

pub(crate) const NAME: Field = Field::new(
    "name",
    Type::NAME,
    "status: 200\nname: found",
    "The name of the check in reports and threshold selectors: `ratio(checks{check=\"found\"}) > 99%`. The default \
     describes the condition, such as `status is 200`.",
);

/// The part of the response that a check examines.
pub(crate) static SUBJECT: Choice = Choice {
    keys: &[
        "status", "header", "body", "json", "css", "schema", "url", "time", "size", "not", "that",
    ],
    is_required: true,
};

/// The same in a check that must fail.
pub(crate) static NEGATED_SUBJECT: Choice = Choice {
    keys: &[
        "status", "header", "body", "json", "css", "schema", "url", "time", "size",
    ],
    is_required: true,
};

/// The condition on that part.
pub(crate) static RULE: Choice = Choice {
    keys: &[
        "equals", "contains", "matches", "exists", "is", "length", "type", "count",
    ],
    is_required: false,
};

const fn of(needs: &'static [&'static str], may: &'static [&'static str]) -> Form {
    Form {
        what: "a check",
        needs,
        may,
    }
}

pub(crate) static OF_STATUS: Form = of(&["status"], &["name", "on_fail"]);
pub(crate) static OF_HEADER: Form = of(
    &["header"],
    &[
        "equals", "contains", "matches", "exists", "length", "name", "on_fail",
    ],
);
pub(crate) static OF_BODY: Form = of(&["body"], &["name", "on_fail"]);
pub(crate) static OF_JSON: Form = of(
    &["json"],
    &[
        "equals", "exists", "is", "length", "type", "name", "on_fail",
    ],
);
pub(crate) static OF_CSS: Form = of(
    &["css"],
    &[
        "equals", "contains", "matches", "exists", "count", "name", "on_fail",
    ],
);
pub(crate) static OF_SCHEMA: Form = of(&["schema"], &["name", "on_fail"]);
pub(crate) static OF_URL: Form = of(&["url"], &["name", "on_fail"]);
pub(crate) static OF_TIME: Form = of(&["time"], &["name", "on_fail"]);
pub(crate) static OF_SIZE: Form = of(&["size"], &["name", "on_fail"]);
pub(crate) static OF_THAT: Form = of(&["that"], &["name", "on_fail"]);
pub(crate) static OF_NOT: Form = of(&["not"], &["name", "on_fail"]);

/// The subjects and rules of a check that must fail.
pub(crate) const NEGATED: Mapping = Mapping {
    name: "negated_check",
    what: "a check inside `not`",
    doc: "The condition of a check that must fail.",
    fields: &[
        STATUS, HEADER, BODY, JSON, CSS, SCHEMA, URL, TIME, SIZE, EQUALS, CONTAINS, MATCHES,
        EXISTS, IS, LENGTH, TYPE, COUNT,
    ],
    choices: &[&NEGATED_SUBJECT, &RULE],
    example: "body: { contains: error }\n",
    ..Mapping::EMPTY
};

pub(crate) const TABLE: Mapping = Mapping {
    name: "check",
    what: "a check",
    doc: "A check tests one part of the response. A failed check fails the request with outcome `check`; the iteration \
        continues unless `on_fail` ends it. Checks are not evaluated without a complete response.",
    fields: &[
        STATUS, HEADER, BODY, JSON, CSS, SCHEMA, URL, TIME, SIZE, NOT, THAT, NAME, ON_FAIL, EQUALS,
        CONTAINS, MATCHES, EXISTS, IS, LENGTH, TYPE, COUNT,
    ],
    forms: &[
        &OF_STATUS, &OF_HEADER, &OF_BODY, &OF_JSON, &OF_CSS, &OF_SCHEMA, &OF_URL, &OF_TIME,
        &OF_SIZE, &OF_NOT, &OF_THAT,
    ],
    choices: &[&SUBJECT, &RULE],
    example: "json: '$.items'\nlength: '>= 1'\nname: has items\n",
    ..Mapping::EMPTY
};

pub(crate) mod body {
    //! Checks of the body.

    use super::super::super::{Choice, Field, Mapping, Type};

    pub(crate) const EQUALS: Field = Field::new(
        "equals",
        Type::TEMPLATE,
        "pong",
        "The body must be exactly this text.",
    );

    pub(crate) const CONTAINS: Field = Field::new(
        "contains",
        Type::TEMPLATE,
        "welcome",
        "The body must contain this text.",
    );

    pub(crate) const MATCHES: Field = Field::new(
        "matches",
        Type::REGEX,
        "'order-\\d+'",
        "The regular expression must match a part of the body.",
    );

    pub(crate) const SIZE: Field = Field::new(
        "size",
        Type::SIZE_LIMIT,
        "'> 0 B'",
        "The size of the decompressed body: a comparison and a size.",
    );

    pub(crate) static RULE: Choice = Choice {
        keys: &["equals", "contains", "matches", "size"],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "check_of_body",
        what: "a check of the body",
        doc: "A condition on the body.",
        fields: &[EQUALS, CONTAINS, MATCHES, SIZE],
        choices: &[&RULE],
        example: "contains: welcome\n",
        ..Mapping::EMPTY
    };
}

pub(crate) mod url {
    //! Checks of the URL.

    use super::super::super::{Choice, Field, Mapping, Type};

    pub(crate) const EQUALS: Field = Field::new(
        "equals",
        Type::TEMPLATE,
        "http://127.0.0.1/welcome",
        "The URL must be exactly this text.",
    );

    pub(crate) const CONTAINS: Field = Field::new(
        "contains",
        Type::TEMPLATE,
        "/welcome",
        "The URL must contain this text.",
    );

    pub(crate) const MATCHES: Field = Field::new(
        "matches",
        Type::REGEX,
        "'/orders/\\d+$'",
        "The regular expression must match a part of the URL.",
    );

    pub(crate) static RULE: Choice = Choice {
        keys: &["equals", "contains", "matches"],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "check_of_url",
        what: "a check of the URL",
        doc: "A condition on the URL of the response.",
        fields: &[EQUALS, CONTAINS, MATCHES],
        choices: &[&RULE],
        example: "contains: /welcome\n",
        ..Mapping::EMPTY
    };
}
