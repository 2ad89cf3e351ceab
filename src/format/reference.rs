//! Renders the format as a reference page: a chapter for each mapping, then expressions, thresholds and units.

use super::types::EXPLAINED;
use super::{Field, Format, Mapping, Presence, Type};
use crate::expr::guide::{AGGREGATES, GuideEntry, LIMITS, OPERATORS, SELECTORS};
use crate::expr::threshold::Metric;
use crate::expr::{Function, ambient};

const HEAD: &str = "# The scenario file

Written by `gander schema --markdown` from the tables that also drive the reader; do not edit it by hand. `gander schema` prints the
same as JSON Schema, which is [scenario.schema.json](scenario.schema.json): with the YAML extension of VS Code, a first line of
`# yaml-language-server: $schema=docs/scenario.schema.json` gives completion and these texts in the editor.
";

const EXPRESSIONS: &str = "## Expressions

`${…}` in a [template](#template) inserts the value of an expression; in conditions (`if`) the `${…}` is optional. A value is a
name (`id`), a column of a feeder (`users.email`, or `users['first name']`), a function call, a number, `true`, `false`, `null`, a 'text'
in single or double quotes, or a list (`[1, 'a']`). Names of environment variables are upper-case: `${NAME}`. A name that nothing sets is an error when the file is
read; `on_error` decides what happens if a value is missing in the run.

`false`, `null`, 0, the empty text, and the texts `false` and `0` are false; every other value is true.
";

const FUNCTIONS: &str = "### Functions

All random values derive from the run's seed, the user and the iteration: a run with the same `--seed` draws the same values.

Arguments in brackets are optional. A call with a wrong argument has no value, as a missing variable has none: `??` gives another, and
`on_error` decides what happens without one. What is constant is checked, and calculated, when the file is read.

| function | gives | example |
|---|---|---|
";

const NAMES: &str = "### Names that every scenario has

A variable or a feeder of the same name hides them. `response` is the last response of this iteration; without one its parts have no
value. Its body is kept only where an expression of the flow reads it.

| name | value |
|---|---|
";

const OWN_FUNCTIONS: &str = "
### Functions of your own

`functions: helpers.js` names an ECMAScript module, or a list of them. Every function that it exports can be called in any expression, as
`${sign(body, api_key)}` or `that: balanced(response.json)`. A function of the same name as one above is an error. Modules may import each
other, `import { sign } from './sign.js'`, if both are in the list.

```js
export function sign(body, key) {
  return hmac('sha256', key, `${Date.now()}.${body}`, 'base64');
}
```

QuickJS runs the modules, one engine for each thread; what a module keeps between calls is therefore not shared by all users. They reach no
file and no network. The functions above that depend on their arguments alone (`sha256`, `base64`, `url_encode`, …) are global functions,
and so is `hmac(algorithm, key, text, encoding)`; `k6/crypto` and `k6/encoding` can be imported and have those of their functions that work on
texts. `Math.random` comes from the run's seed, the user and the iteration. `Date` has the time at which the call begins. `console` writes
nothing. A promise is waited for.

A whole number beyond 2^53 becomes a BigInt, and a BigInt becomes a whole number with all its digits. Decimals become JavaScript numbers.
`undefined` becomes null.

A call takes at most 100 ms, 32 MiB of memory and 256 KiB of stack; an array may have at most 4,000,000 items. A call that fails or meets
a limit has no value, as a missing variable has none, and its failure names the line and the column in the module. A call runs on the
thread of its user; it delays the thread's other users.
";

const THRESHOLDS: &str = "## Threshold expressions

`aggregate(metric{selectors}) operator limit`, such as `p95(response_time{step=\"login\"}) < 500ms`. The limit has the unit of the
number: a duration for times, a percentage for ratios, `/s` for rates, a size for bytes, a plain number for counts. Everything is
measured over the run without its warm-up, unless a [window](#window) says otherwise.
";

/// Renders the page.
pub(crate) fn render(format: &Format) -> String {
    let mut page = ReferencePage {
        out: HEAD.to_owned(),
        steps: format.steps,
    };
    let mappings = format.mappings();
    page.contents(&mappings);
    for table in mappings {
        page.mapping(table);
    }
    page.expressions();
    page.names();
    page.line(OWN_FUNCTIONS);
    page.thresholds();
    page.types();
    page.out
}

struct ReferencePage {
    out: String,
    steps: &'static [&'static Mapping],
}

/// The title of a mapping's chapter: its name without an article.
fn title(table: &Mapping) -> String {
    let name = table.name.replace('_', " ");
    if matches!(table.name, "http" | "tls") {
        return name.to_uppercase();
    }
    let mut letters = name.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn link(table: &Mapping) -> String {
    let title = title(table);
    format!(
        "[{}](#{})",
        table.what.trim_start_matches("a ").replace('`', ""),
        anchor(&title)
    )
}

fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

impl ReferencePage {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn contents(&mut self, mappings: &[&Mapping]) {
        let mut titles: Vec<String> = mappings.iter().map(|table| title(table)).collect();
        titles.extend(["Expressions", "Threshold expressions", "Values"].map(str::to_owned));
        let links = titles.iter();
        let links: Vec<String> = links
            .map(|title| format!("[{title}](#{})", anchor(title)))
            .collect();
        self.line(&format!("\n{}", links.join(" · ")));
    }

    fn mapping(&mut self, table: &Mapping) {
        self.line(&format!("\n## {}\n\n{}\n", title(table), table.doc));
        self.line(&format!("```yaml\n{}```\n", table.example));
        self.line("| key | value | without it |\n|---|---|---|");
        for field in table.fields {
            let without = match field.presence {
                Presence::Required => "required".to_owned(),
                Presence::Optional => String::new(),
                Presence::Default(text) => format!("`{text}`"),
            };
            let value = shown(field.kind, self.steps);
            self.line(&format!("| `{}` | {value} | {without} |", field.key));
        }
        let required = table.choices.iter().filter(|choice| choice.is_required);
        for choice in required {
            let keys: Vec<String> = choice.keys.iter().map(|key| format!("`{key}`")).collect();
            self.line(&format!("\nExactly one of {}.", keys.join(", ")));
        }
        for field in table.fields {
            self.field(field);
        }
    }

    fn field(&mut self, field: &Field) {
        self.line(&format!("\n**`{}`** {}", field.key, field.doc));
        if let Some(words) = field.kind.words() {
            self.line("");
            for word in words {
                self.line(&format!("- `{}`: {}", word.word, word.doc.trim()));
            }
        }
        let example = if field.example.starts_with(&format!("{}:", field.key))
            || field.example.contains('\n')
        {
            field.example.to_owned()
        } else {
            format!("{}: {}", field.key, field.example)
        };
        self.line(&format!("\n```yaml\n{example}\n```"));
    }

    fn entries(&mut self, heads: &str, entries: &[GuideEntry]) {
        self.line(&format!("\n| {heads} | | example |\n|---|---|---|"));
        for entry in entries {
            let written = entry.written.replace('|', "\\|");
            self.line(&format!(
                "| `{written}` | {} | `{}` |",
                entry.doc, entry.example
            ));
        }
    }

    fn expressions(&mut self) {
        self.line(&format!("\n{EXPRESSIONS}"));
        self.line("### Operators\n\nIn order of precedence, lowest first.");
        self.entries("operator", &OPERATORS);
        self.out.push('\n');
        self.out.push_str(FUNCTIONS);
        for function in Function::all() {
            let (call, value) = function.example();
            let example = if value.starts_with('^') {
                format!("`{call}`")
            } else {
                format!("`{call}` is `{value}`")
            };
            let (usage, doc) = (function.usage(), function.doc());
            self.line(&format!("| `{usage}` | {doc} | {example} |"));
        }
        self.line(
            "| `env(NAME)` | The environment variable `NAME`, inserted when the file is read; it may be an argument of \
             other functions. | `env(HOME)` |\n\
             | `file(path)` | The text of a file, read once when the scenario is read: relative to the scenario, below \
             its root, at most 1 MiB. | `file('query.graphql')` |",
        );
    }

    fn names(&mut self) {
        self.line(&format!("\n{NAMES}"));
        for name in &ambient::NAMES {
            self.line(&format!(
                "| `{}.{}` | {} |",
                name.owner, name.member, name.doc
            ));
        }
    }

    fn thresholds(&mut self) {
        self.line(&format!("\n{THRESHOLDS}"));
        self.line("### Aggregates");
        self.entries("aggregate", &AGGREGATES);
        self.line(
            "\n### Metrics\n\n| metric | what it is | kind | aggregates |\n|---|---|---|---|",
        );
        for metric in Metric::ALL {
            let (kind, aggregates) = metric.kind().doc();
            let article = if metric.is_custom() { "a " } else { "" };
            self.line(&format!(
                "| {article}`{}` | {} | {kind} | {aggregates} |",
                metric.name(),
                metric.doc()
            ));
        }
        self.line("\n### Limits");
        self.entries("limit", &LIMITS);
        self.line(
            "\n### Selectors\n\nSelectors follow the metric between `{` and `}`, separated by commas; all of them must \
             match. `=` and `!=` compare the whole text, `=~` and `!~` match a regular expression against the whole \
             text.",
        );
        self.entries("selector", &SELECTORS);
    }

    fn types(&mut self) {
        self.line("\n## Values\n\nAny value may be `${NAME}` or `${NAME:-default}`, an environment variable.");
        for simple in EXPLAINED {
            let mut title = simple.title.to_owned();
            if let Some(first) = title.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            let examples: Vec<String> = simple.examples.iter().map(|e| format!("`{e}`")).collect();
            self.line(&format!(
                "\n### {title}\n\n{} Examples: {}.",
                simple.doc,
                examples.join(", ")
            ));
        }
    }
}

/// The allowed values of a type, with links to their explanations.
fn shown(kind: Type, steps: &[&Mapping]) -> String {
    let title = kind.simple().map_or("any value", |simple| simple.title);
    match kind {
        Type::Any | Type::Nothing | Type::Text => title.to_owned(),
        Type::Simple(_) => format!("[{title}](#{})", anchor(title)),
        Type::Positive => format!("[{title}](#{}), above 0", anchor(title)),
        Type::Flag => "`true` or `false`".to_owned(),
        Type::Integer(least, most) => format!("whole number, {least} to {most}"),
        Type::Literal(word) => format!("`{word}`"),
        Type::Words(set) => {
            let words: Vec<String> = set.words.iter().map(|w| format!("`{}`", w.word)).collect();
            words.join(", ")
        }
        Type::List(items) => format!("list: {}", shown(*items, steps)),
        Type::Map(values) => format!("mapping of names: {}", shown(*values, steps)),
        Type::Mapping(table) => link(table),
        Type::Step => {
            let kinds: Vec<String> = steps.iter().map(|step| link(step)).collect();
            format!("step ({})", kinds.join(", "))
        }
        Type::OneOf(several) => {
            let several = several.iter().filter(|one| !matches!(one, Type::Nothing));
            let several: Vec<String> = several.map(|one| shown(*one, steps)).collect();
            several.join(", or ")
        }
    }
}
