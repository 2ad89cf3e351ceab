//! Integration tests, in one binary: each module holds what its name says, through the public interface.

mod scenario;
mod scenario_format;
mod scenario_invalid;
mod scenario_mutation;
