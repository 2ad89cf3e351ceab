//! Writes many documents in one transaction: one statement per row, or one per hundreds of rows.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::documents::Draft;
use super::{Store, StoreError};
use crate::clock::now;
use crate::db::{Dialect, Lease, SqlValue, Statement, values};

/// Rows per statement: far below the maximum of either database (32,766 values); more gains little.
const ROWS: usize = 500;

/// The number of rows per statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkMode {
    /// One statement per row.
    Single,
    /// One statement per 500 rows.
    Batch,
}

/// The rows to write.
pub(crate) struct Bulk {
    pub(crate) insert: Vec<Draft>,
    /// Each id at most once.
    pub(crate) update: Vec<(i64, Draft)>,
}

/// The result of a bulk write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BulkOutcome {
    /// All rows were written.
    Written {
        inserted: u64,
        updated: u64,
        /// Number of statements, including those that begin and end the transaction.
        statements: u32,
    },
    /// Nothing was written: these positions of `update` name no document.
    Unknown(Vec<usize>),
}

impl Store {
    /// Writes all rows of `bulk` or none.
    pub(crate) async fn write_documents(
        &self,
        bulk: &Bulk,
        mode: BulkMode,
    ) -> Result<BulkOutcome, StoreError> {
        let dialect = self.database.dialect();
        self.in_transaction(async |lease| {
            let mut work = BulkTransaction {
                lease,
                dialect,
                at: now(),
                statements: 2,
            };
            let unknown = work.lock(&bulk.update).await?;
            if !unknown.is_empty() {
                return Ok(BulkOutcome::Unknown(unknown));
            }
            let (inserted, updated) = match mode {
                BulkMode::Single => (
                    work.insert_each(&bulk.insert).await?,
                    work.update_each(&bulk.update).await?,
                ),
                BulkMode::Batch => (
                    work.insert_many(&bulk.insert).await?,
                    work.update_many(&bulk.update).await?,
                ),
            };
            Ok(BulkOutcome::Written {
                inserted,
                updated,
                statements: work.statements,
            })
        })
        .await
    }
}

/// The transaction of a bulk write.
struct BulkTransaction<'a> {
    lease: &'a mut Lease,
    dialect: Dialect,
    at: i64,
    statements: u32,
}

impl BulkTransaction<'_> {
    /// Locks the rows to update in the order of their ids, so that two bulk writes cannot deadlock; returns the
    /// positions of missing rows.
    async fn lock(&mut self, update: &[(i64, Draft)]) -> Result<Vec<usize>, StoreError> {
        const LOCK: Statement = Statement::each(
            "bulk_lock",
            "SELECT id FROM documents WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id",
            "SELECT id FROM documents WHERE id = ANY($1) ORDER BY id FOR UPDATE",
        );
        if update.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = update.iter().map(|(id, _)| *id).collect();
        self.statements += 1;
        let found: Vec<(i64,)> = self.lease.fetch_all(&LOCK, values![ids]).await?;
        let found: HashSet<i64> = found.into_iter().map(|(id,)| id).collect();
        let places = update.iter().enumerate();
        Ok(places
            .filter(|(_, (id, _))| !found.contains(id))
            .map(|(place, _)| place)
            .collect())
    }

    async fn insert_each(&mut self, drafts: &[Draft]) -> Result<u64, StoreError> {
        const INSERT: Statement = Statement::same(
            "bulk_insert_one",
            "INSERT INTO documents (title, body, author, tags, price_cents, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let mut inserted = 0;
        for draft in drafts {
            inserted += self.execute(&INSERT, &draft.row(self.at)).await?;
        }
        Ok(inserted)
    }

    async fn update_each(&mut self, drafts: &[(i64, Draft)]) -> Result<u64, StoreError> {
        const UPDATE: Statement = Statement::same(
            "bulk_update_one",
            "UPDATE documents SET title = $1, body = $2, author = $3, tags = $4, price_cents = $5, \
             updated_at = $6 WHERE id = $7",
        );
        let mut updated = 0;
        for (id, draft) in drafts {
            let values = draft.row_and_id(self.at, *id);
            updated += self.execute(&UPDATE, &values).await?;
        }
        Ok(updated)
    }

    async fn insert_many(&mut self, drafts: &[Draft]) -> Result<u64, StoreError> {
        let mut inserted = 0;
        for drafts in drafts.chunks(ROWS) {
            let mut text = String::from(
                "INSERT INTO documents (title, body, author, tags, price_cents, updated_at) VALUES ",
            );
            push_rows(
                &mut text,
                self.dialect,
                drafts.len(),
                &["", "", "", "", "", ""],
            );
            let values: Vec<SqlValue> =
                drafts.iter().flat_map(|draft| draft.row(self.at)).collect();
            let statement = Statement::made("bulk_insert_many", text);
            inserted += self.execute(&statement, &values).await?;
        }
        Ok(inserted)
    }

    async fn update_many(&mut self, drafts: &[(i64, Draft)]) -> Result<u64, StoreError> {
        const TYPES: [&str; 7] = [
            "::bigint", "::text", "::text", "::text", "::text", "::bigint", "::bigint",
        ];
        let mut updated = 0;
        for drafts in drafts.chunks(ROWS) {
            let mut text = String::from(
                "WITH changes (id, title, body, author, tags, price_cents, updated_at) AS (VALUES ",
            );
            push_rows(&mut text, self.dialect, drafts.len(), &TYPES);
            text.push_str(
                ") UPDATE documents SET title = changes.title, body = changes.body, author = changes.author, \
                 tags = changes.tags, price_cents = changes.price_cents, updated_at = changes.updated_at \
                 FROM changes WHERE documents.id = changes.id",
            );
            let values: Vec<SqlValue> = drafts
                .iter()
                .flat_map(|(id, draft)| {
                    std::iter::once(SqlValue::Integer(*id)).chain(draft.row(self.at))
                })
                .collect();
            let statement = Statement::made("bulk_update_many", text);
            updated += self.execute(&statement, &values).await?;
        }
        Ok(updated)
    }

    async fn execute(
        &mut self,
        statement: &Statement,
        values: &[SqlValue],
    ) -> Result<u64, StoreError> {
        self.statements += 1;
        Ok(self.lease.execute(statement, values).await?)
    }
}

/// Appends `count` rows of placeholders, for `PostgreSQL` with the `types` of their columns.
fn push_rows(text: &mut String, dialect: Dialect, count: usize, types: &[&str]) {
    let mut position = 0;
    for row in 0..count {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for (column, kind) in types.iter().enumerate() {
            if column > 0 {
                text.push_str(", ");
            }
            position += 1;
            match dialect {
                // SQLite compares a numbered placeholder with all earlier ones, which is quadratic.
                Dialect::Sqlite => text.push('?'),
                Dialect::Postgres => {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "${position}{kind}");
                }
            }
        }
        text.push(')');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_through_for_postgres_and_counted_by_sqlite() {
        let mut text = String::new();
        push_rows(&mut text, Dialect::Postgres, 2, &["::bigint", ""]);
        assert_eq!(text, "($1::bigint, $2), ($3::bigint, $4)");
        text.clear();
        push_rows(&mut text, Dialect::Sqlite, 2, &["::bigint", ""]);
        assert_eq!(text, "(?, ?), (?, ?)");
    }
}
