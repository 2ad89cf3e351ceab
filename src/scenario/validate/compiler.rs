//! Compiles the templates of a list of steps.
//!
//! A name captured in one flow has no value in another flow, nor before the step that captures it. If the file alone
//! shows such a use, it is an error here instead of a failed iteration later.

use std::cell::RefCell;
use std::collections::HashSet;

use super::foreign::{self, Foreign};
use super::names::{NameTable, Section};
use crate::expr::{Encoding, ExprError, Expression, Names};
use crate::format::Problems;
use crate::scenario::{Condition, HttpOptions, SlotId, Template, Timeouts, Value, steps};
use crate::source::Span;
use crate::source::{Content, Node, Scalar};
use crate::source::{brief, did_you_mean, nearest};

/// Compiles the templates of one list of steps, in order.
pub(in crate::scenario) struct Compiler<'a> {
    pub(in crate::scenario) problems: &'a mut Problems,
    table: &'a NameTable,
    /// `None` for the defaults, which apply in every section.
    section: Option<Section>,
    /// The section's name in messages: ``flow `browse` ``.
    place: String,
    /// Variables that have, or may have, a value at this step.
    set: HashSet<SlotId>,
    /// Variables that a later step of this section captures.
    coming: HashSet<SlotId>,
    /// True if the current step runs under a condition; then a variable without a value may be intended.
    is_conditional: bool,
    /// The timeouts of a request that does not set its own.
    pub(in crate::scenario) timeouts: Timeouts,
    /// The number of runs of the current step in one pass of the section.
    pub(in crate::scenario) passes: f64,
}

impl<'a> Compiler<'a> {
    /// A compiler for templates outside flows: headers under `http:`, which may use only values that every request has.
    pub(in crate::scenario) fn for_defaults(
        problems: &'a mut Problems,
        table: &'a NameTable,
    ) -> Self {
        let set = table.slots_where(|variable, _| variable.initial.is_some());
        Self {
            problems,
            table,
            section: None,
            place: "the defaults of every request".to_owned(),
            set,
            coming: HashSet::new(),
            is_conditional: false,
            timeouts: Timeouts::default(),
            passes: 1.0,
        }
    }

    /// A compiler for a section whose captures were added by [`NameTable::add_captures`].
    pub(in crate::scenario) fn for_section(
        problems: &'a mut Problems,
        table: &'a NameTable,
        http: &HttpOptions,
        section: Section,
        place: String,
        list: Option<&Node>,
        start: Option<&Node>,
    ) -> Self {
        let mut set = table.slots_where(|variable, section_of| {
            variable.initial.is_some() || section_of == Some(&Section::Setup)
        });
        let mut coming = HashSet::new();
        if section == Section::Setup {
            set = table.slots_where(|variable, _| variable.initial.is_some());
        }
        let captured = |list| {
            let captures = steps::captures(list).into_iter();
            captures.filter_map(|entry| table.slot(&entry.key))
        };
        set.extend(start.into_iter().flat_map(captured));
        coming.extend(list.into_iter().flat_map(captured));
        Self {
            problems,
            table,
            section: Some(section),
            place,
            set,
            coming,
            is_conditional: false,
            timeouts: http.timeouts,
            passes: 1.0,
        }
    }

