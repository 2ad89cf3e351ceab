//! Values, templates and expressions as JSON.

use super::Canonical;
use crate::expr::{Encoding, Expression, TemplateSegment};
use crate::scenario::{SlotId, Template, Value};

/// A JSON list; `values` are JSON.
pub(super) fn list(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    format!("[{}]", values.join(","))
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

impl Canonical<'_> {
    /// A text as JSON, without the values of secrets.
    pub(super) fn text(&self, text: &str) -> String {
        quoted(&self.secrets.mask.known(text))
    }

    /// A value as JSON, without the values of secrets.
    pub(super) fn value(&self, value: &Value) -> String {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Text(text) => self.text(text),
            Value::List(items) => list(items.iter().map(|item| self.value(item))),
            Value::Map(members) => {
                let members = members.iter();
                list(members.map(|(name, value)| list([quoted(name), self.value(value)])))
            }
        }
    }

    /// The name of a variable.
    pub(super) fn variable(&self, slot: SlotId) -> String {
        quoted(&self.workload.variables[slot.0 as usize].name)
    }

    /// The segments of a template; an expression comes with its encoding.
    pub(super) fn template(&self, template: &Template) -> String {
        list(template.segments.iter().map(|segment| match segment {
            TemplateSegment::Literal(text) => self.text(text),
            TemplateSegment::Expression(expression, encoding) => {
                let encoding = match encoding {
                    Encoding::Plain => "plain",
                    Encoding::Percent => "percent",
                    Encoding::Url => "url",
                    Encoding::Json => "json",
                    Encoding::JsonString => "json_string",
                };
                list([quoted(encoding), self.expression(expression)])
            }
        }))
    }

    /// An expression: its operation and its operands.
    pub(super) fn expression(&self, expression: &Expression) -> String {
        let (operation, operands): (&str, Vec<String>) = match expression {
            Expression::Slot(slot) => ("variable", vec![self.variable(*slot)]),
            Expression::Column { feed, column } => {
                let feed = &self.workload.feeds[*feed];
                let operands = vec![quoted(&feed.name), quoted(&feed.columns[*column])];
                ("column", operands)
            }
            Expression::Ambient(ambient) => ("name", vec![quoted(&ambient.written())]),
            Expression::Response(part) => ("name", vec![quoted(&part.written())]),
            Expression::Call(function, arguments) => {
                let name = quoted(function.name());
                ("call", vec![name, self.expressions(arguments)])
            }
            Expression::Script(function, arguments) => {
                let name = quoted(&function.name);
                ("script", vec![name, self.expressions(arguments)])
            }
            Expression::Literal(value) => ("value", vec![self.value(value)]),
            Expression::Join(parts) => ("join", vec![self.expressions(parts)]),
            Expression::Default(parts) => ("default", vec![self.expressions(parts)]),
            Expression::All(parts) => ("all", vec![self.expressions(parts)]),
            Expression::Any(parts) => ("any", vec![self.expressions(parts)]),
            Expression::Not(part) => ("not", vec![self.expression(part)]),
            Expression::Compare(comparison) => {
                let operands = vec![
                    self.expression(&comparison.left),
                    quoted(comparison.comparator.symbol()),
                    self.expression(&comparison.right),
                    comparison.as_texts.to_string(),
                ];
                ("compare", operands)
            }
            Expression::Match(part, pattern, is_wanted) => {
                let pattern = quoted(pattern.0.as_str());
                let operands = vec![self.expression(part), pattern, is_wanted.to_string()];
                ("match", operands)
            }
            Expression::Arithmetic(sides) => {
                let operands = vec![
                    self.expression(&sides.left),
                    quoted(sides.operator.symbol()),
                    self.expression(&sides.right),
                ];
                ("arithmetic", operands)
            }
            Expression::Negative(part) => ("negative", vec![self.expression(part)]),
            Expression::If(parts) => ("choose", vec![self.expressions(&**parts)]),
            Expression::List(parts) => ("list", vec![self.expressions(parts)]),
            Expression::Part(part) => {
                let operands = vec![self.expression(&part.whole), self.expression(&part.key)];
                ("part", operands)
            }
        };
        list(std::iter::once(quoted(operation)).chain(operands))
    }

    fn expressions(&self, expressions: &[Expression]) -> String {
        list(expressions.iter().map(|part| self.expression(part)))
    }
}
