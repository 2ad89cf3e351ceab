//! Read counts of documents, accumulated across restarts; warming uses them.

use super::{Store, StoreError};
use crate::clock::now;
use crate::db::{Statement, values};

/// The documents worth warming.
#[derive(Debug)]
pub(crate) struct Popular {
    /// Document ids, most-read first; documents without reads follow by their last change, latest first.
    pub(crate) documents: Vec<i64>,
    /// Time of the last count in seconds since the epoch; `None` if there was none.
    pub(crate) counted_at: Option<i64>,
}

impl Store {
    /// Adds reads of existing documents in one statement.
    pub(crate) async fn add_reads(&self, reads: &[(i64, u64)]) -> Result<(), StoreError> {
        const STATEMENT: Statement = Statement::each(
            "reads_add",
            "INSERT INTO document_reads (document_id, reads, counted_at) \
             SELECT d.id, n.value, $3 FROM json_each($1) AS i JOIN json_each($2) AS n ON n.key = i.key \
             JOIN documents AS d ON d.id = i.value WHERE true \
             ON CONFLICT (document_id) DO UPDATE SET reads = document_reads.reads + excluded.reads, \
             counted_at = excluded.counted_at",
            "INSERT INTO document_reads (document_id, reads, counted_at) \
             SELECT d.id, r.n, $3 FROM unnest($1::bigint[], $2::bigint[]) AS r (id, n) \
             JOIN documents AS d ON d.id = r.id \
             ON CONFLICT (document_id) DO UPDATE SET reads = document_reads.reads + excluded.reads, \
             counted_at = excluded.counted_at",
        );
        if reads.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = reads.iter().map(|(id, _)| *id).collect();
        let counts: Vec<i64> = reads.iter().map(|(_, count)| *count as i64).collect();
        let mut lease = self.database.write().await?;
        lease
            .execute(&STATEMENT, values![ids, counts, now()])
            .await?;
        Ok(())
    }

    /// Halves every count, so that recent reads outweigh old ones.
    pub(crate) async fn age_reads(&self) -> Result<(), StoreError> {
        const STATEMENT: Statement =
            Statement::same("reads_age", "UPDATE document_reads SET reads = reads / 2");
        let mut lease = self.database.write().await?;
        lease.execute(&STATEMENT, &[]).await?;
        Ok(())
    }

    /// The `count` documents most worth warming.
    pub(crate) async fn popular_documents(&self, count: u32) -> Result<Popular, StoreError> {
        const DOCUMENTS: Statement = Statement::same(
            "documents_popular",
            "SELECT d.id FROM documents AS d LEFT JOIN document_reads AS r ON r.document_id = d.id \
             ORDER BY coalesce(r.reads, 0) DESC, d.updated_at DESC, d.id DESC LIMIT $1",
        );
        const COUNTED: Statement = Statement::same(
            "reads_counted",
            "SELECT max(counted_at) FROM document_reads",
        );
        let mut lease = self.database.read().await?;
        let rows: Vec<(i64,)> = lease.fetch_all(&DOCUMENTS, values![count]).await?;
        let (counted_at,): (Option<i64>,) = lease.fetch_one(&COUNTED, &[]).await?;
        Ok(Popular {
            documents: rows.into_iter().map(|(id,)| id).collect(),
            counted_at,
        })
    }
}