    /// Runs `read` for a step under a condition.
    pub(in crate::scenario) fn under_condition<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = std::mem::replace(&mut self.is_conditional, true);
        let result = read(self);
        self.is_conditional = before;
        result
    }

    /// The slot of a captured variable, which has a value from here on.
    pub(in crate::scenario) fn capture(&mut self, name: &str) -> Option<SlotId> {
        let slot = self.table.slot(name)?;
        self.set.insert(slot);
        Some(slot)
    }

    /// A text with values inserted.
    pub(in crate::scenario) fn text(&mut self, node: &Node, what: &str) -> Option<Template> {
        let scalar = self.problems.scalar(node, what)?;
        self.compiled(scalar, node.span, &scalar.text, 0, |text, names| {
            Template::compile(text, Encoding::Plain, names)
        })
    }

    /// A text that may be empty or missing.
    pub(in crate::scenario) fn any_text(&mut self, node: &Node, what: &str) -> Option<Template> {
        if node.is_null() {
            return Some(Template::default());
        }
        self.text(node, what)
    }

    /// A URL or a path.
    pub(in crate::scenario) fn url(&mut self, node: &Node, what: &str) -> Option<Template> {
        let scalar = self.problems.scalar(node, what)?;
        let known = Resolver::new(self).known();
        if let Some(found) = foreign::in_url(&scalar.text, &known) {
            self.refuse_foreign(scalar, node.span, &found);
            return None;
        }
        self.compiled(scalar, node.span, &scalar.text, 0, |text, names| {
            Template::url(text, names)
        })
    }

    /// A value of a query or a form.
    pub(in crate::scenario) fn component(&mut self, node: &Node, what: &str) -> Option<Template> {
        if node.is_null() {
            return Some(Template::default());
        }
        let scalar = self.problems.scalar(node, what)?;
        self.compiled(scalar, node.span, &scalar.text, 0, |text, names| {
            Template::component(text, names)
        })
    }

    /// An expression with a typed value; `text` begins `skipped` characters into the scalar's text.
    pub(in crate::scenario) fn value(
        &mut self,
        scalar: &Scalar,
        span: Span,
        text: &str,
        skipped: usize,
    ) -> Option<Template> {
        self.compiled(scalar, span, text, skipped, Template::expression_of)
    }

    /// A scalar with its type: an unquoted number, true, false or null keeps its type, a single `${…}` has the type of
    /// its value, and everything else is a text.
    pub(in crate::scenario) fn typed(&mut self, node: &Node, scalar: &Scalar) -> Option<Template> {
        if scalar.text.contains("${") {
            return self.text(node, "a value");
        }
        Some(match Value::from(scalar) {
            Value::Text(text) => Template::from_literal(&text),
            value => {
                let source = value.to_string();
                Template::constant(value, &source)
            }
        })
    }

    /// A condition.
    pub(in crate::scenario) fn condition(&mut self, node: &Node, what: &str) -> Option<Condition> {
        let scalar = self.problems.scalar(node, what)?;
        let expression = self.checked(
            // Environment variables are texts, not parts of the condition, so it reads them itself.
            (scalar, node.span, scalar.as_written(), 0),
            Expression::condition,
            |expression, see| expression.each_use(true, see),
        )?;
        Some(Condition(expression))
    }

    /// A JSON document whose texts are templates.
    pub(in crate::scenario) fn json(&mut self, node: &Node) -> Option<Template> {
        // Each text is compiled separately first, because only then an error has a position.
        if !self.check_texts(node) {
            return None;
        }
        let result = Template::json(&node.into(), &mut Resolver::new(self));
        result
            .map_err(|error| self.problems.report(node.span, error.message))
            .ok()
    }

    fn check_texts(&mut self, node: &Node) -> bool {
        match &node.value {
            Content::Scalar(scalar) if scalar.text.contains("${") || scalar.text.contains("{{") => {
                self.compiled(scalar, node.span, &scalar.text, 0, |text, names| {
                    Template::compile(text, Encoding::JsonString, names)
                })
                .is_some()
            }
            Content::Scalar(_) => true,
            // No short circuit, so that every error is reported.
            Content::List(items) => {
                let failed = items.iter().filter(|item| !self.check_texts(item));
                failed.count() == 0
            }
            Content::Map(entries) => {
                let values = entries.iter().map(|entry| &entry.value);
                values.filter(|value| !self.check_texts(value)).count() == 0
            }
        }
    }

    fn compiled(
        &mut self,
        scalar: &Scalar,
        span: Span,
        text: &str,
        skipped: usize,
        compile: impl FnOnce(&str, &mut dyn Names) -> Result<Template, ExprError>,
    ) -> Option<Template> {
        let known = Resolver::new(self).known();
        if let Some(found) = foreign::in_text(text, &known) {
            self.refuse_foreign(scalar, span, &found);
            return None;
        }
        self.checked((scalar, span, text, skipped), compile, |template, see| {
            template.each_use(see);
        })
    }

    /// Reports a placeholder in the syntax of another tool.
    fn refuse_foreign(&mut self, scalar: &Scalar, span: Span, found: &Foreign) {
        let place = scalar.place(span, found.offset, found.written.chars().count());
        let hint = format!("did you mean `${{{}}}`?", found.name);
        let message = format!(
            "`{}` inserts no value here: it would be sent unchanged",
            brief(&found.written)
        );
        self.problems
            .report_with(place.unwrap_or(span), message, hint);
    }

    /// Compiles a part of a scalar's text and checks that the names it uses may have a value here.
    fn checked<T>(
        &mut self,
        (scalar, span, text, skipped): (&Scalar, Span, &str, usize),
        compile: impl FnOnce(&str, &mut dyn Names) -> Result<T, ExprError>,
        each_use: impl FnOnce(&T, &mut dyn FnMut(&Expression, bool)),
    ) -> Option<T> {
        let place_of = |offset: usize, length: usize| {
            let place = scalar.place(span, skipped + offset, length);
            place.unwrap_or(span)
        };
        let mut names = Resolver::new(self);
        let result = compile(text, &mut names);
        if let Ok(compiled) = &result {
            each_use(compiled, &mut |used, may_be_absent| {
                names.check_use(used, may_be_absent);
            });
        }
        let (complaints, unset) = (names.complaints, names.unset.into_inner());
        for name in unset {
            self.problems.stand_in(&name);
        }
        let is_sound = complaints.is_empty();
        for complaint in complaints {
            let written = match &complaint.member {
                Some(member) => format!("{}.{member}", complaint.name),
                None => complaint.name.clone(),
            };
            let place = find_name(text, &written)
                .map_or(span, |offset| place_of(offset, written.chars().count()));
            self.problems
                .report_with(place, complaint.message, complaint.hint);
        }
        match result {
            Ok(compiled) if is_sound => Some(compiled),
            Ok(_) => None,
            Err(error) => {
                let place = place_of(error.offset, error.length);
                self.problems
                    .report_perhaps_with(place, error.message, error.hint);
                None
            }
        }
    }
}

