//! The secondary indexes as a switch (`db.indexes`), so that their effect can be measured.

use std::collections::HashSet;
use std::time::Duration;

use serde::Serialize;

use super::index_list::{ALL, IndexBuild, TABLES};
use super::{Database, DbError, Dialect, Lease, Statement, values};
use crate::settings::Indexes;

/// An existing index.
#[derive(Debug, Serialize)]
pub(crate) struct ExistingIndex {
    pub(super) name: String,
    pub(super) table: String,
    pub(super) columns: Vec<String>,
    /// Number of uses, where the database counts them.
    pub(super) scans: Option<i64>,
}

impl Database {
    /// Creates and drops indexes until those of `wanted` exist; returns how many it created and dropped.
    pub(crate) async fn set_indexes(
        &self,
        wanted: Indexes,
        build: IndexBuild,
    ) -> Result<(u32, u32), DbError> {
        self.run_to_end(move |mut lease| async move {
            if lease.dialect() == Dialect::Postgres {
                lock(&mut lease).await?;
            }
            change(&mut lease, wanted, build).await
        })
        .await
    }
}

/// Waits until no other instance creates, drops or rebuilds indexes, and excludes others until `lease` ends.
pub(super) async fn lock(lease: &mut Lease) -> Result<(), DbError> {
    const TRY_LOCK: Statement = Statement::same(
        "advisor_lock",
        "SELECT CASE WHEN pg_try_advisory_lock(70101) THEN 1 ELSE 0 END::bigint",
    );
    const AGAIN: Duration = Duration::from_millis(100);
    // The lock belongs to the session, and a session returned to the pool would keep it.
    lease.close_at_end();
    // Waiting inside the lock statement would hold a snapshot, for which CONCURRENTLY in another instance waits.
    while lease.fetch_one::<(i64,)>(&TRY_LOCK, &[]).await?.0 == 0 {
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

async fn change(
    lease: &mut Lease,
    wanted: Indexes,
    build: IndexBuild,
) -> Result<(u32, u32), DbError> {
    let dialect = lease.dialect();
    drop_invalid(lease).await?;
    let existing: HashSet<_> = existing(lease)
        .await?
        .into_iter()
        .map(|index| index.name)
        .collect();
    let (mut made, mut dropped) = (0, 0);
    let mut creations = Vec::new();
    for index in ALL {
        let exists = existing.contains(index.name);
        match (wanted, index.create(dialect, build)) {
            (Indexes::All, Some(create)) if !exists => {
                creations.push(create);
                made += 1;
            }
            (Indexes::None, _) if exists => {
                let drop = match dialect {
                    Dialect::Sqlite => "DROP INDEX IF EXISTS",
                    Dialect::Postgres => "DROP INDEX CONCURRENTLY IF EXISTS",
                };
                lease
                    .without_limit(format!("{drop} {}", index.name))
                    .await?;
                dropped += 1;
            }
            _ => {}
        }
    }
    match build {
        IndexBuild::Alone if !creations.is_empty() => {
            lease.without_limit(creations.join("; ")).await?;
        }
        // One statement at a time: several in one message would form a transaction, in which CONCURRENTLY is not
        // allowed.
        _ => {
            for create in creations {
                lease.without_limit(create).await?;
            }
        }
    }
    if made + dropped > 0 {
        lease.without_limit("ANALYZE".to_owned()).await?;
    }
    Ok((made, dropped))
}

/// An interrupted CONCURRENTLY leaves an index that is updated but never used.
async fn drop_invalid(lease: &mut Lease) -> Result<(), DbError> {
    const INVALID: Statement = Statement::same(
        "advisor_invalid",
        "SELECT c.relname::text, t.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE NOT i.indisvalid AND n.nspname = current_schema()",
    );
    if lease.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let invalid: Vec<(String, String)> = lease.fetch_all(&INVALID, &[]).await?;
    let is_ours = |name: &str, table: &str| {
        is_switched(name) || TABLES.contains(&table) && is_of_a_reindex(name)
    };
    for (name, _) in invalid.iter().filter(|(name, table)| is_ours(name, table)) {
        lease
            .without_limit(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))
            .await?;
    }
    Ok(())
}

/// The secondary indexes of the service's tables, with their columns in order.
pub(super) async fn existing(lease: &mut Lease) -> Result<Vec<ExistingIndex>, DbError> {
    const ALL: Statement = Statement::each(
        "advisor_indexes",
        "SELECT m.name, m.tbl_name, (SELECT group_concat(c.name, ',') FROM \
         (SELECT name FROM pragma_index_info(m.name) ORDER BY seqno) AS c), -1 \
         FROM sqlite_master AS m WHERE m.type = 'index' AND m.sql IS NOT NULL \
         AND m.tbl_name NOT LIKE 'documents_text%' ORDER BY m.name",
        "SELECT c.relname::text, t.relname::text, \
         (SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid)::text, \
         coalesce(s.idx_scan, 0)::bigint \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_stat_user_indexes s ON s.indexrelid = c.oid \
         WHERE n.nspname = current_schema() AND i.indisvalid ORDER BY 1",
    );
    let rows: Vec<(String, String, Option<String>, i64)> = lease.fetch_all(&ALL, values![]).await?;
    let existing = rows
        .into_iter()
        .map(|(name, table, columns, scans)| ExistingIndex {
            name,
            table,
            columns: columns
                .unwrap_or_default()
                .split(',')
                .map(str::to_owned)
                .collect(),
            scans: (scans >= 0).then_some(scans),
        });
    Ok(existing.collect())
}

/// Whether it is the new or the old copy of an index that REINDEX CONCURRENTLY is rebuilding.
fn is_of_a_reindex(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    stem.ends_with("_ccnew") || stem.ends_with("_ccold")
}

/// Whether the switch manages this index.
pub(super) fn is_switched(name: &str) -> bool {
    ALL.iter().any(|index| index.name == name)
}

/// The columns of `table` by which `text` filters rows, then those by which it sorts.
pub(super) fn wanted(text: &str, table: &str, columns: &[String]) -> Vec<String> {
    let words: Vec<_> = text
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '=' | '<' | '>' | '$')))
        .filter(|word| !word.is_empty())
        .collect();
    let column = |word: &str| {
        let name = word.rsplit('.').next().unwrap_or(word);
        columns
            .iter()
            .find(|column| *column == name && *column != "id")
    };
    let mut wanted: Vec<String> = Vec::new();
    let mut push = |name: &String| {
        if !wanted.contains(name) {
            wanted.push(name.clone());
        }
    };
    // `column = $n`, `column IN`, `column < $n`: equality first, because an index needs that order.
    for comparisons in [&["=", "IN"][..], &["<", ">", "<=", ">=", "BETWEEN"]] {
        for pair in words.windows(2) {
            if comparisons.contains(&pair[1])
                && let Some(name) = column(pair[0])
            {
                push(name);
            }
        }
    }
    let ordering = words.windows(2).position(|pair| pair == ["ORDER", "BY"]);
    if let Some(position) = ordering {
        for word in &words[position + 2..] {
            match column(word) {
                Some(name) => push(name),
                None if matches!(*word, "DESC" | "ASC" | "id") => {}
                None => break,
            }
        }
    }
    // An index of the switch that begins with these columns is the intended one.
    let designed = ALL.iter().find(|index| {
        let mut columns = index.columns.split(", ");
        index.table == table
            && index.only.is_none()
            && !wanted.is_empty()
            && wanted.iter().all(|name| columns.next() == Some(name))
    });
    match designed {
        Some(index) => index.columns.split(", ").map(str::to_owned).collect(),
        None => wanted,
    }
}

