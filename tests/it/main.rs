//! Integration tests, in one binary: each module holds what its name says, through the public interface.

mod journal;
mod journal_python;
mod record;
mod record_memory;
mod record_totals;
