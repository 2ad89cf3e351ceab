//! Checks.

use super::super::{Choice, Field, Form, Mapping, Type};

const STATUSES: Type = Type::OneOf(&[Type::STATUS, Type::List(&Type::STATUS)]);

pub(crate) const STATUS: Field = Field::new(
    "status",
    STATUSES,
    "[ 200, 201, 3xx ]",
    "The status must be this one, or one of these; `2xx` means 200 to 299. A status of 400 or above fails a request \
     unless one of its checks accepts it.",
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

pub(crate) const EQUALS: Field = Field::new(
    "equals",
    Type::Any,
    "json: '$.state'\nequals: done",
    "With `header` or `json`: the expected value, with `${…}` inserted. With `json` the type matters: `5` is a number, \
     `'5'` a text; lists and mappings are compared completely.",
);

pub(crate) const CONTAINS: Field = Field::new(
    "contains",
    Type::TEMPLATE,
    "header: content-type\ncontains: json",
    "With `header`: the value must contain this text.",
);

pub(crate) const MATCHES: Field = Field::new(
    "matches",
    Type::REGEX,
    "header: content-type\nmatches: '^application/'",
    "With `header`: the regular expression must match a part of the value.",
);

pub(crate) const EXISTS: Field = Field::new(
    "exists",
    Type::Literal("true"),
    "json: '$.id'\nexists: true",
    "With `header` or `json`: the header or the value must exist. This is the default without another condition.",
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
    "With `json`: the length of a list, a mapping or a text: a whole number, or a comparison with one.",
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
    keys: &["status", "header", "body", "json", "time", "size", "that"],
    is_required: true,
};

/// The condition on that part.
pub(crate) static RULE: Choice = Choice {
    keys: &["equals", "contains", "matches", "exists", "is", "length"],
    is_required: false,
};

const fn of(needs: &'static [&'static str], may: &'static [&'static str]) -> Form {
    Form {
        what: "a check",
        needs,
        may,
    }
}

pub(crate) static OF_STATUS: Form = of(&["status"], &["name"]);
pub(crate) static OF_HEADER: Form = of(
    &["header"],
    &["equals", "contains", "matches", "exists", "name"],
);
pub(crate) static OF_BODY: Form = of(&["body"], &["name"]);
pub(crate) static OF_JSON: Form = of(&["json"], &["equals", "exists", "is", "length", "name"]);
pub(crate) static OF_TIME: Form = of(&["time"], &["name"]);
pub(crate) static OF_SIZE: Form = of(&["size"], &["name"]);
pub(crate) static OF_THAT: Form = of(&["that"], &["name"]);

pub(crate) const TABLE: Mapping = Mapping {
    name: "check",
    what: "a check",
    doc: "A check tests one part of the response. A failed check fails the request with outcome `check` and changes \
        nothing else: the iteration continues. Checks are not evaluated without a complete response.",
    fields: &[
        STATUS, HEADER, BODY, JSON, TIME, SIZE, THAT, NAME, EQUALS, CONTAINS, MATCHES, EXISTS, IS,
        LENGTH,
    ],
    forms: &[
        &OF_STATUS, &OF_HEADER, &OF_BODY, &OF_JSON, &OF_TIME, &OF_SIZE, &OF_THAT,
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

    pub(crate) static RULE: Choice = Choice {
        keys: &["equals", "contains", "matches"],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "check_of_body",
        what: "a check of the body",
        doc: "A condition on the body.",
        fields: &[EQUALS, CONTAINS, MATCHES],
        choices: &[&RULE],
        example: "contains: welcome\n",
        ..Mapping::EMPTY
    };
}
