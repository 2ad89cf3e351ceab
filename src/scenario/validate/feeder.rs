//! `data:`: feeders, from files below the root, standard input, the scenario itself, or expressions.

use super::compiler::Compiler;
use super::names::{NameTable, first_expression};
use crate::format::tables::data as table;
use crate::format::{Fields, Problems};
use crate::scenario::feed::FeedFault;
use crate::scenario::{Feed, Per, Pick, RowFormat, Template, Value, WhenUsedUp};
use crate::source::{Content, Entry, Files, Node, Span, brief};

/// The name of standard input in `file:`.
const INPUT: &str = "-";

/// Reads `data:`.
pub(super) fn feeds(
    node: &Node,
    files: &Files,
    names: &mut NameTable,
    problems: &mut Problems,
) -> Vec<Feed> {
    let Some(entries) = problems.entries(node, "a mapping of feeders") else {
        return Vec::new();
    };
    let mut feeds = Vec::new();
    for entry in entries {
        let feed = feed(&entry.key, &entry.value, files, names, problems);
        names.add_feed(entry, feed.as_ref(), problems);
        feeds.extend(feed);
    }
    feeds
}

fn feed(
    name: &str,
    node: &Node,
    files: &Files,
    names: &NameTable,
    problems: &mut Problems,
) -> Option<Feed> {
    let fields = problems.fields(node, &table::TABLE)?;
    let pick = problems.value(&fields, &table::PICK);
    let per = problems.value(&fields, &table::PER);
    let when_used_up = when_used_up(&fields, pick, problems);
    let feed = rows(name, &fields, files, names, problems);
    let feed = feed.and_then(|feed| filtered(feed, &fields, (files, names), problems))?;
    // Its columns are known even if these are wrong.
    Some(Feed {
        pick: pick.unwrap_or(Pick::Sequential),
        per: per.unwrap_or(Per::Iteration),
        when_used_up: when_used_up.unwrap_or(WhenUsedUp::Fail),
        ..feed
    })
}

/// The rows, from one of their sources.
fn rows(
    name: &str,
    fields: &Fields<'_>,
    files: &Files,
    names: &NameTable,
    problems: &mut Problems,
) -> Option<Feed> {
    let source = match fields.chosen(&table::SOURCE).as_slice() {
        [one] => *one,
        [] => {
            if !fields.has_slip {
                problems.report_with(
                    fields.span,
                    "a feeder needs the key `file`, `rows` or `generate`",
                    "`file` names a file, `rows` are in the scenario, and `generate` computes them",
                );
            }
            return None;
        }
        [first, second, ..] => {
            let message = format!("a feeder has `{}` or `{}`, not both", first.key, second.key);
            problems.report(second.key_span, message);
            return None;
        }
    };
    if source.key != table::FILE.key
        && let Some(format) = fields.entry(&table::FORMAT)
    {
        problems.report(format.key_span, "`format` is that of a `file`");
    }
    if source.key == table::FILE.key {
        from_file(name, fields, source, files, problems)
    } else if source.key == table::ROWS.key {
        if let Some(columns) = fields.entry(&table::COLUMNS) {
            problems.report_with(
                columns.key_span,
                "`columns` does not belong to `rows`",
                "each row names its columns itself",
            );
        }
        inline(name, &source.value, problems)
    } else {
        debug_assert_eq!(source.key, table::GENERATE.key);
        generated(name, fields, source, (files, names), problems)
    }
}

fn from_file(
    name: &str,
    fields: &Fields<'_>,
    source: &Entry,
    files: &Files,
    problems: &mut Problems,
) -> Option<Feed> {
    let format: Option<RowFormat> = match fields.get(&table::FORMAT) {
        Some(node) => Some(problems.at(node, &table::FORMAT)?),
        None => None,
    };
    let columns = match fields.get(&table::COLUMNS) {
        Some(node) => Some(column_names(node, problems)?),
        None => None,
    };
    let node = &source.value;
    let named = problems.name(node, "the name of a .csv, .tsv, .json or .jsonl file")?;
    let read = if named == INPUT {
        let Some(format) = format else {
            problems.report_with(
                node.span,
                "standard input has no name that tells its format",
                "add `format: csv`, `tsv`, `json` or `jsonl`",
            );
            return None;
        };
        // A check does not wait for rows.
        if problems.accepts_unset() {
            problems.leave_input_unread();
            return None;
        }
        refuse_columns_of_objects(format, fields, problems)?;
        Feed::from_input(name, format, columns)
    } else {
        let path = match files.find(named, node.span) {
            Ok(path) => path,
            Err(refusal) => {
                problems.refused(node.span, refusal);
                return None;
            }
        };
        if let Some(format) = format.or_else(|| Feed::format_of(&path)) {
            refuse_columns_of_objects(format, fields, problems)?;
        }
        Feed::from_file(name, &path, format, columns)
    };
    let shown = if named == INPUT {
        "standard input"
    } else {
        named
    };
    reported(read, shown, node.span, problems)
}

