//! Source: the files of a scenario, as text, as a tree of keys and values with their places, and what is wrong in them.
//!
//! Nothing here knows the format: this module reads files that a scenario may name, parses YAML and shows a
//! [`Diagnostic`] with the line that it is about.

mod diagnostic;
mod files;
mod tree;
pub(crate) mod user_info;
mod words;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics, Span};
pub(crate) use files::{Files, Refusal, read_scenario};
pub(crate) use tree::{Content, Entry, Node, Notation, Scalar};
pub(crate) use words::{LONGEST_NAME, brief, describe, did_you_mean, listed, nearest, one_of};
pub(crate) use yaml::parse;
