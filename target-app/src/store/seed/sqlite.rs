//! Seeds `SQLite`: many rows per statement, in a file that nobody uses yet.

use std::fs;
use std::path::Path;

use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, QueryBuilder, Sqlite, SqliteConnection};

use super::rows::{Cell, Loader, Table, fill};
use crate::config::Config;
use crate::db::{DbError, OpenError, sqlite_migrations, sqlite_options};
use crate::store::StoreError;

/// Rows per statement: `SQLite` binds at most 32,766 values, and more than some hundreds of rows gain little.
const ROWS: usize = 500;

/// Builds a database at `file` unless it exists: under another name first, so that an interrupted start leaves none
/// behind, and under a lock, so that of concurrent starts one builds it.
pub(in crate::store) async fn build(
    file: &Path,
    config: &Config,
    password_hash: &str,
) -> Result<(), StoreError> {
    let partial = file.with_extension("partial");
    let directory_error = |source| {
        StoreError::Open(OpenError::Directory {
            path: file.to_path_buf(),
            source,
        })
    };
    let lock = fs::File::create(file.with_extension("lock")).map_err(directory_error)?;
    let waiting = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
    let _alone = waiting
        .await
        .unwrap_or_else(|ended| Err(ended.into()))
        .map_err(directory_error)?;
    if file.exists() {
        return Ok(());
    }
    if partial.exists() {
        fs::remove_file(&partial).map_err(directory_error)?;
    }
    // A crash discards the file, so nothing has to be flushed or rolled back. The program fills an empty database
    // itself, so references need no checks.
    let options = sqlite_options(&partial)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(false);
    let filled = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlite_migrations().run(&mut connection).await?;
        let mut transaction = connection.begin().await?;
        let triggers = drop_triggers(&mut transaction).await?;
        fill(&mut InsertLoader(&mut transaction), config, password_hash).await?;
        sqlx::query("INSERT INTO documents_text (documents_text) VALUES ('rebuild')")
            .execute(&mut *transaction)
            .await?;
        for text in triggers {
            sqlx::query(AssertSqlSafe(text))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        sqlx::query("ANALYZE").execute(&mut connection).await?;
        connection.close().await
    };
    filled.await.map_err(DbError::from)?;
    fs::rename(&partial, file).map_err(directory_error)
}

/// Drops the triggers of the full-text index: building it at the end takes a third of the time of updating it row by
/// row. Returns the statements that recreate them.
async fn drop_triggers(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let triggers: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'documents'",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut texts = Vec::with_capacity(triggers.len());
    for (name, text) in triggers {
        let drop = AssertSqlSafe(format!("DROP TRIGGER {name}"));
        sqlx::query(drop).execute(&mut *connection).await?;
        texts.push(text);
    }
    Ok(texts)
}

struct InsertLoader<'a>(&'a mut SqliteConnection);

impl Loader for InsertLoader<'_> {
    async fn load(
        &mut self,
        table: &Table,
        mut rows: impl Iterator<Item = Vec<Cell>> + Send,
    ) -> Result<(), sqlx::Error> {
        let columns = table.columns.join(", ");
        let mut insert =
            QueryBuilder::<Sqlite>::new(format!("INSERT INTO {} ({columns}) ", table.name));
        loop {
            let batch: Vec<_> = rows.by_ref().take(ROWS).collect();
            if batch.is_empty() {
                return Ok(());
            }
            insert.reset();
            insert.push_values(batch, |mut row, cells| {
                for cell in cells {
                    match cell {
                        Cell::Integer(value) => row.push_bind(value),
                        Cell::Text(value) => row.push_bind(value),
                    };
                }
            });
            insert.build().execute(&mut *self.0).await?;
        }
    }
}
