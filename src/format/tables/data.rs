//! Feeders.

use super::super::words::{FromWord, Per, Pick, RowFormat, WhenUsedUp};
use super::super::{Choice, Field, Mapping, Type};

/// The maximum number of generated rows.
const MAX_GENERATED: u64 = 10_000_000;

pub(crate) const FILE: Field = Field::new(
    "file",
    Type::FILE,
    "../fixtures/users.csv",
    "The file: `.csv` (commas) or `.tsv` (tabs) with a header line, `.json` with a list of mappings, or `.jsonl` with one \
     mapping per line; each also compressed by gzip, as `.csv.gz`. `-` is standard input, which needs `format`. Gander \
     reads it completely before the run, into about as much memory as it has bytes; it may have at most 4 GiB (64 MiB for \
     `.json`). `${name.column}` inserts a column; a column whose name suggests a secret is masked. Values of `.csv` and \
     `.tsv` are texts; those of JSON keep their types.",
);

pub(crate) const ROWS: Field = Field::new(
    "rows",
    Type::List(&Type::Map(&Type::Any)),
    "[ { email: ann@shop.test, size: S }, { email: bob@shop.test, size: L } ]",
    "The rows themselves, each a mapping with the same keys. They are constants.",
);

pub(crate) const GENERATE: Field = Field::new(
    "generate",
    Type::Integer(1, MAX_GENERATED),
    "generate: 10_000\ncolumns: { email: 'user${row}@shop.test', size: \"${choice('S', 'M')}\" }",
    "The number of rows that `columns` generates before the run. Random values depend on the feeder's name and the row \
     only, not on the seed: each run has the same rows, as from a file.",
);

pub(crate) const COLUMNS: Field = Field::new(
    "columns",
    Type::OneOf(&[Type::List(&Type::NAME), Type::Map(&Type::Any)]),
    "file: ../fixtures/users.csv\ncolumns: [ email ]",
    "With `file`: the names of the columns of a `.csv` or `.tsv` file without a header line. With `generate`: a mapping of \
     the columns to their values, which may be expressions; `row` is the number of the row, from 1, and earlier columns \
     can be used by their names.",
);

pub(crate) const FORMAT: Field = Field::new(
    "format",
    Type::Words(&RowFormat::SET),
    "file: ../fixtures/users.csv\nformat: csv",
    "The format of the file, if its name does not tell it.",
);

pub(crate) const FILTER: Field = Field::new(
    "filter",
    Type::CONDITION,
    "file: ../fixtures/users.csv\nfilter: email != 'nobody@shop.test'",
    "Keeps only the rows for which this is true; columns are used by their names: `country == 'NL' and age >= '18'`.",
);

pub(crate) const PICK: Field = Field::new(
    "pick",
    Type::Words(&Pick::SET),
    "shuffled",
    "The row that an iteration, or a user, gets. Rows are distributed over the whole run and all its machines, not \
     separately for each user.",
)
.default("sequential");

pub(crate) const PER: Field = Field::new(
    "per",
    Type::Words(&Per::SET),
    "user",
    "How long a row is kept: for an iteration, or for all iterations of a user. With `user`, the row depends on the number \
     of the user, so that user n always has the same row.",
)
.default("iteration");

pub(crate) const WHEN_USED_UP: Field = Field::new(
    "when_used_up",
    Type::Words(&WhenUsedUp::SET),
    "pick: unique\nwhen_used_up: end",
    "What happens when `pick: unique` has used every row. With any other pick rows are used again, and this key is an \
     error. In both cases a user that gets no row ends.",
)
.default("fail");

/// The source of the rows.
pub(crate) static SOURCE: Choice = Choice {
    keys: &[FILE.key, ROWS.key, GENERATE.key],
    is_required: true,
};

pub(crate) const TABLE: Mapping = Mapping {
    name: "feeder",
    what: "a feeder",
    doc: "A feeder is a list of rows, from a file, in the scenario itself, or generated. Each iteration that uses it takes \
        one row, and all `${name.column}` of the iteration come from that row.",
    fields: &[
        FILE,
        ROWS,
        GENERATE,
        COLUMNS,
        FORMAT,
        FILTER,
        PICK,
        PER,
        WHEN_USED_UP,
    ],
    choices: &[&SOURCE],
    example: "file: ../fixtures/users.csv\npick: shuffled\n",
    rest: "file: ../fixtures/users.csv\n",
    ..Mapping::EMPTY
};
