//! Loading the assets of a page: the value of `assets`.

use super::super::{Field, Mapping, Type};

/// The assets of an HTML page, with the usual options or with some of them changed.
pub(crate) const TYPE: Type = Type::OneOf(&[Type::Literal(HTML), Type::Mapping(&TABLE)]);

/// The word for the usual options.
pub(crate) const HTML: &str = "html";

pub(crate) const PARALLEL: Field = Field::new(
    "parallel",
    Type::Integer(1, 100),
    "6",
    "The maximum number of requests at the same time.",
)
.default("6");

pub(crate) const SAME_HOST: Field = Field::new(
    "same_host",
    Type::Flag,
    "false",
    "Whether only assets on the host and port of the page are loaded. With `false`, other hosts get load too.",
)
.default("true");

pub(crate) const TABLE: Mapping = Mapping {
    name: "assets",
    what: "`assets`",
    doc: "How the assets of a page are loaded; `assets: html` takes the defaults.",
    fields: &[PARALLEL, SAME_HOST],
    example: "parallel: 4\nsame_host: false\n",
    ..Mapping::EMPTY
};
