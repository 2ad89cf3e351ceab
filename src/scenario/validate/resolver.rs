//! Resolves the names in the templates of a list of steps: variables and columns that have a value where they are used.

use std::cell::RefCell;
use std::collections::HashSet;

use super::names::{NameTable, Section};
use crate::expr::{Ambient, Expression, Names};
use crate::scenario::{SlotId, Value, steps};
use crate::source::{Node, Span, brief, did_you_mean, nearest};

/// The names of a section, and those that have a value at the current step.
pub(super) struct SectionNames<'a> {
    table: &'a NameTable,
    /// `None` for the defaults, which apply in every section.
    section: Option<Section>,
    /// The section's name in messages: ``flow `browse` ``.
    place: String,
    /// The parameters of a block.
    parameters: Vec<(String, SlotId)>,
    /// Variables that have, or may have, a value at this step.
    set: HashSet<SlotId>,
    /// Variables that a later step of this section captures.
    coming: HashSet<SlotId>,
    /// In a parallel block: the variables that its responses give a value, for the steps after it.
    in_flight: Option<HashSet<SlotId>>,
    /// True if the current step runs under a condition; then a variable without a value may be intended.
    pub(super) is_conditional: bool,
    /// True for the parts of a signature, which may use the values of their request.
    pub(super) is_signing: bool,
}

impl<'a> SectionNames<'a> {
    /// The names that every request may use.
    pub(super) fn of_defaults(table: &'a NameTable) -> Self {
        Self {
            table,
            section: None,
            place: "the defaults of every request".to_owned(),
            parameters: Vec::new(),
            set: table.slots_where(|variable, _| variable.is_first_value_known()),
            coming: HashSet::new(),
            in_flight: None,
            is_conditional: false,
            is_signing: false,
        }
    }

    /// The names that the next variable of `vars` may use: the variables before it.
    pub(super) fn of_variables(table: &'a NameTable) -> Self {
        Self {
            section: Some(Section::Variables),
            place: "`vars`".to_owned(),
            ..Self::of_defaults(table)
        }
    }

    /// The names of a section whose captures were added by [`NameTable::add_captures`], before its first step. `list` is
    /// its steps, `start` the steps that run before them.
    pub(super) fn of_section(
        table: &'a NameTable,
        section: Section,
        place: String,
        list: Option<&Node>,
        start: Option<&Node>,
    ) -> Self {
        let has_run_setup = match section {
            Section::Variables | Section::Setup => false,
            Section::Teardown => true,
            Section::Start(_) | Section::Steps(_) | Section::Stop(_) | Section::Block => {
                !table.lacks_setup
            }
        };
        let mut set = table.slots_where(|variable, section_of| {
            variable.is_first_value_known()
                || (has_run_setup && section_of == Some(&Section::Setup))
        });
        let captured = |list| {
            let captures = steps::captures(list, &table.block_captures).into_iter();
            captures.filter_map(|captured| table.slot(captured.name))
        };
        set.extend(start.into_iter().flat_map(captured));
        Self {
            table,
            section: Some(section),
            place,
            parameters: Vec::new(),
            set,
            coming: list.into_iter().flat_map(captured).collect(),
            in_flight: None,
            is_conditional: false,
            is_signing: false,
        }
    }

    /// The same names with the parameters of a block.
    #[must_use]
    pub(super) fn with_parameters(mut self, parameters: &[(String, SlotId)]) -> Self {
        self.set.extend(parameters.iter().map(|(_, slot)| *slot));
        self.parameters = parameters.to_vec();
        self
    }

    /// True in setup and teardown, which have no iteration.
    pub(super) const fn is_in_hook(&self) -> bool {
        matches!(self.section, Some(Section::Setup | Section::Teardown))
    }

    /// True where users run the same steps at the same time.
    pub(super) const fn has_other_users(&self) -> bool {
        matches!(
            self.section,
            Some(Section::Start(_) | Section::Steps(_) | Section::Block)
        )
    }

    pub(super) const fn table(&self) -> &'a NameTable {
        self.table
    }

    /// The slot of a captured variable, which has a value from here on.
    pub(super) fn set(&mut self, name: &str) -> Option<SlotId> {
        let slot = self.table.slot(name)?;
        self.set.insert(slot);
        Some(slot)
    }

    /// The slot of a variable that a response gives a value: from here on, or after the block if it is in a parallel one.
    pub(super) fn set_by_response(&mut self, name: &str) -> Option<SlotId> {
        let slot = self.table.slot(name)?;
        let set = self.in_flight.as_mut().unwrap_or(&mut self.set);
        set.insert(slot);
        Some(slot)
    }

    /// The next steps are those of a parallel block.
    pub(super) fn begin_parallel(&mut self) {
        self.in_flight = Some(HashSet::new());
    }

    /// The next step is the one after a parallel block.
    pub(super) fn end_parallel(&mut self) {
        self.set.extend(self.in_flight.take().into_iter().flatten());
    }

    /// In a parallel block: these variables have a value if `have_landed`, which is so within their own request.
    pub(super) fn set_landed(&mut self, slots: &[SlotId], have_landed: bool) {
        let Some(in_flight) = &mut self.in_flight else {
            return;
        };
        for slot in slots {
            if have_landed {
                in_flight.remove(slot);
                self.set.insert(*slot);
            } else {
                self.set.remove(slot);
                in_flight.insert(*slot);
            }
        }
    }

    pub(super) const fn is_in_parallel(&self) -> bool {
        self.in_flight.is_some()
    }
}

