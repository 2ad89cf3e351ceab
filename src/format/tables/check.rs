//! Checks.

use super::super::{Choice, Field, Form, Mapping, Type};

const STATUSES: Type = Type::OneOf(&[Type::Status, Type::List(&Type::Status)]);

pub(crate) const STATUS: Field = Field::new(
    "status",
    STATUSES,
    "[ 200, 201, 3xx ]",
    "The status is this one, or one of these; `2xx` is any from 200 to 299. A status of 400 and above fails a request \
     unless a check of its asks for it.",
);

pub(crate) const HEADER: Field = Field::new(
    "header",
    Type::HeaderName,
    "header: content-type\ncontains: json",
    "The response has this header; with `equals`, `contains` or `matches` beside it, one of its values is like that.",
);

pub(crate) const BODY: Field = Field::new(
    "body",
    Type::Mapping(&body::TABLE),
    "{ contains: welcome }",
    "The body, inflated and as text, is like this.",
);

pub(crate) const JSON: Field = Field::new(
    "json",
    Type::JsonPath,
    "json: '$.items'\nlength: '>= 1'",
    "A JSON path (RFC 9535) finds something in the body; with `equals`, `is` or `length` beside it, everything it finds is \
     like that. Put quotes around a path: YAML reads `[` and `]` otherwise.",
);

pub(crate) const TIME: Field = Field::new(
    "time",
    Type::TimeLimit,
    "'< 500ms'",
    "The service time of the response: from the actual start to the last byte, redirects included. `<`, `<=`, `>` or `>=`, \
     and a duration.",
);

pub(crate) const SIZE: Field = Field::new(
    "size",
    Type::SizeLimit,
    "'< 64KiB'",
    "The size of the inflated body: a comparison and a size.",
);

pub(crate) const EQUALS: Field = Field::new(
    "equals",
    Type::Any,
    "json: '$.state'\nequals: done",
    "Beside `header` or `json`: the value is this, with `${…}` inserted. Beside `json` the type counts: `5` is a number, \
     `'5'` a text; lists and mappings are compared whole.",
);

pub(crate) const CONTAINS: Field = Field::new(
    "contains",
    Type::Template,
    "header: content-type\ncontains: json",
    "Beside `header`: this text is in the value.",
);

pub(crate) const MATCHES: Field = Field::new(
    "matches",
    Type::Regex,
    "header: content-type\nmatches: '^application/'",
    "Beside `header`: the regular expression matches somewhere in the value.",
);

pub(crate) const EXISTS: Field = Field::new(
    "exists",
    Type::Literal("true"),
    "json: '$.id'\nexists: true",
    "Beside `header` or `json`: it is there. This is also meant where nothing else is asked for.",
);

pub(crate) const IS: Field = Field::new(
    "is",
    Type::Comparison,
    "json: '$.total'\nis: '>= ${minimum}'",
    "Beside `json`: a comparison with a number, a 'text' or an expression: `> 0`, `!= 'none'`, `>= ${n}`.",
);

pub(crate) const LENGTH: Field = Field::new(
    "length",
    Type::Length,
    "json: '$.items'\nlength: '>= 1'",
    "Beside `json`: the length of a list, a mapping or a text: a whole number, or a comparison with one.",
);

pub(crate) const NAME: Field = Field::new(
    "name",
    Type::Name,
    "status: 200\nname: found",
    "What reports call the check, and what thresholds select by: `ratio(checks{check=\"found\"}) > 99%`. Without it a check \
     is named after what it asks for, such as `status is 200`.",
);

/// The part of the response that a check examines.
pub(crate) static SUBJECT: Choice = Choice {
    keys: &["status", "header", "body", "json", "time", "size"],
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

pub(crate) const TABLE: Mapping = Mapping {
    name: "check",
    what: "a check",
    doc: "A check looks at one thing of the response. One that does not hold fails the request with outcome `check` and \
          changes nothing else: the iteration goes on. Checks are not judged where there is no whole response.",
    fields: &[
        STATUS, HEADER, BODY, JSON, TIME, SIZE, NAME, EQUALS, CONTAINS, MATCHES, EXISTS, IS, LENGTH,
    ],
    forms: &[
        &OF_STATUS, &OF_HEADER, &OF_BODY, &OF_JSON, &OF_TIME, &OF_SIZE,
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
        Type::Template,
        "pong",
        "The body is exactly this text.",
    );

    pub(crate) const CONTAINS: Field =
        Field::new("contains", Type::Template, "welcome", "This text is in it.");

    pub(crate) const MATCHES: Field = Field::new(
        "matches",
        Type::Regex,
        "'order-\\d+'",
        "The regular expression matches somewhere in it.",
    );

    pub(crate) static RULE: Choice = Choice {
        keys: &["equals", "contains", "matches"],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "check_of_body",
        what: "a check of the body",
        doc: "What the body must be like.",
        fields: &[EQUALS, CONTAINS, MATCHES],
        choices: &[&RULE],
        example: "contains: welcome\n",
        ..Mapping::EMPTY
    };
}
