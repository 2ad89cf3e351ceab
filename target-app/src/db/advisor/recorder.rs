//! Records the statements that ran: each with its cost, the slow ones, and those that one request repeated.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::clock::{now, rfc3339};
use crate::db::{Dialect, SqlValue, Statement};
use crate::observe::Repeats;

/// Maximum distinct texts; the program has fewer.
const MOST_STATEMENTS: usize = 512;
/// Entries of the slow-query log.
const MOST_SLOW: usize = 200;
/// Maximum routes and statements whose repetitions are remembered.
const MOST_REPEATED: usize = 128;

/// The recorded statements of a database.
pub(crate) struct Recorder {
    /// Start of the recording, or the last time it was cleared.
    since: Mutex<Instant>,
    statements: Mutex<HashMap<(&'static str, usize), RecordedStatement>>,
    slow: Mutex<VecDeque<SlowStatement>>,
    repeated: Mutex<HashMap<(String, &'static str), RepeatedStatement>>,
}

/// The record of a statement.
#[derive(Clone, Debug)]
pub(crate) struct RecordedStatement {
    pub(crate) statement: Statement,
    /// Example values, for planning it again; never shown.
    pub(crate) sample: Vec<SqlValue>,
    pub(crate) calls: u64,
    pub(crate) total: Duration,
    pub(crate) most: Duration,
    /// Rows returned or changed.
    pub(crate) rows: u64,
}

/// An entry of the slow-query log, without values, because they may be private.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SlowStatement {
    statement: &'static str,
    text: String,
    milliseconds: f64,
    rows: u64,
    #[serde(serialize_with = "rfc3339")]
    at: i64,
}

/// A statement that requests of one route repeat.
#[derive(Clone, Debug)]
pub(crate) struct RepeatedStatement {
    /// Requests that repeated it.
    pub(crate) requests: u64,
    /// Maximum repetitions in one request.
    pub(crate) most: u32,
    /// Time of the latest occurrence.
    pub(crate) last: Instant,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            since: Mutex::new(Instant::now()),
            statements: Mutex::default(),
            slow: Mutex::default(),
            repeated: Mutex::default(),
        }
    }
}

impl Recorder {
    pub(in crate::db) fn ran(
        &self,
        statement: &Statement,
        values: &[SqlValue],
        took: Duration,
        rows: u64,
    ) {
        let Some(identity) = statement.identity() else {
            return;
        };
        let mut statements = lock(&self.statements);
        if let Some(known) = statements.get_mut(&(statement.name, identity)) {
            known.calls += 1;
            known.total += took;
            known.most = known.most.max(took);
            known.rows += rows;
        } else if statements.len() < MOST_STATEMENTS {
            let first = RecordedStatement {
                statement: statement.clone(),
                sample: values.to_vec(),
                calls: 1,
                total: took,
                most: took,
                rows,
            };
            statements.insert((statement.name, identity), first);
        }
    }

    pub(in crate::db) fn was_slow(
        &self,
        statement: &Statement,
        dialect: Dialect,
        took: Duration,
        rows: u64,
    ) {
        let mut slow = lock(&self.slow);
        if slow.len() == MOST_SLOW {
            slow.pop_front();
        }
        slow.push_back(SlowStatement {
            statement: statement.name,
            text: statement.text(dialect).chars().take(2_000).collect(),
            milliseconds: took.as_secs_f64() * 1e3,
            rows,
            at: now(),
        });
    }

    /// Records the statements that a request of `route` repeated.
    pub(crate) fn repeated(&self, route: &str, repeats: &Repeats) {
        for (statement, times) in repeats.loops() {
            let mut repeated = lock(&self.repeated);
            let key = (route.to_owned(), statement);
            if repeated.len() >= MOST_REPEATED && !repeated.contains_key(&key) {
                continue;
            }
            let entry = repeated.entry(key).or_insert(RepeatedStatement {
                requests: 0,
                most: 0,
                last: Instant::now(),
            });
            entry.requests += 1;
            entry.last = Instant::now();
            entry.most = entry.most.max(times);
        }
    }

    /// The slow-query log, latest first.
    pub(crate) fn slow_log(&self) -> Vec<SlowStatement> {
        lock(&self.slow).iter().rev().cloned().collect()
    }

    /// Every recorded statement, the most expensive first.
    pub(crate) fn statements(&self) -> Vec<RecordedStatement> {
        let mut all: Vec<_> = lock(&self.statements).values().cloned().collect();
        all.sort_by_key(|recorded| std::cmp::Reverse(recorded.total));
        all
    }

    /// Repeated statements: route, statement, occurrences.
    pub(crate) fn loops(&self) -> Vec<(String, &'static str, RepeatedStatement)> {
        let repeated = lock(&self.repeated);
        let mut all: Vec<_> = repeated
            .iter()
            .map(|((route, statement), how)| (route.clone(), *statement, how.clone()))
            .collect();
        all.sort_by_key(|(route, statement, how)| {
            (std::cmp::Reverse(how.most), route.clone(), *statement)
        });
        all
    }

    /// Duration of the recording.
    pub(crate) fn age(&self) -> Duration {
        lock(&self.since).elapsed()
    }

    /// Forgets repeated statements, which a change of the settings may have ended; those that continue are soon
    /// recorded again.
    pub(crate) fn forget_loops(&self) {
        lock(&self.repeated).clear();
    }

    /// Clears everything and restarts the recording.
    pub(crate) fn clear(&self) {
        *lock(&self.since) = Instant::now();
        lock(&self.statements).clear();
        lock(&self.slow).clear();
        lock(&self.repeated).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_detected_between_other_statements() {
        let repeats = Repeats::default();
        for _ in 0..12 {
            repeats.count("student");
            repeats.count("certificate");
        }
        repeats.count("course");
        let loops: Vec<_> = repeats.loops().collect();
        assert_eq!(loops, [("student", 12), ("certificate", 12)]);
        let recorder = Recorder::default();
        recorder.repeated("/courses", &repeats);
        recorder.repeated("/courses", &repeats);
        let seen = recorder.loops();
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].2.requests, seen[0].2.most), (2, 12));
    }

    #[test]
    fn the_slow_log_keeps_the_latest_and_no_values() {
        const STATEMENT: Statement = Statement::same("secret", "SELECT $1");
        let recorder = Recorder::default();
        for rows in 0..=MOST_SLOW as u64 {
            recorder.was_slow(&STATEMENT, Dialect::Sqlite, Duration::from_secs(1), rows);
        }
        let log = recorder.slow_log();
        assert_eq!(log.len(), MOST_SLOW);
        assert_eq!(
            (log[0].rows, log[0].text.as_str()),
            (MOST_SLOW as u64, "SELECT $1")
        );
    }
}
