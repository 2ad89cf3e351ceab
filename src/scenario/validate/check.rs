//! `check:`: conditions on a response.

use http::StatusCode;

use super::compiler::Compiler;
use super::http::header_name;
use super::pattern::{json_path, regex};
use crate::format::tables::check::{self as table, body as body_table};
use crate::format::{Fields, Form, Problems};
use crate::scenario::{Check, CheckRule, Comparator, JsonRule, StatusRange, TextRule};
use crate::source::{Content, Entry, Node};
use crate::source::{brief, describe, did_you_mean};
use crate::units::{parse_duration, show_duration};

/// Reads `check:`, a list of checks or a single one.
pub(in crate::scenario) fn checks(node: &Node, compiler: &mut Compiler<'_>) -> Vec<Check> {
    let items = match &node.value {
        Content::Map(_) => std::slice::from_ref(node),
        Content::Scalar(_) | Content::List(_) => {
            match compiler.problems.list(node, "a list of checks") {
                Some(items) => items,
                None => return Vec::new(),
            }
        }
    };
    items
        .iter()
        .filter_map(|item| check(item, compiler))
        .collect()
}

fn check(node: &Node, compiler: &mut Compiler<'_>) -> Option<Check> {
    let fields = compiler.problems.fields(node, &table::TABLE)?;
    let subject = match fields.chosen(&table::SUBJECT).as_slice() {
        [one] => *one,
        [] if fields.has_slip => return None,
        [] => {
            compiler.problems.report_with(
                node.span,
                "this check has no subject",
                "add one of `status`, `header`, `body`, `json`, `time`, `size` or `that`",
            );
            return None;
        }
        [_, second, ..] => {
            compiler.problems.report_with(
                second.key_span,
                "a check has only one subject",
                "write a list of checks, each with its own `- `",
            );
            return None;
        }
    };
    let value = &subject.value;
    let (shown, rule) = of_subject(&subject.key, value, &fields, compiler)?;
    let name = match fields.get(&table::NAME) {
        Some(node) => compiler
            .problems
            .fixed_name(node, "a check's name")?
            .to_owned(),
        None => shown,
    };
    Some(Check { name, rule })
}

type NamedRule = Option<(String, CheckRule)>;

fn of_subject(
    key: &str,
    value: &Node,
    fields: &Fields<'_>,
    compiler: &mut Compiler<'_>,
) -> NamedRule {
    if key == table::STATUS.key {
        refuse_rules(fields, &table::OF_STATUS, "status", compiler.problems);
        status(value, compiler.problems)
    } else if key == table::HEADER.key {
        refuse_rules(fields, &table::OF_HEADER, "header", compiler.problems);
        header(value, fields, compiler)
    } else if key == table::BODY.key {
        body(value, fields, compiler)
    } else if key == table::JSON.key {
        refuse_rules(fields, &table::OF_JSON, "JSON value", compiler.problems);
        json(value, fields, compiler)
    } else if key == table::TIME.key {
        refuse_rules(fields, &table::OF_TIME, "time", compiler.problems);
        time(value, compiler.problems)
    } else if key == table::THAT.key {
        refuse_rules(fields, &table::OF_THAT, "expression", compiler.problems);
        that(value, compiler)
    } else {
        debug_assert_eq!(key, table::SIZE.key);
        refuse_rules(fields, &table::OF_SIZE, "size", compiler.problems);
        size(value, compiler.problems)
    }
}

/// Reports rule keys that do not apply to this subject.
fn refuse_rules(fields: &Fields<'_>, form: &Form, subject: &str, problems: &mut Problems) {
    for entry in fields.chosen(&table::RULE) {
        if !form.has(&entry.key) {
            problems.report(
                entry.key_span,
                format!("`{}` does not apply to a check of the {subject}", entry.key),
            );
        }
    }
}

