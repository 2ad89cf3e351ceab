//! The format of a scenario file, as data: one table of fields for each mapping.
//!
//! A table says which keys a mapping may have, what each holds, its default and what it means. The reader takes
//! everything it knows from the tables, and the JSON Schema and the reference page are written from the same ones, so that
//! none of the three can say something else. This module knows what may be written; what it means is for `scenario`.

pub(crate) mod problems;
mod read;
pub(crate) mod reference;
pub(crate) mod schema;
mod synonyms;
mod table;
pub(crate) mod tables;
mod types;
pub(crate) mod words;

pub(crate) use problems::Problems;
pub(crate) use read::Fields;
pub(crate) use table::{Choice, Field, Form, Format, Mapping, Presence, Type};
