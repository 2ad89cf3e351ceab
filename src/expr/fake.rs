//! A context for tests with its names: variables, one feeder `users`, a fixed clock, given random bits.

use std::collections::VecDeque;

use super::{Context, Encoding, Expression, Names, SlotId, StoredValue, Template, Value};
use chrono::{DateTime, Utc};

/// Variables by name (`None` if it has no value yet), and the columns of the row of `users`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake {
    pub(crate) slots: Vec<(&'static str, Option<Value>)>,
    pub(crate) columns: Vec<(&'static str, Value)>,
    /// The next random bits; zeros after them.
    pub(crate) bits: VecDeque<u64>,
}

impl Fake {
    pub(crate) fn with(slots: impl IntoIterator<Item = (&'static str, serde_json::Value)>) -> Self {
        Self {
            slots: slots
                .into_iter()
                .map(|(name, value)| (name, Some(value.into())))
                .collect(),
            ..Self::default()
        }
    }

    /// Sets the next random bits.
    pub(crate) fn drawing(mut self, bits: impl IntoIterator<Item = u64>) -> Self {
        self.bits = bits.into_iter().collect();
        self
    }

    /// Compiles a text whose names are all known.
    pub(crate) fn compile(&mut self, text: &str, encoding: Encoding) -> Template {
        Template::compile(text, encoding, self).expect(text)
    }

    /// Compiles and renders.
    pub(crate) fn render(&mut self, text: &str, encoding: Encoding) -> String {
        let template = self.compile(text, encoding);
        self.rendered(&template)
    }

    /// Renders a template; every value must exist.
    pub(crate) fn rendered(&mut self, template: &Template) -> String {
        let mut out = String::new();
        template.render(self, &mut out).expect(&template.source);
        out
    }
}

impl Names for Fake {
    fn resolve(&mut self, name: &str, member: Option<&str>) -> Option<Expression> {
        if let Some(member) = member {
            let column = self
                .columns
                .iter()
                .position(|(column, _)| *column == member);
            return column
                .filter(|_| name == "users")
                .map(|column| Expression::Column { feed: 0, column });
        }
        let slot = self.slots.iter().position(|(slot, _)| *slot == name)?;
        Some(Expression::Slot(SlotId(slot as u32)))
    }

    fn known(&self) -> Vec<String> {
        let slots = self.slots.iter().map(|(name, _)| (*name).to_owned());
        let columns = self.columns.iter().map(|(name, _)| format!("users.{name}"));
        slots.chain(columns).collect()
    }

    fn environment(&self, name: &str) -> Option<String> {
        (name == "HOME_TOWN").then(|| "Lund & Åhus".to_owned())
    }
}

impl Context for Fake {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        self.slots.get(slot.0 as usize)?.1.as_ref()
    }

    fn column(&self, _: usize, column: usize) -> Option<StoredValue<'_>> {
        self.columns
            .get(column)
            .map(|(_, value)| StoredValue::Value(value))
    }

    fn random(&mut self) -> u64 {
        self.bits.pop_front().unwrap_or(0)
    }

    fn user(&self) -> u64 {
        7
    }

    fn iteration(&self) -> u64 {
        41
    }

    fn slot_name(&self, slot: SlotId) -> &str {
        self.slots
            .get(slot.0 as usize)
            .map_or("?", |(name, _)| name)
    }

    fn column_name(&self, _: usize, column: usize) -> String {
        format!(
            "users.{}",
            self.columns.get(column).map_or("?", |(name, _)| name)
        )
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_700_000_000_123).unwrap_or_default()
    }
}