fn status(node: &Node, problems: &mut Problems) -> NamedRule {
    let items = match &node.value {
        Content::List(_) => problems.list(node, "a list of statuses")?,
        Content::Scalar(_) | Content::Map(_) => std::slice::from_ref(node),
    };
    let ranges: Vec<Option<(String, StatusRange)>> = items
        .iter()
        .map(|item| status_range(item, problems))
        .collect();
    let ranges: Vec<(String, StatusRange)> = ranges.into_iter().collect::<Option<_>>()?;
    let words: Vec<&str> = ranges.iter().map(|(word, _)| word.as_str()).collect();
    let shown = format!("status is {}", words.join(" or "));
    Some((
        shown,
        CheckRule::Status(ranges.into_iter().map(|(_, range)| range).collect()),
    ))
}

fn status_range(node: &Node, problems: &mut Problems) -> Option<(String, StatusRange)> {
    const WHAT: &str = "a status such as 200, or 2xx for all from 200 to 299";
    let text = &problems.scalar(node, WHAT)?.text;
    let code = |number: u16| {
        (100..=999)
            .contains(&number)
            .then(|| StatusCode::from_u16(number).ok())
            .flatten()
    };
    let range = match text.strip_suffix("xx") {
        Some(class) => class
            .parse::<u16>()
            .ok()
            .filter(|class| (1..=9).contains(class))
            .and_then(|class| code(class * 100).zip(code(class * 100 + 99))),
        None => text
            .parse()
            .ok()
            .and_then(code)
            .map(|status| (status, status)),
    };
    let Some((first, last)) = range else {
        let bounds = text.split_once("..").or_else(|| text.split_once('-'));
        let hint = bounds.map(|(first, _)| match first.trim().as_bytes() {
            [class @ b'1'..=b'9', b'0', b'0'] => did_you_mean(&format!("{}xx", char::from(*class))),
            _ => "a range is a class such as `2xx`, or a list: `[ 200, 201 ]`".to_owned(),
        });
        let message = format!("expected {WHAT}, found {}", describe(node));
        problems.report_perhaps_with(node.span, message, hint);
        return None;
    };
    Some((text.clone(), StatusRange { first, last }))
}

fn header(node: &Node, fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> NamedRule {
    let text = compiler.problems.name(node, "a header's name")?;
    let name = header_name(text, node.span, compiler.problems);
    let rules = rules_of(fields, &table::OF_HEADER);
    let rule = match rules.as_slice() {
        [] => Some((String::from("is there"), TextRule::Exists)),
        [one] => text_rule(one, compiler),
        [_, second, ..] => too_many(second, compiler.problems),
    };
    let (name, (shown, rule)) = (name?, rule?);
    Some((
        format!("header {name} {shown}"),
        CheckRule::Header(name, rule),
    ))
}

fn body(node: &Node, fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> NamedRule {
    if !matches!(node.value, Content::Map(_)) {
        let found = describe(node);
        compiler.problems.report_with(
            node.span,
            format!("expected a condition on the body, found {found}"),
            "write `body: {contains: text}`, `{matches: regex}` or `{equals: text}`",
        );
        return None;
    }
    refuse_rules(fields, &table::OF_BODY, "body", compiler.problems);
    let rules = compiler.problems.fields(node, &body_table::TABLE)?;
    let (shown, rule) = match rules.chosen(&body_table::RULE).as_slice() {
        [one] => text_rule(one, compiler)?,
        [] => {
            compiler
                .problems
                .report(node.span, "this check of the body has no condition");
            return None;
        }
        [_, second, ..] => return too_many(second, compiler.problems),
    };
    Some((format!("body {shown}"), CheckRule::Body(rule)))
}

/// The rules of a check of this form.
fn rules_of<'n>(fields: &Fields<'n>, form: &Form) -> Vec<&'n Entry> {
    let mut rules = fields.chosen(&table::RULE);
    rules.retain(|entry| form.has(&entry.key));
    rules
}

fn too_many<T>(second: &Entry, problems: &mut Problems) -> Option<T> {
    problems.report_with(
        second.key_span,
        "a check has only one condition",
        "write a list of checks, each with its own `- `",
    );
    None
}

