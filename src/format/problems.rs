//! Collects the errors found while a file is read.
//!
//! Reading does not stop at an error. A reader that fails returns `None` and the caller continues with the next key;
//! the scenario is rejected at the end if any error was reported.

use std::collections::{BTreeSet, HashSet};

use super::Format;
use crate::mask::Mask;
use crate::source::{Diagnostic, Diagnostics, FileId, Refusal, Sources, Span};

/// The errors found so far.
#[derive(Debug)]
pub(crate) struct Problems {
    /// The format of the file.
    pub(super) format: &'static Format,
    list: Vec<Diagnostic>,
    /// Command-line arguments that changed the tree; a span with line 0 refers to one of them by its column.
    arguments: Vec<String>,
    /// Positions of values that are known to be wrong; further errors about them are not reported.
    spoiled: HashSet<(FileId, u32, u32)>,
    /// True if environment variables may be unset; an unset one is replaced by its own name.
    accepts_unset: bool,
    /// The unset environment variables.
    unset: BTreeSet<String>,
    /// True if an error was suppressed because it is about an unknown value.
    has_held_back: bool,
    /// True if standard input was not read, because the file is only checked.
    pub(crate) has_unread_input: bool,
    /// Values of the environment and the command line that may be secret; no message shows them.
    pub(crate) secrets: Vec<String>,
    /// The names of the file's environments.
    pub(crate) environments: Vec<String>,
}

impl Problems {
    /// No errors yet, for a file of this format.
    pub(crate) fn of(format: &'static Format) -> Self {
        Self {
            format,
            list: Vec::new(),
            arguments: Vec::new(),
            spoiled: HashSet::new(),
            accepts_unset: false,
            unset: BTreeSet::new(),
            has_held_back: false,
            has_unread_input: false,
            secrets: Vec::new(),
            environments: Vec::new(),
        }
    }

    /// As [`Self::of`], for a file that is checked without being run: environment variables need not be set.
    pub(crate) fn without_environment(format: &'static Format) -> Self {
        Self {
            accepts_unset: true,
            ..Self::of(format)
        }
    }

    /// A placeholder for an unset environment variable if it need not be set; the name is recorded.
    pub(crate) fn stand_in(&mut self, name: &str) -> Option<String> {
        if !self.accepts_unset {
            return None;
        }
        self.unset.insert(name.to_owned());
        Some(name.to_owned())
    }

    /// Records that the rows of standard input are unknown.
    pub(crate) fn leave_input_unread(&mut self) {
        self.has_held_back = true;
        self.has_unread_input = true;
    }

    pub(crate) const fn accepts_unset(&self) -> bool {
        self.accepts_unset
    }

    /// The environment variables that placeholders were used for.
    pub(crate) fn unset(&self) -> impl Iterator<Item = &str> {
        self.unset.iter().map(String::as_str)
    }

    /// True if an error was suppressed because it is about an unknown value.
    pub(crate) const fn has_held_back(&self) -> bool {
        self.has_held_back
    }

    /// Registers a command-line argument and returns the span of what it puts into the tree.
    pub(crate) fn argument(&mut self, shown: String) -> Span {
        self.arguments.push(shown);
        Span {
            column: self.arguments.len() as u32,
            length: 1,
            ..Span::default()
        }
    }

    pub(crate) fn report(&mut self, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::new(Some(span), message));
    }

    pub(crate) fn report_with(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Diagnostic::new(Some(span), message).with_hint(hint));
    }

    pub(crate) fn report_perhaps_with(
        &mut self,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(Diagnostic {
            hint,
            ..Diagnostic::new(Some(span), message)
        });
    }

    /// Reports an error without a position.
    pub(crate) fn report_nowhere(&mut self, message: impl Into<String>, hint: Option<String>) {
        self.push(Diagnostic {
            hint,
            ..Diagnostic::new(None, message)
        });
    }

    /// Suppresses further errors about the value at this position, whose text is not the intended one.
    pub(crate) fn spoil(&mut self, span: Span) {
        self.spoiled.insert(span.start());
    }

    fn push(&mut self, mut diagnostic: Diagnostic) {
        if let Some(span) = diagnostic.span {
            if self.spoiled.contains(&span.start()) {
                self.has_held_back = true;
                return;
            }
            if !span.is_in_file() {
                diagnostic.span = None;
                let argument = self.arguments.get((span.column as usize).wrapping_sub(1));
                if let Some(argument) = argument {
                    let from = format!(" (from `{argument}`)");
                    diagnostic.message.push_str(&from);
                }
            }
        }
        self.list.push(diagnostic);
    }

    /// Reports a file that cannot be used.
    pub(crate) fn refused(&mut self, span: Span, refusal: Refusal) {
        self.report_perhaps_with(span, refusal.message, refusal.hint);
    }

    pub(crate) fn add(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|found| self.push(found));
    }

    /// The number of problems so far, so that a reader can tell whether a part had any.
    pub(crate) const fn count(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All problems, without secrets.
    pub(crate) fn into_diagnostics(self, sources: Sources) -> Diagnostics {
        let mask = Mask::of(&self.secrets);
        let mut list = self.list;
        for diagnostic in &mut list {
            diagnostic.hide(&mask);
        }
        Diagnostics::new(sources, list)
    }
}
