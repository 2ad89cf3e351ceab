//! Integration tests in one binary: each module tests the subject of its name through the public interface.

#[expect(dead_code, reason = "the proofs use the rest")]
#[path = "../support/mod.rs"]
mod support;

mod ab;
mod ci_docs;
mod cli;
mod compare;
mod diagnostics;
mod direction;
mod doctor;
mod engine;
mod expression_mutation;
mod hardship;
mod housekeeping;
mod journal;
mod journal_long;
mod journal_python;
mod json_schema;
mod outputs;
mod outputs_ci;
mod plan;
mod plan_outline;
mod plan_thresholds;
mod readme;
mod record;
mod record_memory;
mod record_metrics;
mod record_totals;
mod report;
mod scenario;
mod scenario_feeds;
mod scenario_format;
mod scenario_invalid;
mod scenario_mutation;
mod scenario_tags;
mod schema;
mod secrets;
mod stages;
mod start;
mod stopping;
mod target;
mod target_command;
mod target_stop;
mod told;
mod transport;
mod transport_bodies;
mod transport_hostile;
mod transport_kept;
mod transport_limits;
mod transport_malformed;
mod transport_redirects;
mod transport_tls;
mod undone;
