//! The advisor: recommendations about indexes and loops from the statements that really ran.
//!
//! It plans the recorded statements again, on the current database. A large table that is read completely lacks an
//! index; an index that no plan has used for long is unused; a statement that one request repeats many times is an N+1.
//! Statements of the advisor and of the administration are excluded.

mod plan;
mod recorder;

use std::time::Duration;

use serde::Serialize;

pub(crate) use plan::QueryPlan;
use recorder::RecordedStatement;
pub(crate) use recorder::Recorder;

use super::index_list::TABLES;
use super::indexes::{self, ExistingIndex};
use super::{Database, DbError, Dialect, Lease, Statement, values};

/// A smaller table is read completely as fast as through an index.
const SMALL_TABLE: i64 = 50;

/// Recommendations and their reasons.
#[derive(Debug, Serialize)]
pub(crate) struct Advice {
    /// Seconds for which statements have been recorded.
    pub(crate) looked_for_s: f64,
    /// Statements recorded in that time.
    pub(crate) statements: u64,
    /// Minimum recording time before an index is called unused.
    pub(crate) unused_after_s: f64,
    pub(crate) missing: Vec<MissingIndex>,
    pub(crate) unused: Vec<UnusedIndex>,
    pub(crate) n_plus_one: Vec<NPlusOne>,
}

/// A missing index.
#[derive(Debug, Serialize)]
pub(crate) struct MissingIndex {
    table: String,
    columns: Vec<String>,
    statement: &'static str,
    why: String,
    create: String,
}

/// An unused index.
#[derive(Debug, Serialize)]
pub(crate) struct UnusedIndex {
    index: String,
    table: String,
    why: String,
    drop: String,
}

/// A repeated statement that a single one could replace.
#[derive(Debug, Serialize)]
pub(crate) struct NPlusOne {
    route: String,
    statement: &'static str,
    /// Maximum repetitions in one request.
    times: u32,
    requests: u64,
    /// Seconds since the last occurrence.
    last_s: f64,
    why: String,
}

/// A statement with its plan.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainedStatement {
    statement: &'static str,
    text: String,
    calls: u64,
    mean_ms: f64,
    most_ms: f64,
    rows: u64,
    #[serde(flatten)]
    plan: QueryPlan,
}

/// Whether a plan is only made or also executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExplainMode {
    PlanOnly,
    /// Counts the rows that are really read; only for reading statements of PostgreSQL.
    CarryOut,
}

impl Database {
    /// The plans of the recorded statements named `name`, with the values of their first execution.
    pub(crate) async fn explain(
        &self,
        name: &str,
        analyze: ExplainMode,
    ) -> Result<Vec<ExplainedStatement>, DbError> {
        let mut lease = self.read().await?;
        let mut explained = Vec::new();
        for recorded in self.recorder().statements() {
            if recorded.statement.name == name {
                let text = recorded.statement.text(self.dialect()).to_owned();
                explained.push(ExplainedStatement {
                    statement: recorded.statement.name,
                    plan: plan_of(&mut lease, &recorded, analyze).await?,
                    text,
                    calls: recorded.calls,
                    mean_ms: recorded.mean_ms(),
                    most_ms: recorded.most.as_secs_f64() * 1e3,
                    rows: recorded.rows,
                });
            }
        }
        Ok(explained)
    }

    /// Analyses all statements since the start, or since the recorder was cleared. Reports unused indexes only if that
    /// is at least `unused_after` ago.
    pub(crate) async fn advise(&self, unused_after: Duration) -> Result<Advice, DbError> {
        let (age, mut statements) = (self.recorder().age(), 0);
        let mut lease = self.read().await?;
        let existing = indexes::existing(&mut lease).await?;
        let mut missing: Vec<MissingIndex> = Vec::new();
        let mut used = Vec::new();
        for recorded in self.recorder().statements() {
            if is_ours(recorded.statement.name) {
                continue;
            }
            statements += recorded.calls;
            let plan = plan_of(&mut lease, &recorded, ExplainMode::PlanOnly).await?;
            used.extend(plan.indexes.iter().cloned());
            for table in &plan.scanned {
                let found = miss(&mut lease, &recorded, table, &existing).await?;
                missing.extend(found.filter(|new| {
                    !missing
                        .iter()
                        .any(|known| known.table == new.table && known.columns == new.columns)
                }));
            }
        }
        // PostgreSQL counts a use of an index with a delay; the plans show it at once.
        let is_unused = |index: &&ExistingIndex| {
            age >= unused_after
                && index.scans.unwrap_or(0) == 0
                && !used.contains(&index.name)
                && indexes::is_switched(&index.name)
        };
        let unused = existing.iter().filter(is_unused).map(|index| UnusedIndex {
            index: index.name.clone(),
            table: index.table.clone(),
            why: format!(
                "none of {statements} statements in {:.0} s used it, but every write must update it",
                age.as_secs_f64()
            ),
            drop: format!("DROP INDEX {}", index.name),
        });
        Ok(Advice {
            looked_for_s: age.as_secs_f64(),
            statements,
            unused_after_s: unused_after.as_secs_f64(),
            unused: unused.collect(),
            missing,
            n_plus_one: self.loops(),
        })
    }

