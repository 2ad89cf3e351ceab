//! `check:`: conditions on a response.

mod json;

use super::compiler::Compiler;
use super::http::header_name;
use super::pattern::{css_query, regex};
use super::status::statuses;
use crate::format::tables::check::{self as table, body as body_table, url as url_table};
use crate::format::{Choice, Fields, Form, Mapping, Problems};
use crate::scenario::{Check, CheckRule, Comparator, CssRule, OnFail, TextRule};
use crate::source::{Content, Entry, Node};
use crate::source::{brief, describe, one_of};
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
    let named = rule(node, &fields, &table::SUBJECT, compiler);
    let on_fail = compiler.problems.value::<OnFail>(&fields, &table::ON_FAIL);
    let name = match fields.get(&table::NAME) {
        Some(node) => compiler
            .problems
            .fixed_name(node, "a check's name")
            .map(str::to_owned),
        None => named.as_ref().map(|(shown, _)| shown.clone()),
    };
    let (_, rule) = named?;
    Some(Check {
        name: name?,
        rule,
        on_fail: on_fail?,
    })
}

/// The one condition of a check, with its description.
fn rule(
    node: &Node,
    fields: &Fields<'_>,
    subjects: &Choice,
    compiler: &mut Compiler<'_>,
) -> NamedRule {
    let subject = match fields.chosen(subjects).as_slice() {
        [one] => *one,
        [] if fields.has_slip => return None,
        [] => {
            compiler.problems.report_with(
                node.span,
                "this check has no subject",
                format!("add one of {}", one_of(subjects.keys)),
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
    of_subject(&subject.key, &subject.value, fields, compiler)
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
        let ranges = statuses(value, compiler.problems)?;
        let words: Vec<&str> = ranges.iter().map(|(word, _)| word.as_str()).collect();
        let shown = format!("status is {}", words.join(" or "));
        let ranges = ranges.into_iter().map(|(_, range)| range);
        Some((shown, CheckRule::Status(ranges.collect())))
    } else if key == table::HEADER.key {
        refuse_rules(fields, &table::OF_HEADER, "header", compiler.problems);
        header(value, fields, compiler)
    } else if key == table::BODY.key {
        body(value, fields, compiler)
    } else if key == table::JSON.key {
        refuse_rules(fields, &table::OF_JSON, "JSON value", compiler.problems);
        json::json(value, fields, compiler)
    } else if key == table::CSS.key {
        refuse_rules(fields, &table::OF_CSS, "HTML", compiler.problems);
        html(value, fields, compiler)
    } else if key == table::SCHEMA.key {
        refuse_rules(fields, &table::OF_SCHEMA, "schema", compiler.problems);
        json::schema(value, compiler)
    } else if key == table::URL.key {
        refuse_rules(fields, &table::OF_URL, "URL", compiler.problems);
        let found = of_table(value, &url_table::TABLE, url_table::RULE.keys, compiler)?;
        let (shown, rule) = text_rule(found, compiler)?;
        Some((format!("url {shown}"), CheckRule::Url(rule)))
    } else if key == table::NOT.key {
        refuse_rules(fields, &table::OF_NOT, "opposite", compiler.problems);
        opposite(value, compiler)
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
    refuse_rules(fields, &table::OF_BODY, "body", compiler.problems);
    let found = of_table(node, &body_table::TABLE, body_table::RULE.keys, compiler)?;
    if found.key == body_table::SIZE.key {
        let (shown, rule) = size(&found.value, compiler.problems)?;
        return Some((format!("body {shown}"), rule));
    }
    let (shown, rule) = text_rule(found, compiler)?;
    Some((format!("body {shown}"), CheckRule::Body(rule)))
}

/// The one condition in a mapping of conditions.
fn of_table<'n>(
    node: &'n Node,
    table: &'static Mapping,
    rules: &[&str],
    compiler: &mut Compiler<'_>,
) -> Option<&'n Entry> {
    let problems = &mut *compiler.problems;
    let what = table.what.trim_start_matches("a check of ");
    if !matches!(node.value, Content::Map(_)) {
        let found = describe(node);
        problems.report_with(
            node.span,
            format!("expected a condition on {what}, found {found}"),
            "write `{ contains: text }`, `{ equals: text }` or `{ matches: pattern }`",
        );
        return None;
    }
    let fields = problems.fields(node, table)?;
    match fields.present(rules).as_slice() {
        [one] => Some(*one),
        [] => {
            let message = format!("this check of {what} has no condition");
            problems.report(node.span, message);
            None
        }
        [_, second, ..] => too_many(second, problems),
    }
}

/// `not`: the condition of a check that must fail.
fn opposite(node: &Node, compiler: &mut Compiler<'_>) -> NamedRule {
    let fields = compiler.problems.fields(node, &table::NEGATED)?;
    let (shown, inner) = rule(node, &fields, &table::NEGATED_SUBJECT, compiler)?;
    Some((format!("not {shown}"), CheckRule::Not(Box::new(inner))))
}

fn html(node: &Node, fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> NamedRule {
    let query = css_query(node, compiler.problems);
    let rule = match rules_of(fields, &table::OF_CSS).as_slice() {
        [] => Some(("is there".to_owned(), CssRule::Text(TextRule::Exists))),
        [one] if one.key == table::COUNT.key => {
            let (shown, comparator, count) = count(&one.value, compiler.problems)?;
            Some((shown, CssRule::Count(comparator, count)))
        }
        [one] => text_rule(one, compiler).map(|(shown, rule)| (shown, CssRule::Text(rule))),
        [_, second, ..] => too_many(second, compiler.problems),
    };
    let (query, (shown, rule)) = (query?, rule?);
    Some((format!("css {query} {shown}"), CheckRule::Css(query, rule)))
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
    } else if key == table::LENGTH.key {
        let (shown, comparator, count) = length(node, compiler.problems)?;
        (shown, TextRule::Length(comparator, count))
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
    problems.report_with(
        node.span,
        "`exists` can only be true",
        "put the check in a `not`: `not: { json: $.error }`",
    );
    None
}

fn length(node: &Node, problems: &mut Problems) -> Option<(String, Comparator, u64)> {
    whole(node, "length", "a length such as 3 or \">= 1\"", problems)
}

fn count(node: &Node, problems: &mut Problems) -> Option<(String, Comparator, u64)> {
    whole(node, "count", "a number such as 3 or \">= 1\"", problems)
}

/// A comparison with a whole number, and its description.
fn whole(
    node: &Node,
    name: &str,
    what: &str,
    problems: &mut Problems,
) -> Option<(String, Comparator, u64)> {
    let (comparator, count) = comparison(node, what, problems)?;
    let Ok(count) = count.parse::<u64>() else {
        problems.expected(what, node);
        return None;
    };
    let shown = format!("{name} {} {count}", comparator.symbol());
    Some((shown, comparator, count))
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
