//! The format of a scenario file, as data: one table of fields for each mapping.
//!
//! A table lists the keys of a mapping with the type, the default and the meaning of each. The reader, the JSON Schema
//! and the reference page are all derived from the same tables, so they cannot contradict each other. This module
//! defines the syntax; `scenario` defines the meaning.

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
pub(crate) use table::{Choice, Field, Form, Format, Mapping, Presence, Secrecy, Type};