    /// Names of the recorded statements, without duplicates.
    pub(crate) fn statement_names(&self) -> Vec<&'static str> {
        let recorded = self.recorder().statements();
        let mut names: Vec<_> = recorded
            .iter()
            .map(|recorded| recorded.statement.name)
            .collect();
        names.retain(|name| !is_ours(name));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Every secondary index.
    pub(crate) async fn indexes(&self) -> Result<Vec<ExistingIndex>, DbError> {
        indexes::existing(&mut self.read().await?).await
    }

    fn loops(&self) -> Vec<NPlusOne> {
        let loops = self.recorder().loops().into_iter();
        loops
            .filter(|(route, statement, _)| !route.starts_with("/admin") && !is_ours(statement))
            .map(|(route, statement, how)| NPlusOne {
                why: format!(
                    "one request of {route} ran it {} times; one statement can replace them, as with \
                     db.loading=eager and mode=batch",
                    how.most
                ),
                route,
                statement,
                times: how.most,
                requests: how.requests,
                last_s: how.last.elapsed().as_secs_f64(),
            })
            .collect()
    }
}

impl RecordedStatement {
    fn mean_ms(&self) -> f64 {
        self.total.as_secs_f64() * 1e3 / self.calls.max(1) as f64
    }
}

/// Statements of the advisor and of the pools are excluded from the advice.
fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "ping" | "begin" | "commit" | "rollback" | "seeding" | "seeding_lock"
    ) || name.starts_with("advisor_")
}

async fn plan_of(
    lease: &mut Lease,
    recorded: &RecordedStatement,
    analyze: ExplainMode,
) -> Result<QueryPlan, DbError> {
    let dialect = lease.dialect();
    let text = recorded.statement.text(dialect);
    // Executing a statement that locks rows would lock them.
    let reads = text.starts_with("SELECT") && !text.ends_with("FOR UPDATE");
    let lines = match dialect {
        Dialect::Sqlite => {
            let explain = Statement::made("advisor_explain", format!("EXPLAIN QUERY PLAN {text}"));
            let rows: Vec<(i64, i64, i64, String)> =
                lease.fetch_all(&explain, &recorded.sample).await?;
            rows.into_iter().map(|(.., detail)| detail).collect()
        }
        Dialect::Postgres => {
            let how = if reads && analyze == ExplainMode::CarryOut {
                "EXPLAIN (ANALYZE)"
            } else {
                "EXPLAIN"
            };
            let explain = Statement::made("advisor_explain", format!("{how} {text}"));
            let rows: Vec<(String,)> = lease.fetch_all(&explain, &recorded.sample).await?;
            rows.into_iter().map(|(line,)| line).collect()
        }
    };
    Ok(QueryPlan::read(dialect, lines))
}

/// The index that a statement lacks on a table that it reads completely, if the table is large and the statement
/// filters or sorts by its columns.
async fn miss(
    lease: &mut Lease,
    recorded: &RecordedStatement,
    table: &str,
    existing: &[ExistingIndex],
) -> Result<Option<MissingIndex>, DbError> {
    let dialect = lease.dialect();
    let text = recorded.statement.text(dialect);
    let Some(table) = table_named(text, table) else {
        return Ok(None);
    };
    let columns = columns_of(lease, &table).await?;
    let wanted = indexes::wanted(text, &table, &columns);
    let covered = existing
        .iter()
        .any(|index| index.table == table && index.columns.starts_with(&wanted));
    if wanted.is_empty() || covered {
        return Ok(None);
    }
    let count = Statement::made("advisor_count", format!("SELECT count(*) FROM {table}"));
    let (rows,): (i64,) = lease.fetch_one(&count, &[]).await?;
    if rows < SMALL_TABLE {
        return Ok(None);
    }
    let given = recorded.rows as f64 / recorded.calls.max(1) as f64;
    Ok(Some(MissingIndex {
        why: format!(
            "reads all {rows} rows of {table} to return {given:.0}; ran {} times, {:.2} ms on average",
            recorded.calls,
            recorded.mean_ms()
        ),
        create: indexes::proposal(dialect, &table, &wanted),
        statement: recorded.statement.name,
        columns: wanted,
        table,
    }))
}

/// The table name, where a plan of `SQLite` shows an alias: `documents AS d`.
fn table_named(text: &str, name: &str) -> Option<String> {
    let words: Vec<_> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')'))
        .filter(|word| !word.is_empty())
        .collect();
    let is_table = |word: &str| TABLES.contains(&word);
    if is_table(name) {
        return Some(name.to_owned());
    }
    let position = words.iter().position(|word| *word == name)?;
    let before = words[..position].iter().rev();
    before
        .take(2)
        .find(|word| is_table(word))
        .map(|word| (*word).to_owned())
}

async fn columns_of(lease: &mut Lease, table: &str) -> Result<Vec<String>, DbError> {
    const COLUMNS: Statement = Statement::each(
        "advisor_columns",
        "SELECT name FROM pragma_table_info($1)",
        "SELECT column_name::text FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name = $1",
    );
    let rows: Vec<(String,)> = lease.fetch_all(&COLUMNS, values![table]).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_traced_to_its_table() {
        let text =
            "SELECT d.id FROM (SELECT 1) AS f JOIN documents AS d ON d.id = f.rowid, orders o";
        assert_eq!(table_named(text, "d").as_deref(), Some("documents"));
        assert_eq!(table_named(text, "o").as_deref(), Some("orders"));
        assert_eq!(table_named(text, "orders").as_deref(), Some("orders"));
        assert_eq!(table_named(text, "f"), None);
    }
}