fn text_rule(entry: &Entry, compiler: &mut Compiler<'_>) -> Option<(String, TextRule)> {
    let node = &entry.value;
    let key = entry.key.as_str();
    // Checks of a body and of a header use the same words for the same rules.
    Some(if key == table::EXISTS.key {
        must_be_true(node, compiler.problems)?;
        ("is there".to_owned(), TextRule::Exists)
    } else if [table::MATCHES.key, body_table::MATCHES.key].contains(&key) {
        let regex = regex(node, compiler.problems)?;
        let shown = format!("matches {}", brief(regex.as_str()));
        (shown, TextRule::Matches(regex))
    } else if [table::CONTAINS.key, body_table::CONTAINS.key].contains(&key) {
        let text = compiler.text(node, "a text")?;
        let shown = format!("contains {}", brief(&text.source));
        (shown, TextRule::Contains(text))
    } else {
        debug_assert!([table::EQUALS.key, body_table::EQUALS.key].contains(&key));
        let text = compiler.any_text(node, "a text")?;
        let shown = format!("is {}", brief(&text.source));
        (shown, TextRule::Equals(text))
    })
}

fn must_be_true(node: &Node, problems: &mut Problems) -> Option<()> {
    if problems.flag(node)? {
        return Some(());
    }
    problems.report(
        node.span,
        "a check can test that something exists, but not that it does not",
    );
    None
}

fn json(node: &Node, fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> NamedRule {
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
        length(node, compiler.problems)
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

fn length(node: &Node, problems: &mut Problems) -> Option<(String, JsonRule)> {
    const WHAT: &str = "a length such as 3 or \">= 1\"";
    let (comparator, count) = comparison(node, WHAT, problems)?;
    let Ok(count) = count.parse::<u64>() else {
        problems.expected(WHAT, node);
        return None;
    };
    let shown = format!("length {} {count}", comparator.symbol());
    Some((shown, JsonRule::Length(comparator, count)))
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

const COMPARISON: &str = "a comparison such as \"> 0\"";

/// A comparator and its operand; without a comparator, equality.
fn comparison<'n>(
    node: &'n Node,
    what: &str,
    problems: &mut Problems,
) -> Option<(Comparator, &'n str)> {
    let text = problems.scalar(node, what)?.text.trim();
    Some(match Comparator::leading(text) {
        Some(comparator) => (comparator, text[comparator.symbol().len()..].trim()),
        None => (Comparator::Equal, text),
    })
}

fn time(node: &Node, problems: &mut Problems) -> NamedRule {
    const WHAT: &str = "a limit such as \"< 500ms\"";
    let (comparator, text) = comparison(node, WHAT, problems)?;
    if comparator == Comparator::Equal {
        problems.expected(WHAT, node);
        return None;
    }
    match parse_duration(text) {
        Ok(limit) => Some((
            format!("time {} {}", comparator.symbol(), show_duration(limit)),
            CheckRule::Time(comparator, limit),
        )),
        Err(error) => {
            problems.report(node.span, error.to_string());
            None
        }
    }
}

fn that(node: &Node, compiler: &mut Compiler<'_>) -> NamedRule {
    const WHAT: &str = "an expression such as `response.status == 200`";
    let condition = compiler.condition(node, WHAT)?;
    let written = compiler.problems.scalar(node, WHAT)?.as_written();
    Some((brief(written.trim()), CheckRule::That(condition)))
}

fn size(node: &Node, problems: &mut Problems) -> NamedRule {
    const WHAT: &str = "a limit such as \"< 64KiB\"";
    let (comparator, text) = comparison(node, WHAT, problems)?;
    match text.parse() {
        Ok(limit) => Some((
            format!("size {} {limit}", comparator.symbol()),
            CheckRule::Size(comparator, limit),
        )),
        Err(error) => {
            problems.report(node.span, format!("{error}"));
            None
        }
    }
}