/// An error about a known name that has no value at this place.
pub(super) struct Complaint {
    name: String,
    member: Option<String>,
    pub(super) message: String,
    pub(super) hint: String,
}

impl Complaint {
    /// The position and the length of the name in a text, as a whole word, in characters.
    pub(super) fn find(&self, text: &str) -> Option<(usize, usize)> {
        let name = match &self.member {
            Some(member) => format!("{}.{member}", self.name),
            None => self.name.clone(),
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let is_whole = |at: usize| {
            let before = text[..at].chars().next_back();
            let after = text[at + name.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        };
        let mut found = text.match_indices(&name).map(|(at, _)| at);
        let at = found.find(|&at| is_whole(at))?;
        Some((text[..at].chars().count(), name.chars().count()))
    }
}

/// Resolves the names of one template.
pub(super) struct Resolver<'c> {
    names: &'c SectionNames<'c>,
    complaints: Vec<Complaint>,
    /// True if environment variables may be unset; the unset ones are collected.
    accepts_unset: bool,
    unset: RefCell<Vec<String>>,
    /// The place of the template.
    at: Span,
}

impl<'c> Resolver<'c> {
    pub(super) fn new(names: &'c SectionNames<'_>, accepts_unset: bool) -> Self {
        Self {
            names,
            complaints: Vec::new(),
            accepts_unset,
            unset: RefCell::default(),
            at: Span::default(),
        }
    }

    /// The same resolver for a template at this place; files that it names are relative to its file.
    #[must_use]
    pub(super) fn at(self, at: Span) -> Self {
        Self { at, ..self }
    }

