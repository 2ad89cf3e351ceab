//! Compiles the templates of a list of steps.
//!
//! A name captured in one flow has no value in another flow, nor before the step that captures it. If the file alone
//! shows such a use, it is an error here instead of a failed iteration later.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::foreign::{self, Foreign};
use super::names::{BlockNames, NameTable, Section};
use super::resolver::{Resolver, SectionNames};
use crate::expr::{Encoding, ExprError, Expression, Names};
use crate::format::{Field, Problems};
use crate::scenario::{
    Auth, Capture, Condition, CustomMetric, Drawn, DrawnForm, FailedStatuses, HttpOptions, SlotId,
    Targets, Template, Timeouts, Value,
};
use crate::source::{Content, Files, Node, Scalar, Span, brief, did_you_mean};

/// No target besides the main one.
static NO_TARGETS: Targets = Targets::new();

/// What every list of steps has in common.
#[derive(Clone, Copy)]
pub(in crate::scenario) struct Defaults<'a> {
    /// `http:` of the file.
    pub(in crate::scenario) http: &'a HttpOptions,
    /// Finds the files that steps name.
    pub(in crate::scenario) files: &'a Files,
    /// The base URLs of `targets:`.
    pub(in crate::scenario) targets: &'a Targets,
    /// The tags of every request.
    pub(in crate::scenario) tags: &'a BTreeMap<String, String>,
    /// `auth:` of the flow.
    pub(in crate::scenario) flow_auth: Option<&'a Node>,
}

/// Compiles the templates of one list of steps, in order.
pub(in crate::scenario) struct Compiler<'a> {
    pub(in crate::scenario) problems: &'a mut Problems,
    names: SectionNames<'a>,
    /// Finds the files that steps name.
    pub(in crate::scenario) files: &'a Files,
    /// The base URLs of `targets:`.
    pub(in crate::scenario) targets: &'a Targets,
    /// The tags of every request of this list.
    pub(in crate::scenario) tags: BTreeMap<String, String>,
    /// The statuses that fail a request that does not say so itself.
    pub(in crate::scenario) failed: FailedStatuses,
    /// The timeouts of a request that does not set its own.
    pub(in crate::scenario) timeouts: Timeouts,
    /// The credentials of the file's requests.
    pub(in crate::scenario) auth: Option<&'a Auth>,
    /// `auth:` of the flow, which each of its requests reads, since it may use their captures.
    pub(in crate::scenario) flow_auth: Option<&'a Node>,
    /// The number of runs of the current step in one pass of the section.
    pub(in crate::scenario) passes: f64,
}

impl<'a> Compiler<'a> {
    /// A compiler for templates outside flows: headers under `http:`, which may use only values that every request has.
    pub(in crate::scenario) fn for_defaults(
        problems: &'a mut Problems,
        table: &'a NameTable,
        files: &'a Files,
    ) -> Self {
        Self {
            problems,
            names: SectionNames::of_defaults(table),
            files,
            targets: &NO_TARGETS,
            tags: BTreeMap::new(),
            failed: FailedStatuses::default(),
            timeouts: Timeouts::default(),
            auth: None,
            flow_auth: None,
            passes: 1.0,
        }
    }

    /// A compiler for the expressions of `vars`, which are drawn before there is a user.
    pub(in crate::scenario) fn for_variables(
        problems: &'a mut Problems,
        table: &'a NameTable,
        files: &'a Files,
    ) -> Self {
        Self {
            names: SectionNames::of_variables(table),
            ..Self::for_defaults(problems, table, files)
        }
    }

    /// A compiler for a section whose captures were added by [`NameTable::add_captures`].
    pub(in crate::scenario) fn for_section(
        problems: &'a mut Problems,
        table: &'a NameTable,
        defaults: Defaults<'a>,
        section: Section,
        place: String,
        list: Option<&Node>,
        start: Option<&Node>,
    ) -> Self {
        Self {
            problems,
            names: SectionNames::of_section(table, section, place, list, start),
            files: defaults.files,
            targets: defaults.targets,
            tags: defaults.tags.clone(),
            failed: defaults.http.failed.clone(),
            timeouts: defaults.http.timeouts,
            auth: defaults.http.auth.as_ref(),
            flow_auth: defaults.flow_auth,
            passes: 1.0,
        }
    }

