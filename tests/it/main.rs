//! Integration tests, in one binary: each module holds what its name says, through the public interface.
mod report;
