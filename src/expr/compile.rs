//! Compiles parsed pieces into segments: merges neighbouring literals and evaluates constants.

use std::borrow::Cow;
use std::mem;

use super::function::{RAW, URL_ENCODE};
use super::parse::{self, TemplatePiece};
use super::{
    Context, Encoding, ExprError, Expression, Missing, Names, SlotId, StoredValue, Template,
    TemplateSegment, Value,
};

/// A template with one encoding for its literal parts and one for its values.
pub(super) fn text(
    text: &str,
    literals: Encoding,
    values: Encoding,
    names: &mut dyn Names,
) -> Result<Template, ExprError> {
    let pieces = parse::pieces(text, names)?;
    if let [TemplatePiece::Expression(Expression::Literal(value))] = &*pieces
        && values == Encoding::Plain
        && !matches!(value, Value::Text(_))
    {
        // It keeps its type.
        return Ok(Template::constant(value.clone(), text));
    }
    let mut assembly = Assembly::default();
    assembly.pieces(pieces, literals, values);
    Ok(assembly.finish(text))
}

/// See [`Template::url`].
pub(super) fn url(text: &str, names: &mut dyn Names) -> Result<Template, ExprError> {
    let pieces = parse::pieces(text, names)?;
    let values = match &*pieces {
        [TemplatePiece::Expression(_)] => Encoding::Plain,
        _ => Encoding::Percent,
    };
    let mut assembly = Assembly::default();
    assembly.pieces(pieces, Encoding::Plain, values);
    Ok(assembly.finish(text))
}

/// See [`Template::json`].
pub(super) fn json(value: &Value, names: &mut dyn Names) -> Result<Template, ExprError> {
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
                TemplateSegment::Literal(text) => assembly.open.push_str(&text),
                expression @ TemplateSegment::Expression(..) => assembly.push(expression),
            }
        }
    }
    assembly.finish(&source)
}

/// Segments under construction; `open` is the last literal, which the next piece may extend.
#[derive(Default)]
struct Assembly {
    segments: Vec<TemplateSegment>,
    open: String,
}

impl Assembly {
    fn pieces(&mut self, pieces: Vec<TemplatePiece>, literals: Encoding, values: Encoding) {
        for piece in pieces {
            match piece {
                TemplatePiece::Literal(text) => literals.write(&text, &mut self.open),
                TemplatePiece::Expression(expression) => self.expression(expression, values),
            }
        }
    }

    fn expression(&mut self, expression: Expression, encoding: Encoding) {
        let (expression, encoding) = match expression {
            // The surrounding text already encodes x; encoding `url_encode(x)` again would encode its percent signs.
            Expression::Call(function, arguments)
                if encoding == Encoding::Percent
                    && (function.is(&URL_ENCODE) || function.is(&RAW)) =>
            {
                let encoding = if function.is(&RAW) {
                    Encoding::Url
                } else {
                    encoding
                };
                match <[Expression; 1]>::try_from(arguments.into_vec()) {
                    Ok([argument]) => (argument, encoding),
                    Err(arguments) => (Expression::Call(function, arguments.into()), encoding),
                }
            }
            other => (other, encoding),
        };
        if expression.is_constant()
            && let Ok(value) = constant(&expression)
        {
            encoding.write_value(&value, &mut self.open);
        } else {
            self.push(TemplateSegment::Expression(expression, encoding));
        }
    }