    /// Runs `read` for a step under a condition.
    pub(in crate::scenario) fn under_condition<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = std::mem::replace(&mut self.names.is_conditional, true);
        let result = read(self);
        self.names.is_conditional = before;
        result
    }

    /// Runs `read` for a text that may use the values of the request around it.
    pub(in crate::scenario) fn signing<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.names.is_signing = true;
        let result = read(self);
        self.names.is_signing = false;
        result
    }

    /// The slot of a captured variable, which has a value from here on.
    pub(in crate::scenario) fn capture(&mut self, name: &str) -> Option<SlotId> {
        self.names.set(name)
    }

    /// The slot of a variable that a response gives a value: from here on, or after the block if it is in a parallel one.
    pub(in crate::scenario) fn capture_from_response(&mut self, name: &str) -> Option<SlotId> {
        self.names.set_by_response(name)
    }

    /// Runs `read` for a part of a request that is evaluated after its captures.
    pub(in crate::scenario) fn after_captures<T>(
        &mut self,
        captures: &[Capture],
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let slots: Vec<SlotId> = captures.iter().map(|capture| capture.slot).collect();
        self.names.set_landed(&slots, true);
        let result = read(self);
        self.names.set_landed(&slots, false);
        result
    }

    /// Runs `read` for the steps of a parallel block.
    pub(in crate::scenario) fn in_parallel<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.names.begin_parallel();
        let result = read(self);
        self.names.end_parallel();
        result
    }

    /// True for the steps of a parallel block.
    pub(in crate::scenario) const fn is_in_parallel(&self) -> bool {
        self.names.is_in_parallel()
    }

    /// The same compiler for a block with these parameters.
    #[must_use]
    pub(in crate::scenario) fn with_parameters(mut self, parameters: &[(String, SlotId)]) -> Self {
        self.names = self.names.with_parameters(parameters);
        self
    }

    /// True in setup and teardown, which have no iteration.
    pub(in crate::scenario) const fn is_in_hook(&self) -> bool {
        self.names.is_in_hook()
    }

    /// True where users run the same steps at the same time: in a flow, until they leave.
    pub(in crate::scenario) const fn has_other_users(&self) -> bool {
        self.names.has_other_users()
    }

    /// The metrics of the scenario's own.
    pub(in crate::scenario) fn metrics(&self) -> &'a [CustomMetric] {
        &self.names.table().metrics
    }

    /// True if a metric has mistakes, which are reported.
    pub(in crate::scenario) fn has_wrong_metrics(&self) -> bool {
        self.names.table().has_wrong_metrics
    }

    /// The block with this name.
    pub(in crate::scenario) fn block(&self, name: &str) -> Option<Rc<BlockNames>> {
        self.names.table().blocks.get(name).map(Rc::clone)
    }

    /// The names of all blocks.
    pub(in crate::scenario) fn block_names(&self) -> Vec<&'a str> {
        let blocks = &self.names.table().blocks;
        blocks.keys().map(String::as_str).collect()
    }

    /// The value of a key that must be one expression.
    pub(in crate::scenario) fn value_of(&mut self, node: &Node, field: &Field) -> Option<Template> {
        let what = format!("`{}`: an expression such as `${{ids}}`", field.key);
        let scalar = self.problems.scalar(node, &what)?;
        let text = scalar.text.trim();
        let name = Some(text).filter(|text| !text.contains("${"));
        let template = match name {
            None => self.text(node, &what)?,
            Some(name) => {
                let hint = did_you_mean(&format!("${{{}}}", brief(name)));
                let message = format!("expected {what}, found the text `{}`", brief(name));
                self.problems.report_with(node.span, message, hint);
                return None;
            }
        };
        if template.expression().is_none() {
            let message = format!("expected {what}, found a text around `${{…}}`");
            self.problems.report(node.span, message);
            return None;
        }
        Some(template)
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
        let known = self.resolver().known();
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

    /// A value of `vars` with expressions in it.
    pub(in crate::scenario) fn drawn(&mut self, node: &Node) -> Option<Drawn> {
        let (template, form) = match &node.value {
            Content::Scalar(_) => (self.text(node, "a value")?, DrawnForm::Value),
            Content::List(_) | Content::Map(_) => (self.json(node)?, DrawnForm::Json),
        };
        let span = node.span;
        Some(Drawn {
            template,
            form,
            span,
        })
    }

    /// One expression, with or without `${…}` around it, whose value keeps its type.
    pub(in crate::scenario) fn expression(&mut self, node: &Node, what: &str) -> Option<Template> {
        let scalar = self.problems.scalar(node, what)?;
        // As in a condition, an environment variable is a text and not a part of the expression.
        let (text, place) = (scalar.as_written(), node.span);
        self.compiled(scalar, place, text, 0, Template::expression_of)
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
        let result = Template::json(&node.into(), &mut self.resolver().at(node.span));
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

    fn resolver(&self) -> Resolver<'_> {
        Resolver::new(&self.names, self.problems.accepts_unset())
    }

    fn compiled(
        &mut self,
        scalar: &Scalar,
        span: Span,
        text: &str,
        skipped: usize,
        compile: impl FnOnce(&str, &mut dyn Names) -> Result<Template, ExprError>,
    ) -> Option<Template> {
        let known = self.resolver().known();
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
        let mut names = self.resolver().at(span);
        let result = compile(text, &mut names);
        if let Ok(compiled) = &result {
            each_use(compiled, &mut |used, may_be_absent| {
                names.check_use(used, may_be_absent);
            });
        }
        let (complaints, unset) = names.findings();
        for name in unset {
            self.problems.stand_in(&name);
        }
        let is_sound = complaints.is_empty();
        for complaint in complaints {
            let place = complaint.find(text);
            let place = place.map_or(span, |(offset, length)| place_of(offset, length));
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
