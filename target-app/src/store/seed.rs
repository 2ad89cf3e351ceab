//! The first contents of the database: the same for the same numbers, and fast enough to make them anew at every start.

use std::fs;
use std::path::Path;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng as _;
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, QueryBuilder, Sqlite, SqliteConnection, SqlitePool};

use super::text::Draft;
use super::{StoreError, connection};
use crate::config::Config;

/// Rows a statement: `SQLite` binds at most 32,766 values and there is little to gain beyond some hundreds.
const ROWS: u32 = 500;

/// Builds a database at `file` under another name first, so that a start that was cut short leaves none behind.
pub(super) async fn build(
    file: &Path,
    config: &Config,
    password_hash: &str,
) -> Result<(), StoreError> {
    let partial = file.with_extension("partial");
    let directory_error = |source| StoreError::Directory {
        path: file.to_path_buf(),
        source,
    };
    if partial.exists() {
        fs::remove_file(&partial).map_err(directory_error)?;
    }
    // Nothing here outlives a crash, so nothing has to be flushed or rolled back.
    let options = connection(&partial)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Off);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::migrate!().run(&mut connection).await?;
    let mut transaction = connection.begin().await?;
    insert_users(&mut transaction, config.users, password_hash).await?;
    insert_documents(&mut transaction, config.documents, config.seed).await?;
    sqlx::query("INSERT INTO seeding (documents, users, seed) VALUES (?, ?, ?)")
        .bind(config.documents)
        .bind(config.users)
        .bind(config.seed.cast_signed())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    sqlx::query("ANALYZE").execute(&mut connection).await?;
    connection.close().await?;
    fs::rename(&partial, file).map_err(directory_error)
}

/// Refuses a database that was there before and was seeded with other numbers.
pub(super) async fn confirm(
    pool: &SqlitePool,
    directory: &Path,
    config: &Config,
) -> Result<(), StoreError> {
    let describe = |documents: u32, users: u32, seed: i64| {
        format!(
            "{documents} documents, {users} users and seed {}",
            seed as u64
        )
    };
    let (documents, users, seed) = sqlx::query_as("SELECT documents, users, seed FROM seeding")
        .fetch_one(pool)
        .await?;
    let found = describe(documents, users, seed);
    let expected = describe(config.documents, config.users, config.seed.cast_signed());
    if found == expected {
        Ok(())
    } else {
        Err(StoreError::SeededOtherwise {
            path: directory.to_path_buf(),
            found,
            expected,
        })
    }
}

async fn insert_users(
    connection: &mut SqliteConnection,
    users: u32,
    password_hash: &str,
) -> Result<(), StoreError> {
    // One hash for all: hashing is slow on purpose, and the users share the password anyway.
    const STATEMENT: &str = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) \
        INSERT INTO users (id, email, password_hash) SELECT n, 'user' || n || '@folio.test', ? FROM numbers";
    sqlx::query(STATEMENT)
        .bind(users)
        .bind(password_hash)
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_documents(
    connection: &mut SqliteConnection,
    documents: u32,
    seed: u64,
) -> Result<(), StoreError> {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO documents (id, title, body, author, tags, price_cents, updated_at) ",
    );
    for first in (1..=documents).step_by(ROWS as usize) {
        insert.reset();
        insert.push_values(first..=documents.min(first + ROWS - 1), |mut row, id| {
            let draft = Draft::write(&mut random);
            row.push_bind(id)
                .push_bind(draft.title)
                .push_bind(draft.body)
                .push_bind(draft.author)
                .push_bind(draft.tags)
                .push_bind(draft.price_cents)
                .push("strftime('%Y-%m-%dT%H:%M:%SZ', ")
                .push_bind_unseparated(draft.updated_at)
                .push_unseparated(", 'unixepoch')");
        });
        insert.build().execute(&mut *connection).await?;
    }
    sqlx::query("INSERT INTO documents_text (documents_text) VALUES ('rebuild')")
        .execute(&mut *connection)
        .await?;
    Ok(())
}