    /// Writes the value at `path` as JSON.
    fn json(
        &mut self,
        value: &Value,
        path: &mut Vec<String>,
        names: &mut dyn Names,
    ) -> Result<(), ExprError> {
        match value {
            Value::Text(text) => {
                let mut pieces = string(text, path, names)?;
                match (pieces.pop(), pieces.is_empty()) {
                    (Some(TemplatePiece::Expression(expression)), true) => {
                        self.expression(expression, Encoding::Json);
                    }
                    (last, _) => {
                        pieces.extend(last);
                        self.json_string(pieces);
                    }
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.open.push(if index == 0 { '[' } else { ',' });
                    path.push(format!("[{index}]"));
                    self.json(item, path, names)?;
                    path.pop();
                }
                self.open
                    .push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Value::Map(members) => {
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

    fn json_string(&mut self, pieces: Vec<TemplatePiece>) {
        self.open.push('"');
        self.pieces(pieces, Encoding::JsonString, Encoding::JsonString);
        self.open.push('"');
    }

    fn push(&mut self, segment: TemplateSegment) {
        if !self.open.is_empty() {
            let literal = mem::take(&mut self.open).into_boxed_str();
            self.segments.push(TemplateSegment::Literal(literal));
        }
        self.segments.push(segment);
    }

    fn finish(mut self, source: &str) -> Template {
        if !self.open.is_empty() {
            self.segments
                .push(TemplateSegment::Literal(self.open.into_boxed_str()));
        }
        Template {
            segments: self.segments.into_boxed_slice(),
            source: source.into(),
        }
    }
}

/// The pieces of a string inside a JSON document; an error names the path of the string.
fn string(
    text: &str,
    path: &[String],
    names: &mut dyn Names,
) -> Result<Vec<TemplatePiece>, ExprError> {
    parse::pieces(text, names).map_err(|error| ExprError {
        message: format!("at `${}`: {}", path.concat(), error.message),
        ..error
    })
}

/// The value of a constant expression.
pub(super) fn constant(expression: &Expression) -> Result<Value, Missing> {
    expression.value(&mut Nothing).map(Cow::into_owned)
}

/// The context of constant expressions, which need nothing from it.
struct Nothing;

impl Context for Nothing {
    fn slot(&self, _: SlotId) -> Option<&Value> {
        None
    }
    fn column(&self, _: usize, _: usize) -> Option<StoredValue<'_>> {
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
    fn slot_name(&self, _: SlotId) -> &'static str {
        ""
    }
    fn column_name(&self, _: usize, _: usize) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::fake::Fake;
    use super::*;

    fn fake() -> Fake {
        Fake::with([
            ("id", json!("a\"b")),
            ("count", json!(3)),
            ("tags", json!(["x", null])),
            ("link", json!("https://h/x?y=1")),
            ("path", json!("x/y z?q=ü")),
        ])
    }

    #[test]
    fn constants_are_written_out_when_compiled() {
        let mut fake = fake();
        for (text, expected) in [
            ("a $ b $$ c $${d} $$${e}", "a $ b $$ c ${d} $${e}"),
            ("${env(HOME_TOWN)}", "Lund & Åhus"),
            ("v${5}", "v5"),
            ("Basic ${base64('me:secret')}", "Basic bWU6c2VjcmV0"),
        ] {
            let template = fake.compile(text, Encoding::Plain);
            assert_eq!(template.literal(), Some(expected), "{text}");
            assert_eq!(&*template.source, text);
        }
        let percent = fake.compile("/in/${env(HOME_TOWN)}", Encoding::Percent);
        assert_eq!(percent.literal(), Some("/in/Lund%20%26%20%C3%85hus"));
        assert_eq!(fake.compile("${id}", Encoding::Plain).literal(), None);
    }

    #[test]
    fn a_url_that_is_one_expression_stands_for_itself() {
        let mut fake = fake();
        for (text, expected) in [
            ("${link}", "https://h/x?y=1"),
            ("/go?to=${link}", "/go?to=https%3A%2F%2Fh%2Fx%3Fy%3D1"),
            ("/${id}/${count}", "/a%22b/3"),
            (
                "/go?${raw(path)}&at=${raw('b c')}",
                "/go?x/y%20z?q=%C3%BC&at=b%20c",
            ),
        ] {
            let template = Template::url(text, &mut fake).expect(text);
            assert_eq!(fake.rendered(&template), expected, "{text}");
        }
    }

    #[test]
    fn a_component_is_encoded_in_its_literal_parts_too_and_once() {
        let mut fake = fake();
        let template = Template::component("a&b ${link} ${env(HOME_TOWN)}", &mut fake);
        let template = template.expect("every name is known");
        assert_eq!(
            fake.rendered(&template),
            "a%26b%20https%3A%2F%2Fh%2Fx%3Fy%3D1%20Lund%20%26%20%C3%85hus"
        );
    }

    #[test]
    fn json_strings_that_are_one_expression_take_its_type() {
        let mut fake = fake();
        for (value, expected) in [
            (json!({"n": "${count}"}), json!({"n": 3})),
            (json!({"n": " ${count}"}), json!({"n": " 3"})),
            (json!("${id}"), json!("a\"b")),
            (
                json!(["${tags}", "${id}-${tags}"]),
                json!([["x", null], "a\"b-[\"x\",null]"]),
            ),
            (json!({"${id}": 1, "k": {}}), json!({"a\"b": 1, "k": {}})),
            (
                json!([1, -2.5, null, true, [], "", "\"\n"]),
                json!([1, -2.5, null, true, [], "", "\"\n"]),
            ),
            (json!("$${id}"), json!("${id}")),
            (json!({"q": "${random(1,1)}"}), json!({"q": 1})),
            (json!("${env(HOME_TOWN)}"), json!("Lund & Åhus")),
            (json!("${url_encode(id)}"), json!("a%22b")),
        ] {
            let template =
                Template::json(&(&value).into(), &mut fake).expect("every name is known");
            let read: Value = serde_json::from_str(&fake.rendered(&template)).expect("valid JSON");
            assert_eq!(read, expected, "{value}");
        }
    }

    #[test]
    fn json_without_expressions_is_one_literal() {
        let value = json!({"a": ["b", 1, {"c": "\"$${x}"}]});
        let template = Template::json(&(&value).into(), &mut fake()).expect("no names");
        assert_eq!(template.literal(), Some(r#"{"a":["b",1,{"c":"\"${x}"}]}"#));
    }

    #[test]
    fn what_is_wrong_inside_json_is_placed_by_its_path() {
        let value = json!({"items": [{"id": "x ${idd}"}]});
        let error = Template::json(&(&value).into(), &mut fake()).expect_err("idd is unknown");
        assert_eq!(
            error.message,
            "at `$.items[0].id`: nothing is called `idd` here"
        );
        assert_eq!((error.offset, error.length), (4, 3));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same document with every `${` escaped, so that it is literal text.
    fn escaped(value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(text.replace("${", "$${")),
            Value::Array(items) => items.iter().map(escaped).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(key, member)| (key.replace("${", "$${"), escaped(member)))
                .collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn any_document_renders_as_itself(value in any_json()) {
            let template = Template::json(&escaped(&value).into(), &mut fake()).expect("no expression");
            let text = template.literal().expect("a literal");
            // Compared as text, because parsing a float again may change its last digit.
            prop_assert_eq!(text, value.to_string());
        }

        #[test]
        fn any_value_in_a_document_reads_back(value in any_json(), text in any::<String>()) {
            let mut fake = Fake::with([("it", value.clone()), ("text", json!(text.clone()))]);
            let document = json!({"it": "${it}", "text": "<${text}>", "${text}": 0});
            let template = Template::json(&(&document).into(), &mut fake).expect("every name is known");
            let rendered = fake.rendered(&template);
            let read: Value = serde_json::from_str(&rendered).expect("valid JSON");
            prop_assert_eq!(&read["text"], &json!(format!("<{text}>")));
            let start = "{\"it\":".len();
            prop_assert_eq!(&rendered[start..start + value.to_string().len()], value.to_string());
        }
    }
}
