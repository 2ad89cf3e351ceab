//! Feeders.

use super::super::words::{FromWord, Pick, WhenUsedUp};
use super::super::{Field, Mapping, Type};

pub(crate) const FILE: Field = Field::new(
    "file",
    Type::FILE,
    "../fixtures/users.csv",
    "The file: `.csv` with a header line and commas, `.json` with a list of mappings, or `.jsonl` with one mapping per \
     line. Gander reads it completely before the run; it may have at most 64 MiB. `${name.column}` inserts a column; a \
     column whose name suggests a secret is masked.",
)
.required();

pub(crate) const PICK: Field = Field::new(
    "pick",
    Type::Words(&Pick::SET),
    "shuffled",
    "The row that an iteration gets. Rows are distributed over the whole run, not separately for each user. To give \
     each user its own row, capture the needed values in the flow's `start`.",
)
.default("sequential");

pub(crate) const WHEN_USED_UP: Field = Field::new(
    "when_used_up",
    Type::Words(&WhenUsedUp::SET),
    "pick: unique\nwhen_used_up: end",
    "What happens when `pick: unique` has used every row. With any other pick rows are used again, and this key is an \
     error. In both cases a user that gets no row ends.",
)
.default("fail");

pub(crate) const TABLE: Mapping = Mapping {
    name: "feeder",
    what: "a feeder",
    doc: "A feeder is a file of rows. Each iteration that uses it takes one row, and all `${name.column}` of the \
        iteration come from that row.",
    fields: &[FILE, PICK, WHEN_USED_UP],
    example: "file: ../fixtures/users.csv\npick: shuffled\n",
    rest: "file: ../fixtures/users.csv\n",
    ..Mapping::EMPTY
};
