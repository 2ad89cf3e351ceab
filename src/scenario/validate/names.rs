//! The names of a scenario: variables, captures and feeders, and the slot of each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::Overrides;
use super::compiler::Compiler;
use super::environment::is_environment_name;
use super::metrics;
use crate::expr::threshold::CustomName;
use crate::format::Problems;
use crate::scenario::steps::{self, BlockCaptures, Captured};
use crate::scenario::{CustomMetric, Feed, Scope, SlotId, Step, Value, Variable, Variables};
use crate::script::Scripts;
use crate::source::Span;
use crate::source::did_you_mean;
use crate::source::{Content, Entry, Files, Node};

/// Reserved words of expressions.
const RESERVED: [&str; 6] = ["true", "false", "null", "and", "or", "not"];

/// Every name of the scenario.
#[derive(Default)]
pub(in crate::scenario) struct NameTable {
    pub(in crate::scenario) variables: Vec<Variable>,
    slots: HashMap<String, SlotId>,
    /// The first section that captures a variable, for messages.
    pub(in crate::scenario) captured_in: HashMap<SlotId, Section>,
    pub(in crate::scenario) feeds: Vec<FeedNames>,
    /// The files that expressions may read.
    files: Option<Files>,
    scripts: Option<Arc<Scripts>>,
    /// The environment variables besides those that are set.
    pub(super) lookup: Variables,
    /// True if the command line leaves out setup, so that its captures have no value in flows.
    pub(super) lacks_setup: bool,
    /// The blocks by name.
    pub(in crate::scenario) blocks: BTreeMap<String, Rc<BlockNames>>,
    /// The captures of the blocks.
    pub(in crate::scenario) block_captures: BlockCaptures,
    /// The metrics of the scenario's own.
    pub(super) metrics: Vec<CustomMetric>,
    /// The metrics that are kept of the target, as thresholds know them.
    pub(super) kept: Vec<CustomName>,
    /// True if a metric has mistakes, which are reported.
    pub(super) has_wrong_metrics: bool,
}

/// A block, as calls see it.
pub(in crate::scenario) struct BlockNames {
    /// The parameters with their variables; `None` for a block that calls itself.
    pub(in crate::scenario) parameters: Option<Vec<(String, SlotId)>>,
    /// The values that it sets.
    pub(in crate::scenario) captures: Vec<(String, Span)>,
    /// Its steps; `None` if they have mistakes, which are reported.
    pub(in crate::scenario) steps: Option<Vec<Step>>,
}

/// A feeder's name and columns; the columns are unknown if its file could not be read.
pub(in crate::scenario) struct FeedNames {
    pub(in crate::scenario) name: String,
    pub(in crate::scenario) columns: Option<Vec<String>>,
}

/// A list of steps; captures belong to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenario) enum Section {
    /// `vars`.
    Variables,
    Setup,
    Teardown,
    /// A flow's `start`, by the flow's index in the file.
    Start(usize),
    /// A flow's `steps`.
    Steps(usize),
    /// A flow's `stop`.
    Stop(usize),
    /// A block, which is part of each section that calls it.
    Block,
}

impl Section {
    const fn scope(&self) -> Scope {
        match self {
            Self::Variables | Self::Setup | Self::Teardown => Scope::Run,
            Self::Start(_) => Scope::User,
            Self::Steps(_) | Self::Stop(_) | Self::Block => Scope::Iteration,
        }
    }
}

impl NameTable {
    /// A table without names, for a scenario that is read with these options and whose expressions may read these files
    /// and call these functions.
    pub(super) fn with_options(
        files: &Files,
        scripts: Option<&Arc<Scripts>>,
        overrides: &Overrides,
    ) -> Self {
        Self {
            files: Some(files.clone()),
            scripts: scripts.cloned(),
            lookup: overrides.variables.clone(),
            lacks_setup: overrides.without_setup,
            ..Self::default()
        }
    }

    /// The modules whose functions expressions may call; `None` if they could not be read.
    pub(in crate::scenario) const fn scripts(&self) -> Option<&Arc<Scripts>> {
        self.scripts.as_ref()
    }

