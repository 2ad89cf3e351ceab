//! Compiling: parsed pieces become segments, with neighbouring literals merged and constants written out.

use std::borrow::Cow;
use std::mem;

use serde_json::Value;

use super::parse::{self, Piece};
use super::{Context, Encoding, Expression, Function, Names, Segment, Template, TemplateError};
use crate::scenario::SlotId;

/// A template whose literal parts and values are each written in an encoding.
pub(super) fn text(
    text: &str,
    literals: Encoding,
    values: Encoding,
    names: &mut dyn Names,
) -> Result<Template, TemplateError> {
    let mut assembly = Assembly::default();
    assembly.pieces(parse::pieces(text, names)?, literals, values);
    Ok(assembly.finish(text))
}

/// See [`Template::url`].
pub(super) fn url(text: &str, names: &mut dyn Names) -> Result<Template, TemplateError> {
    let pieces = parse::pieces(text, names)?;
    let values = match &*pieces {
        [Piece::Expression(_)] => Encoding::Plain,
        _ => Encoding::Percent,
    };
    let mut assembly = Assembly::default();
    assembly.pieces(pieces, Encoding::Plain, values);
    Ok(assembly.finish(text))
}

/// See [`Template::json`].
pub(super) fn json(value: &Value, names: &mut dyn Names) -> Result<Template, TemplateError> {
    let mut assembly = Assembly::default();
    assembly.json(value, &mut Vec::new(), names)?;
    Ok(assembly.finish(&value.to_string()))
}

/// See [`Template::concat`].
pub(super) fn concat(parts: impl IntoIterator<Item = Template>) -> Template {
    let mut assembly = Assembly::default();
    let mut source = String::new();
    for part in parts {
        source.push_str(&part.source);
        for segment in part.segments {
            match segment {
                Segment::Literal(text) => assembly.open.push_str(&text),
                expression @ Segment::Expression(..) => assembly.push(expression),
            }
        }
    }
    assembly.finish(&source)
}

/// Segments in the making; `open` is the literal that what follows may still extend.
#[derive(Default)]
struct Assembly {
    segments: Vec<Segment>,
    open: String,
}

impl Assembly {
    fn pieces(&mut self, pieces: Vec<Piece>, literals: Encoding, values: Encoding) {
        for piece in pieces {
            match piece {
                Piece::Literal(text) => literals.write(&text, &mut self.open),
                Piece::Expression(expression) => self.expression(expression, values),
            }
        }
    }

    fn expression(&mut self, expression: Expression, encoding: Encoding) {
        let expression = match expression {
            // Encoding `urlencode(x)` again would send its percent signs: the surroundings encode x already.
            Expression::Call(Function::UrlEncode, arguments) if encoding == Encoding::Percent => {
                match <[Expression; 1]>::try_from(arguments.into_vec()) {
                    Ok([argument]) => argument,
                    Err(arguments) => Expression::Call(Function::UrlEncode, arguments.into()),
                }
            }
            other => other,
        };
        match constant(&expression) {
            Some(value) => encoding.write_value(&value, &mut self.open),
            None => self.push(Segment::Expression(expression, encoding)),
        }
    }

    /// Writes `value`, which stands at `path`, as JSON.
    fn json(
        &mut self,
        value: &Value,
        path: &mut Vec<String>,
        names: &mut dyn Names,
    ) -> Result<(), TemplateError> {
        match value {
            Value::String(text) => {
                let mut pieces = string(text, path, names)?;
                match (pieces.pop(), pieces.is_empty()) {
                    (Some(Piece::Expression(expression)), true) => {
                        self.expression(expression, Encoding::Json);
                    }
                    (last, _) => {
                        pieces.extend(last);
                        self.json_string(pieces);
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.open.push(if index == 0 { '[' } else { ',' });
                    path.push(format!("[{index}]"));
                    self.json(item, path, names)?;
                    path.pop();
                }
                self.open
                    .push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Value::Object(members) => {
                for (index, (key, member)) in members.iter().enumerate() {
                    self.open.push(if index == 0 { '{' } else { ',' });
                    path.push(format!(".{key}"));
                    let pieces = string(key, path, names)?;
                    self.json_string(pieces);
                    self.open.push(':');
                    self.json(member, path, names)?;
                    path.pop();
                }
                self.open
                    .push_str(if members.is_empty() { "{}" } else { "}" });
            }
            scalar => Encoding::Json.write_value(scalar, &mut self.open),
        }
        Ok(())
    }

    fn json_string(&mut self, pieces: Vec<Piece>) {
        self.open.push('"');
        self.pieces(pieces, Encoding::JsonString, Encoding::JsonString);
        self.open.push('"');
    }

    fn push(&mut self, segment: Segment) {
        if !self.open.is_empty() {
            let literal = mem::take(&mut self.open).into_boxed_str();
            self.segments.push(Segment::Literal(literal));
        }
        self.segments.push(segment);
    }

    fn finish(mut self, source: &str) -> Template {
        if !self.open.is_empty() {
            self.segments
                .push(Segment::Literal(self.open.into_boxed_str()));
        }
        Template {
            segments: self.segments.into_boxed_slice(),
            source: source.into(),
        }
    }
}

/// The pieces of a string inside a JSON document, with the place named in what is wrong with it.
fn string(text: &str, path: &[String], names: &mut dyn Names) -> Result<Vec<Piece>, TemplateError> {
    parse::pieces(text, names).map_err(|error| TemplateError {
        message: format!("at `${}`: {}", path.concat(), error.message),
        ..error
    })
}

/// The value of an expression that is the same whenever it is evaluated.
fn constant(expression: &Expression) -> Option<Value> {
    fn is_constant(expression: &Expression) -> bool {
        match expression {
            Expression::Literal(_) => true,
            Expression::Call(function, arguments) => {
                function.is_pure() && arguments.iter().all(is_constant)
            }
            Expression::Slot(_) | Expression::Column { .. } => false,
        }
    }
    if !is_constant(expression) {
        return None;
    }
    expression.value(&mut Nothing).ok().map(Cow::into_owned)
}

/// The context of constants: they ask it for nothing.
struct Nothing;

impl Context for Nothing {
    fn slot(&self, _: SlotId) -> Option<&Value> {
        None
    }
    fn column(&self, _: usize, _: usize) -> Option<&Value> {
        None
    }
    fn random(&mut self) -> u64 {
        0
    }
    fn user(&self) -> u64 {
        0
    }
    fn iteration(&self) -> u64 {
        0
    }
    fn slot_name(&self, _: SlotId) -> &str {
        ""
    }
    fn column_name(&self, _: usize, _: usize) -> String {
        String::new()
    }
}
