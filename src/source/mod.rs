//! Source: the files of a scenario as text and as a tree of keys and values with their positions, and the diagnostics
//! about them.
//!
//! This module does not know the format. It reads the files that a scenario may name, parses YAML and shows each
//! [`Diagnostic`] with its line.

mod diagnostic;
mod files;
mod sources;
mod tree;
pub(crate) mod user_info;
mod words;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics, Related, Span};
pub(crate) use files::{Files, Refusal, hex, read_scenario};
pub use sources::{FileId, SourceFile, Sources};
pub(crate) use tree::{Content, Entry, Node, Notation, Scalar};
pub(crate) use words::{LONGEST_NAME, brief, describe, did_you_mean, listed, nearest, one_of};
pub(crate) use yaml::parse;
