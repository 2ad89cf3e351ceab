//! Secrets that come from a file or a command.

use super::super::{Choice, Field, Mapping, Type};

pub(crate) const FILE: Field = Field::new(
    "file",
    Type::FILE,
    "../fixtures/token.txt",
    "The file with the secret: UTF-8, at most 64 KiB. Line breaks at its end are removed.",
);

pub(crate) const COMMAND: Field = Field::new(
    "command",
    Type::OneOf(&[Type::List(&Type::Text), Type::Text]),
    "[ vault, read, -field=key, secret/shop ]",
    "A program and its arguments, which prints the secret to standard output: a list, or one text that is split into \
     words as a POSIX shell does. It runs once before the run, in the folder of the scenario, without input, and must \
     end with status 0. Line breaks at the end of its output are removed. It needs the option `--allow-command`; \
     `gander check` and `gander plan` do not run it.",
);

pub(crate) const TIMEOUT: Field = Field::new(
    "timeout",
    Type::Positive,
    "command: [ ./token.sh ]\ntimeout: 2m",
    "The time limit of the command. If it is exceeded, the command is killed and nothing is run.",
)
.default("30s");

/// The origin of the secret.
pub(crate) static ORIGIN: Choice = Choice {
    keys: &[FILE.key, COMMAND.key],
    is_required: true,
};

pub(crate) const TABLE: Mapping = Mapping {
    name: "secret",
    what: "a secret",
    doc: "A secret that is not in an environment variable.",
    fields: &[FILE, COMMAND, TIMEOUT],
    choices: &[&ORIGIN],
    example: "file: ../fixtures/token.txt\n",
    rest: "file: ../fixtures/token.txt\n",
    ..Mapping::EMPTY
};