    /// The files that expressions may read.
    pub(in crate::scenario) const fn files(&self) -> Option<&Files> {
        self.files.as_ref()
    }

    /// Adds the variables of `vars:`.
    pub(in crate::scenario) fn add_variables(
        &mut self,
        entries: &[Entry],
        files: &Files,
        problems: &mut Problems,
    ) {
        for entry in entries {
            if !self.check_name(&entry.key, entry.key_span, "a variable", problems) {
                continue;
            }
            let (initial, drawn) = if has_expression(&entry.value) {
                // Before the slot is there, so that a variable cannot use itself.
                let drawn = Compiler::for_variables(problems, self, files).drawn(&entry.value);
                (None, drawn)
            } else {
                (Some((&entry.value).into()), None)
            };
            let slot = self.slot_for(&entry.key, Scope::Run);
            let variable = &mut self.variables[slot.0 as usize];
            variable.initial = initial;
            variable.drawn = drawn;
        }
    }

    /// Adds a secret; its variable is constant for the whole run. `None` if it cannot have this name.
    pub(in crate::scenario) fn add_secret(
        &mut self,
        entry: &Entry,
        text: String,
        problems: &mut Problems,
    ) -> Option<SlotId> {
        if !self.check_name(&entry.key, entry.key_span, "a secret", problems) {
            return None;
        }
        if self.slots.contains_key(&entry.key) {
            problems.report_with(
                entry.key_span,
                format!(
                    "`{}` is already the name of a variable under `vars:`",
                    entry.key
                ),
                "give one of the two another name",
            );
            return None;
        }
        let slot = self.slot_for(&entry.key, Scope::Run);
        self.variables[slot.0 as usize].initial = Some(Value::Text(text));
        Some(slot)
    }

    /// Adds the metrics of `metrics:`.
    pub(super) fn add_metrics(&mut self, node: Option<&Node>, problems: &mut Problems) {
        let before = problems.count();
        self.metrics = node.map_or_else(Vec::new, |node| metrics::metrics(node, problems));
        self.has_wrong_metrics = problems.count() > before;
    }

