//! CSS queries: elements, and what to take from them.

use super::super::{Field, Mapping, Type};

/// A selector alone, or with an attribute.
pub(crate) const QUERY: Type = Type::OneOf(&[Type::CSS, Type::Mapping(&TABLE)]);

pub(crate) const SELECT: Field = Field::new(
    "select",
    Type::CSS,
    "'a[rel=next]'",
    "The selector of the elements.",
)
.required();

pub(crate) const ATTR: Field = Field::new(
    "attr",
    Type::NAME,
    "href",
    "The attribute whose value is taken; elements without it are left out. Without `attr` it is the element's text, \
     without white space around it.",
);

pub(crate) const TABLE: Mapping = Mapping {
    name: "css",
    what: "`css`",
    doc: "Elements of an HTML body, and what is taken from each. Entities such as `&amp;` are decoded.",
    fields: &[SELECT, ATTR],
    example: "select: 'a[rel=next]'\nattr: href\n",
    rest: "select: a\n",
    ..Mapping::EMPTY
};
