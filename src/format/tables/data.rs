//! Feeders.

use super::super::words::{FromWord, Pick, WhenUsedUp};
use super::super::{Field, Mapping, Type};

pub(crate) const FILE: Field = Field::new(
    "file",
    Type::File,
    "../fixtures/users.csv",
    "The file: `.csv` with a header line and commas, `.json` with a list of mappings, or `.jsonl` with one mapping a line. \
     It is read whole before the run, at most 64 MiB. Its columns are inserted as `${name.column}`; a column whose name \
     sounds like a secret is masked.",
)
.required();

pub(crate) const PICK: Field = Field::new(
    "pick",
    Type::Words(&Pick::SET),
    "shuffled",
    "Which row an iteration gets. Rows are dealt over the whole run, not anew for each user. To give each user a row of \
     its own, capture what it needs in the flow's `start`.",
)
.default("sequential");

pub(crate) const WHEN_USED_UP: Field = Field::new(
    "when_used_up",
    Type::Words(&WhenUsedUp::SET),
    "pick: unique\nwhen_used_up: end",
    "What follows when `pick: unique` has dealt every row. With any other pick the rows come round again, and this key is \
     refused. In either case a user that finds no row ends.",
)
.default("fail");

pub(crate) const TABLE: Mapping = Mapping {
    name: "feeder",
    what: "a feeder",
    doc: "A feeder is a file of rows. Each iteration that uses it takes one row, and all `${name.column}` of the iteration \
          come from that row.",
    fields: &[FILE, PICK, WHEN_USED_UP],
    example: "file: ../fixtures/users.csv\npick: shuffled\n",
    rest: "file: ../fixtures/users.csv\n",
    ..Mapping::EMPTY
};