    /// A table of the columns of a row, in this order, for expressions about one row.
    pub(super) fn of_rows<'n>(&self, columns: impl IntoIterator<Item = &'n str>) -> Self {
        let mut rows = Self {
            lookup: self.lookup.clone(),
            ..Self::default()
        };
        for column in columns {
            rows.add_column(column);
        }
        rows
    }

    /// Adds a column of a row.
    pub(super) fn add_column(&mut self, name: &str) {
        let slot = self.slot_for(name, Scope::Run);
        self.variables[slot.0 as usize].initial = Some(Value::Null);
    }

    /// Adds a feeder; `feed` is `None` if its file could not be read.
    pub(in crate::scenario) fn add_feed(
        &mut self,
        entry: &Entry,
        feed: Option<&Feed>,
        problems: &mut Problems,
    ) {
        self.check_name(&entry.key, entry.key_span, "a feeder", problems);
        self.feeds.push(FeedNames {
            name: entry.key.clone(),
            columns: feed.map(|feed| feed.columns.clone()),
        });
    }

    /// Adds every capture of a list of steps, before any template is compiled.
    pub(in crate::scenario) fn add_captures(
        &mut self,
        list: &Node,
        section: &Section,
        problems: &mut Problems,
    ) {
        let blocks = std::mem::take(&mut self.block_captures);
        for capture in steps::captures(list, &blocks) {
            self.add_capture(&capture, section, problems);
        }
        self.block_captures = blocks;
    }

    /// Adds the captures of a block that no section calls, so that its steps can be checked.
    pub(in crate::scenario) fn add_uncalled(
        &mut self,
        captures: &[(String, Span)],
        problems: &mut Problems,
    ) {
        for (name, span) in captures {
            if self.slots.contains_key(name)
                || !self.check_name(name, *span, "a captured variable", problems)
            {
                continue;
            }
            let slot = self.slot_for(name, Scope::Iteration);
            self.captured_in.insert(slot, Section::Block);
        }
    }

    /// The variable of a parameter; only the steps of its block see it.
    pub(in crate::scenario) fn add_parameter(
        &mut self,
        name: &str,
        span: Span,
        problems: &mut Problems,
    ) -> Option<SlotId> {
        if !self.check_name(name, span, "a parameter", problems) {
            return None;
        }
        let slot = SlotId(self.variables.len() as u32);
        self.variables.push(Variable {
            name: name.to_owned(),
            initial: None,
            drawn: None,
            scope: Scope::Iteration,
        });
        Some(slot)
    }

    fn add_capture(&mut self, capture: &Captured<'_>, section: &Section, problems: &mut Problems) {
        if !self.check_name(capture.name, capture.span, "a captured variable", problems) {
            return;
        }
        let scope = section.scope();
        let slot = self.slot_for(capture.name, scope);
        let first = self
            .captured_in
            .entry(slot)
            .or_insert_with(|| section.clone())
            .clone();
        // All users share a value of the whole run, so a user may not change it.
        if (first.scope() == Scope::Run) != (scope == Scope::Run) {
            problems.report_with(
                capture.span,
                format!(
                    "`{}` is captured both once for the whole run and by each user",
                    capture.name
                ),
                "give one of the two another name",
            );
        }
        let variable = &mut self.variables[slot.0 as usize];
        variable.scope = match (first.scope(), scope) {
            (Scope::Run, _) | (_, Scope::Run) => Scope::Run,
            (Scope::User, _) | (_, Scope::User) => Scope::User,
            (Scope::Iteration, Scope::Iteration) => Scope::Iteration,
        };
    }

    fn slot_for(&mut self, name: &str, scope: Scope) -> SlotId {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        let slot = SlotId(self.variables.len() as u32);
        self.variables.push(Variable {
            name: name.to_owned(),
            initial: None,
            drawn: None,
            scope,
        });
        self.slots.insert(name.to_owned(), slot);
        slot
    }

    fn check_name(&self, name: &str, span: Span, what: &str, problems: &mut Problems) -> bool {
        let is_well_formed = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.len() <= 64;
        if !is_well_formed {
            problems.report(
                span,
                format!("{what} needs a name of up to 64 letters, digits and `_`, that starts with a letter"),
            );
        } else if RESERVED.contains(&name) {
            problems.report_with(
                span,
                format!("`{name}` is a reserved word and cannot be a name"),
                "choose another name",
            );
        } else if is_environment_name(name) {
            problems.report_with(
                span,
                format!("`{name}` is upper-case, and upper-case names are environment variables"),
                did_you_mean(&name.to_lowercase()),
            );
        } else if self.feeds.iter().any(|feed| feed.name == name) {
            problems.report_with(
                span,
                format!("`{name}` is already the name of a feeder under `data:`"),
                "give one of the two another name",
            );
        } else {
            return true;
        }
        false
    }

    /// The slot of a captured variable.
    pub(in crate::scenario) fn slot(&self, name: &str) -> Option<SlotId> {
        self.slots.get(name).copied()
    }

    pub(in crate::scenario) fn slots_where(
        &self,
        holds: impl Fn(&Variable, Option<&Section>) -> bool,
    ) -> HashSet<SlotId> {
        self.slots
            .values()
            .copied()
            .filter(|slot| {
                let variable = &self.variables[slot.0 as usize];
                holds(variable, self.captured_in.get(slot))
            })
            .collect()
    }

    pub(in crate::scenario) fn into_variables(self) -> Vec<Variable> {
        self.variables
    }
}

/// True if a text of the value, or a name in it, has an expression or an escape.
fn has_expression(node: &Node) -> bool {
    match &node.value {
        Content::Scalar(scalar) => scalar.text.contains("${"),
        Content::List(items) => items.iter().any(has_expression),
        Content::Map(entries) => entries
            .iter()
            .any(|entry| entry.key.contains("${") || has_expression(&entry.value)),
    }
}

/// The position of the first scalar with a template expression.
pub(super) fn first_expression(node: &Node) -> Option<Span> {
    match &node.value {
        Content::Scalar(scalar) => scalar
            .text
            .replace("$${", "")
            .contains("${")
            .then_some(node.span),
        Content::List(items) => items.iter().find_map(first_expression),
        Content::Map(entries) => entries
            .iter()
            .find_map(|entry| first_expression(&entry.value)),
    }
}