fn reported(
    read: Result<Feed, FeedFault>,
    shown: &str,
    span: Span,
    problems: &mut Problems,
) -> Option<Feed> {
    read.map_err(|fault| problems.report(span, format!("`{shown}` {fault}")))
        .ok()
}

/// Only a file of lines has columns without names.
fn refuse_columns_of_objects(
    format: RowFormat,
    fields: &Fields<'_>,
    problems: &mut Problems,
) -> Option<()> {
    let entry = fields.entry(&table::COLUMNS);
    match (format, entry) {
        (RowFormat::Json | RowFormat::Jsonl, Some(entry)) => {
            problems.report_with(
                entry.key_span,
                "`columns` does not belong to a JSON file",
                "each of its rows names its columns itself",
            );
            None
        }
        (RowFormat::Csv | RowFormat::Tsv, _) | (_, None) => Some(()),
    }
}

/// The names of the columns of a file without a header.
fn column_names(node: &Node, problems: &mut Problems) -> Option<Vec<String>> {
    let items = problems.list(node, "a list of column names, such as `[ id, email ]`")?;
    let mut names: Vec<String> = Vec::new();
    for item in items {
        let name = problems.fixed_name(item, "the name of a column")?.trim();
        if names.iter().any(|known| known == name) {
            let message = format!("there are two columns called `{}`", brief(name));
            problems.report(item.span, message);
            return None;
        }
        names.push(name.to_owned());
    }
    Some(names)
}

/// Rows in the scenario.
fn inline(name: &str, node: &Node, problems: &mut Problems) -> Option<Feed> {
    let items = problems.list(node, "a list of rows, such as `[ { id: 1 }, { id: 2 } ]`")?;
    if let Some(expression) = first_expression(node) {
        problems.report_with(
            expression,
            "a row is a constant and cannot hold `${…}`",
            "use `generate` for computed rows; only ${NAME} of the environment is replaced here",
        );
        return None;
    }
    let values = items.iter().map(Value::from).collect();
    reported(Feed::from_values(name, values), "rows", node.span, problems)
}

/// Rows computed by expressions.
fn generated(
    name: &str,
    fields: &Fields<'_>,
    source: &Entry,
    (files, names): (&Files, &NameTable),
    problems: &mut Problems,
) -> Option<Feed> {
    const WHAT: &str = "`columns`: a mapping of columns to their values, such as `{ email: 'user${row}@shop.test' }`";
    let count = problems.at(&source.value, &table::GENERATE);
    let Some(node) = fields.get(&table::COLUMNS) else {
        problems.report_with(
            source.key_span,
            "`generate` needs the columns of the rows",
            format!("add {WHAT}"),
        );
        return None;
    };
    let entries = problems.entries(node, WHAT)?;
    if entries.is_empty() {
        problems.report(
            node.span,
            format!("expected {WHAT}, found an empty mapping"),
        );
        return None;
    }
    let mut known = names.of_rows(["row"]);
    let mut columns: Vec<Option<(String, Template)>> = Vec::new();
    for entry in entries {
        if entry.key == "row" {
            problems.report_with(
                entry.key_span,
                "`row` is the number of the row",
                "give the column another name",
            );
        }
        let mut compiler = Compiler::for_defaults(problems, &known, files);
        let template = match &entry.value.value {
            Content::Scalar(scalar) => compiler.typed(&entry.value, scalar),
            Content::List(_) | Content::Map(_) => {
                problems.expected("a text, a number or an expression", &entry.value);
                None
            }
        };
        columns.push(template.map(|template| (entry.key.clone(), template)));
        known.add_column(&entry.key);
    }
    let columns = columns.into_iter().collect::<Option<Vec<_>>>()?;
    let feed = Feed::generated(name, count?, columns);
    reported(feed, "generate", source.key_span, problems)
}

/// The feeder with the rows that `filter` keeps.
fn filtered(
    mut feed: Feed,
    fields: &Fields<'_>,
    (files, names): (&Files, &NameTable),
    problems: &mut Problems,
) -> Option<Feed> {
    let Some(node) = fields.get(&table::FILTER) else {
        return Some(feed);
    };
    let columns = names.of_rows(feed.columns.iter().map(String::as_str));
    let mut compiler = Compiler::for_defaults(problems, &columns, files);
    let condition = compiler.condition(node, "a condition such as `country == 'NL'`")?;
    if let Err(fault) = feed.filter(&condition) {
        problems.report(
            node.span,
            format!("the feeder `{}` {fault}", brief(&feed.name)),
        );
        return None;
    }
    Some(feed)
}

/// `when_used_up` is only valid with `pick: unique`, because with any other pick rows are never used up.
fn when_used_up(
    fields: &Fields<'_>,
    pick: Option<Pick>,
    problems: &mut Problems,
) -> Option<WhenUsedUp> {
    if let Some(entry) = fields.entry(&table::WHEN_USED_UP)
        && pick.is_some_and(|pick| pick != Pick::Unique)
    {
        problems.report_with(
            entry.key_span,
            "`when_used_up` applies only to `pick: unique`; this feeder uses its rows again",
            "set `pick: unique`, or remove `when_used_up`",
        );
        return None;
    }
    problems.value(fields, &table::WHEN_USED_UP)
}