/// The position of a name as a whole word, in characters.
fn find_name(text: &str, name: &str) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    text.match_indices(name)
        .find(|(at, _)| {
            let before = text[..*at].chars().next_back();
            let after = text[at + name.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
        .map(|(at, _)| text[..at].chars().count())
}

/// An error about a known name that has no value at this place.
struct Complaint {
    name: String,
    member: Option<String>,
    message: String,
    hint: String,
}

/// Resolves the names of one template.
struct Resolver<'c> {
    table: &'c NameTable,
    section: Option<&'c Section>,
    place: &'c str,
    set: &'c HashSet<SlotId>,
    coming: &'c HashSet<SlotId>,
    is_conditional: bool,
    complaints: Vec<Complaint>,
    /// True if environment variables may be unset; the unset ones are collected.
    accepts_unset: bool,
    unset: RefCell<Vec<String>>,
}

impl<'c> Resolver<'c> {
    fn new(compiler: &'c Compiler<'_>) -> Self {
        Self {
            table: compiler.table,
            section: compiler.section.as_ref(),
            place: &compiler.place,
            set: &compiler.set,
            coming: &compiler.coming,
            is_conditional: compiler.is_conditional,
            complaints: Vec::new(),
            accepts_unset: compiler.problems.accepts_unset(),
            unset: RefCell::default(),
        }
    }

    fn complain(&mut self, name: &str, member: Option<&str>, message: String, hint: String) {
        self.complaints.push(Complaint {
            name: name.to_owned(),
            member: member.map(str::to_owned),
            message,
            hint,
        });
    }

    fn column(&mut self, index: usize, member: &str) -> Expression {
        let feed = &self.table.feeds[index];
        let Some(columns) = &feed.columns else {
            // The file's fault is already reported, and its columns are unknown.
            return Expression::Column {
                feed: index,
                column: 0,
            };
        };
        let column = columns.iter().position(|column| column == member);
        if column.is_none() {
            let separator = match columns.as_slice() {
                [one] => [';', '\t', '|'].into_iter().find(|c| one.contains(*c)),
                _ => None,
            };
            let hint = if let Some(separator) = separator {
                let separator = separator.escape_default();
                format!(
                    "the file has one column, `{}`: separate its columns by commas, not by `{separator}`",
                    brief(&columns[0].escape_debug().to_string())
                )
            } else {
                nearest(member, columns.iter().map(String::as_str)).map_or_else(
                    || format!("its columns are {}", columns.join(", ")),
                    |near| did_you_mean(&format!("{}.{near}", feed.name)),
                )
            };
            let message = format!("the feeder `{}` has no column `{member}`", feed.name);
            let name = feed.name.clone();
            self.complain(&name, Some(member), message, hint);
        }
        Expression::Column {
            feed: index,
            column: column.unwrap_or_default(),
        }
    }

    /// Reports a variable that has no value here because another section or a later step captures it. In the second
    /// case a mere test for existence is accepted.
    fn check_use(&mut self, used: &Expression, may_be_absent: bool) {
        let Expression::Slot(slot) = used else {
            return;
        };
        if self.set.contains(slot) {
            return;
        }
        let name = &*self.table.variables[slot.0 as usize].name;
        if self.coming.contains(slot) {
            if !self.is_conditional && !may_be_absent {
                let message = format!("`{name}` has no value yet: it is captured by a later step");
                let hint = "move the capturing step up, or give a first value under `vars:`";
                self.complain(name, None, message, hint.to_owned());
            }
            return;
        }
        let elsewhere = match (self.section, self.table.captured_in.get(slot)) {
            (None, _) => "by a step, but the defaults also apply to the steps before it",
            (_, Some(Section::Teardown)) => "in `teardown`",
            (Some(Section::Setup), _) => "in a flow, and setup runs before all flows",
            (Some(Section::Teardown), _) => "in a flow, and captures of a flow belong to its user",
            (Some(Section::Start(_)), Some(Section::Steps(_))) => {
                "in the steps, which run after `start`"
            }
            (Some(Section::Start(_) | Section::Steps(_)), _) => "only in another flow",
        };
        let message = format!(
            "`{name}` never has a value in {}: it is captured {elsewhere}",
            self.place
        );
        self.complain(
            name,
            None,
            message,
            "capture it here, or give it a value under `vars:`".to_owned(),
        );
    }
}

impl Names for Resolver<'_> {
    fn resolve(&mut self, name: &str, member: Option<&str>) -> Option<Expression> {
        let feed = self.table.feeds.iter().position(|feed| feed.name == name);
        match (feed, member) {
            (Some(index), Some(member)) => Some(self.column(index, member)),
            (Some(_), None) => {
                let message =
                    format!("`{name}` is a feeder: a template inserts one of its columns");
                self.complain(name, None, message, format!("write `${{{name}.column}}`"));
                Some(Expression::Literal(Value::Null))
            }
            (None, Some(_)) => None,
            (None, None) => self.table.slot(name).map(Expression::Slot),
        }
    }

    fn stand_in(&self, name: &str) -> Option<String> {
        if !self.accepts_unset {
            return None;
        }
        self.unset.borrow_mut().push(name.to_owned());
        Some(name.to_owned())
    }

    fn known(&self) -> Vec<String> {
        let variables = self
            .set
            .union(self.coming)
            .map(|slot| self.table.variables[slot.0 as usize].name.clone());
        let columns = self.table.feeds.iter().flat_map(|feed| {
            let columns = feed.columns.iter().flatten();
            columns.map(|column| format!("{}.{column}", feed.name))
        });
        let mut known: Vec<String> = variables.chain(columns).collect();
        known.sort();
        known
    }
}
