//! Checks of the values at a JSON path, and of the body's JSON Schema.

use super::{COMPARISON, NamedRule, length, must_be_true, rules_of, too_many};
use crate::format::tables::check::{self as table};
use crate::format::{Fields, Problems};
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::validate::pattern::json_path;
use crate::scenario::{CheckRule, Comparator, JsonRule, JsonSchema, JsonType};
use crate::source::{Content, Entry, Node, brief};

pub(super) fn json(node: &Node, fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> NamedRule {
    let path = json_path(node, compiler.problems);
    let rule = match rules_of(fields, &table::OF_JSON).as_slice() {
        [] => Some(("is there".to_owned(), JsonRule::Exists)),
        [one] => json_rule(one, compiler),
        [_, second, ..] => too_many(second, compiler.problems),
    };
    let (path, (shown, rule)) = (path?, rule?);
    let written = match &node.value {
        Content::Scalar(scalar) => brief(&scalar.text),
        Content::List(_) | Content::Map(_) => path.to_string(),
    };
    Some((format!("{written} {shown}"), CheckRule::Json(path, rule)))
}

fn json_rule(entry: &Entry, compiler: &mut Compiler<'_>) -> Option<(String, JsonRule)> {
    let node = &entry.value;
    let key = entry.key.as_str();
    if key == table::EXISTS.key {
        must_be_true(node, compiler.problems)?;
        Some(("is there".to_owned(), JsonRule::Exists))
    } else if key == table::EQUALS.key {
        equals(node, compiler)
    } else if key == table::LENGTH.key {
        let (shown, comparator, count) = length(node, compiler.problems)?;
        Some((shown, JsonRule::Length(comparator, count)))
    } else if key == table::TYPE.key {
        let wanted: JsonType = compiler.problems.at(node, &table::TYPE)?;
        Some((
            format!("is of type {}", wanted.word()),
            JsonRule::Type(wanted),
        ))
    } else {
        debug_assert_eq!(key, table::IS.key);
        is(node, compiler)
    }
}

fn equals(node: &Node, compiler: &mut Compiler<'_>) -> Option<(String, JsonRule)> {
    let value = match &node.value {
        Content::Scalar(scalar) => compiler.typed(node, scalar)?,
        Content::List(_) | Content::Map(_) => compiler.json(node)?,
    };
    let shown = format!("is {}", brief(&value.source));
    Some((shown, JsonRule::Compare(Comparator::Equal, value)))
}

fn is(node: &Node, compiler: &mut Compiler<'_>) -> Option<(String, JsonRule)> {
    let scalar = compiler.problems.scalar(node, COMPARISON)?;
    let text = scalar.as_written();
    let Some(comparator) = Comparator::leading(text.trim_start()) else {
        compiler.problems.expected(COMPARISON, node);
        return None;
    };
    let start = text.len() - text.trim_start().len() + comparator.symbol().len();
    let operand = text[start..].trim();
    if operand.is_empty() {
        compiler.problems.expected(COMPARISON, node);
        return None;
    }
    let skipped = text.len() - text[start..].trim_start().len();
    let skipped = text[..skipped].chars().count();
    let value = compiler.value(scalar, node.span, operand, skipped)?;
    let shown = format!("{} {}", comparator.symbol(), brief(operand));
    Some((shown, JsonRule::Compare(comparator, value)))
}

/// `schema: file.json`, or `file.json#/path`.
pub(super) fn schema(node: &Node, compiler: &mut Compiler<'_>) -> NamedRule {
    let written = compiler
        .problems
        .name(node, "the name of a file with a JSON Schema")?;
    let (file, pointer) = written.split_once('#').unwrap_or((written, ""));
    let text = match compiler.files.read_document(file, node.span) {
        Ok(text) => text,
        Err(refusal) => {
            compiler.problems.refused(node.span, refusal);
            return None;
        }
    };
    let refuse = |problems: &mut Problems, reason: &str| {
        let message = format!("`{}` is not a JSON Schema: {reason}", brief(written));
        problems.report(node.span, message);
    };
    let document = match serde_json::from_slice(&text) {
        Ok(document) => document,
        Err(error) => {
            refuse(compiler.problems, &error.to_string());
            return None;
        }
    };
    match JsonSchema::compile(written, document, pointer) {
        Ok(schema) => Some((
            format!("schema {}", brief(written)),
            CheckRule::Schema(schema),
        )),
        Err(reason) => {
            refuse(compiler.problems, &reason);
            None
        }
    }
}
