//! `target:` as a command: the program that Gander starts, loads and stops.

use super::super::{Field, Mapping, Type};

pub(crate) const COMMAND: Field = Field::new(
    "command",
    Type::OneOf(&[Type::List(&Type::Text), Type::Text]),
    "[ ./server, --port, '${port}' ]",
    "The program and its arguments: a list, or one text that is split into words as a POSIX shell does, without \
     variables, globs or pipes (`[ sh, -c, '…' ]` starts a shell). `${port}` becomes a free port of 127.0.0.1, which is \
     also in the environment variable PORT; `$${` means a literal `${`. A program with a `/` in its name is relative to \
     `cwd`, any other is searched in PATH. It must stay in the foreground: when it ends, the run ends.",
)
.required();

pub(crate) const READY: Field = Field::new(
    "ready",
    Type::Text,
    "/health",
    "The path that answers with a status from 200 to 299 once the target is ready. Without it, the target is ready when \
     it accepts a connection.",
);

pub(crate) const READY_WITHIN: Field = Field::new(
    "ready_within",
    Type::Positive,
    "1m",
    "The time limit for getting ready. If it is exceeded, the run ends before its load.",
)
.default("30s");

pub(crate) const CWD: Field = Field::new(
    "cwd",
    Type::Text,
    "..",
    "The folder in which the command runs, relative to the scenario's own. It must exist.",
)
.default(".");

pub(crate) const ENV: Field = Field::new(
    "env",
    Type::Map(&Type::Text),
    "{ WORKERS: 4, DATABASE_URL: '${DATABASE_URL:-}' }",
    "Environment variables of the command, besides those of Gander itself, which it inherits. `${port}` is the port. No \
     output of Gander shows the values.",
)
.secret();

pub(crate) const TABLE: Mapping = Mapping {
    name: "target",
    what: "a target's command",
    doc: "A program that Gander starts before the run and ends after it. It needs the option `--allow-command`, because \
        a scenario file is data and must not start programs unasked. The base URL is `http://127.0.0.1:PORT`. Its \
        output goes to `target.log` in the folder of the run, as it is; its CPU usage and memory, with those of its \
        children, are in the report. After the last request the program and its children get SIGTERM, and SIGKILL if \
        one still runs ten seconds later; this also happens if Gander itself is killed.",
    fields: &[COMMAND, READY, READY_WITHIN, CWD, ENV],
    example: "command: [ ./server, --port, '${port}' ]\nready: /health\nenv: { WORKERS: 4 }\n",
    rest: "command: [ ./server ]\n",
    home: "it belongs under `target:` of a program that Gander starts",
    ..Mapping::EMPTY
};