/// The statement that would create an index on `columns`.
pub(super) fn proposal(dialect: Dialect, table: &str, columns: &[String]) -> String {
    let columns = columns.join(", ");
    let designed = ALL
        .iter()
        .find(|index| index.table == table && index.columns == columns && index.only.is_none())
        .and_then(|index| index.create(dialect, IndexBuild::BesideOthers));
    designed.unwrap_or_else(|| {
        let name = columns.replace(", ", "_");
        format!("CREATE INDEX {table}_by_{name} ON {table} ({columns})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &str) -> Vec<String> {
        names.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn filter_columns_come_before_sort_columns() {
        let all = columns("id user_id status created_at total_cents");
        let text = "SELECT id FROM orders WHERE created_at > $2 AND total_cents = $1 ORDER BY status DESC, id LIMIT $3";
        assert_eq!(
            wanted(text, "orders", &all),
            ["total_cents", "created_at", "status"]
        );
        let text = "SELECT id FROM orders WHERE user_id = $1 ORDER BY id DESC";
        assert_eq!(wanted(text, "orders", &all), ["user_id", "id"]);
        assert!(wanted("SELECT count(*) FROM orders", "orders", &all).is_empty());
    }

    #[test]
    fn names_are_unique_and_tables_are_known() {
        let names: HashSet<_> = ALL.iter().map(|index| index.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|index| TABLES.contains(&index.table)));
    }
}