    /// The errors, and the environment variables that are not set.
    pub(super) fn findings(self) -> (Vec<Complaint>, Vec<String>) {
        (self.complaints, self.unset.into_inner())
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
        let feed = &self.names.table.feeds[index];
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
    pub(super) fn check_use(&mut self, used: &Expression, may_be_absent: bool) {
        if self.names.section == Some(Section::Variables) {
            self.check_use_in_variables(used);
        }
        if let Expression::Ambient(ambient) = used
            && ambient.is_of_request()
            && !self.names.is_signing
        {
            let written = ambient.written();
            let (owner, member) = owner_and_member(&written);
            let message = format!("`{written}` has a value only in a signature");
            let hint = "it belongs in `sign` and `headers` of `auth: { hmac: … }`";
            self.complain(&owner, member.as_deref(), message, hint.to_owned());
        }
        let Expression::Slot(slot) = used else {
            return;
        };
        if self.names.set.contains(slot) {
            return;
        }
        let name = &*self.names.table.variables[slot.0 as usize].name;
        let in_flight = self.names.in_flight.as_ref();
        if in_flight.is_some_and(|slots| slots.contains(slot)) {
            if !self.names.is_conditional && !may_be_absent {
                let message = format!(
                    "`{name}` has no value yet: it is captured by a request that is sent at the same time"
                );
                let hint = "move this step after the `parallel` block";
                self.complain(name, None, message, hint.to_owned());
            }
            return;
        }
        if self.names.coming.contains(slot) {
            if !self.names.is_conditional && !may_be_absent {
                let message = format!("`{name}` has no value yet: it is captured by a later step");
                let hint = "move the capturing step up, or give a first value under `vars:`";
                self.complain(name, None, message, hint.to_owned());
            }
            return;
        }
        if self.names.section == Some(Section::Block) {
            let message = format!("`{name}` has no value in {}", self.names.place);
            let hint = format!(
                "a block does not see the captures of its callers: add `{name}` to its `with:`"
            );
            self.complain(name, None, message, hint);
            return;
        }
        let captured_in = self.names.table.captured_in.get(slot);
        if captured_in == Some(&Section::Setup) && self.names.table.lacks_setup {
            if !may_be_absent {
                let message = format!(
                    "`{name}` has no value in {}: it is captured in `setup`, which --no-setup leaves out",
                    self.names.place
                );
                let hint =
                    format!("run it with setup, or give it a value with `--set vars.{name}=…`");
                self.complain(name, None, message, hint);
            }
            return;
        }
        let elsewhere = match (&self.names.section, captured_in) {
            (None, _) => "by a step, but the defaults also apply to the steps before it",
            (_, Some(Section::Teardown)) => "in `teardown`",
            (Some(Section::Variables), _) => "by a step, and `vars` are drawn before all steps",
            (_, Some(Section::Block)) => "in a block that is not called here",
            (Some(Section::Setup), _) => "in a flow, and setup runs before all flows",
            (Some(Section::Teardown), _) => "in a flow, and captures of a flow belong to its user",
            (Some(Section::Start(_)), Some(Section::Steps(_))) => {
                "in the steps, which run after `start`"
            }
            (Some(Section::Stop(stop)), Some(Section::Steps(steps))) if stop == steps => {
                "in the steps, whose values last until their iteration ends"
            }
            (Some(Section::Start(_) | Section::Steps(_)), Some(Section::Stop(_))) => {
                "in `stop`, which runs after all iterations"
            }
            (
                Some(Section::Start(_) | Section::Steps(_) | Section::Stop(_) | Section::Block),
                _,
            ) => "only in another flow",
        };
        let message = format!(
            "`{name}` never has a value in {}: it is captured {elsewhere}",
            self.names.place
        );
        self.complain(
            name,
            None,
            message,
            "capture it here, or give it a value under `vars:`".to_owned(),
        );
    }
}

impl Resolver<'_> {
    /// Reports a value that only a user has.
    fn check_use_in_variables(&mut self, used: &Expression) {
        let (name, member) = match used {
            Expression::Column { feed, column } => {
                let feed = &self.names.table.feeds[*feed];
                let column = feed
                    .columns
                    .as_ref()
                    .and_then(|columns| columns.get(*column));
                (feed.name.clone(), column.cloned())
            }
            Expression::Call(function, _) if function.is_of_user() => {
                (function.name().to_owned(), None)
            }
            Expression::Response(part) => owner_and_member(&part.written()),
            Expression::Ambient(ambient)
                if *ambient != Ambient::RunSeed && !ambient.is_of_request() =>
            {
                owner_and_member(&ambient.written())
            }
            Expression::Slot(_)
            | Expression::Ambient(_)
            | Expression::Call(..)
            | Expression::Script(..)
            | Expression::Literal(_)
            | Expression::Join(_)
            | Expression::Default(_)
            | Expression::All(_)
            | Expression::Any(_)
            | Expression::Not(_)
            | Expression::Compare(_)
            | Expression::Match(..)
            | Expression::Arithmetic(_)
            | Expression::Negative(_)
            | Expression::If(_)
            | Expression::List(_)
            | Expression::Part(_) => return,
        };
        let written = member
            .as_ref()
            .map_or(name.clone(), |member| format!("{name}.{member}"));
        let message =
            format!("`{written}` has no value in `vars`, which are drawn once, before the run");
        let hint = "use it in a `set` step: in a flow's `start` it lasts for the user";
        self.complain(&name, member.as_deref(), message, hint.to_owned());
    }
}

/// `a.b["c"]` as `a` and `b`.
fn owner_and_member(written: &str) -> (String, Option<String>) {
    let (owner, member) = written.split_once('.').unwrap_or((written, ""));
    let member = member.split('[').next().unwrap_or_default();
    (owner.to_owned(), Some(member.to_owned()))
}

impl Names for Resolver<'_> {
    fn resolve(&mut self, name: &str, member: Option<&str>) -> Option<Expression> {
        let mut parameters = self.names.parameters.iter();
        if let (Some((_, slot)), None) = (parameters.find(|(known, _)| known == name), member) {
            return Some(Expression::Slot(*slot));
        }
        let feed = self
            .names
            .table
            .feeds
            .iter()
            .position(|feed| feed.name == name);
        match (feed, member) {
            (Some(index), Some(member)) => Some(self.column(index, member)),
            (Some(_), None) => {
                let message =
                    format!("`{name}` is a feeder: a template inserts one of its columns");
                self.complain(name, None, message, format!("write `${{{name}.column}}`"));
                Some(Expression::Literal(Value::Null))
            }
            (None, Some(_)) => None,
            (None, None) => self.names.table.slot(name).map(Expression::Slot),
        }
    }

    fn file(&mut self, path: &str) -> Result<String, (String, Option<String>)> {
        let Some(files) = self.names.table.files() else {
            return Err(("no file can be read here".to_owned(), None));
        };
        match files.read_text(path, self.at) {
            Ok((_, text)) => Ok(text),
            Err(refusal) => Err((refusal.message, refusal.hint)),
        }
    }

    fn scripts(&self) -> Option<Vec<&str>> {
        let functions = self.names.table.scripts()?.functions().iter();
        Some(functions.map(|function| &*function.name).collect())
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.names.table.lookup.get(name)
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
            .names
            .set
            .union(&self.names.coming)
            .map(|slot| self.names.table.variables[slot.0 as usize].name.clone());
        let columns = self.names.table.feeds.iter().flat_map(|feed| {
            let columns = feed.columns.iter().flatten();
            columns.map(|column| format!("{}.{column}", feed.name))
        });
        let mut known: Vec<String> = variables.chain(columns).collect();
        known.sort();
        known
    }
}
