//! The initial contents of the database: deterministic, and fast enough to create at every start.

mod postgres;
mod rows;
mod sqlite;
mod text;

pub(super) use sqlite::build;

use super::StoreError;
use crate::config::Config;
use crate::db::{Database, DbError, Dialect, Statement, values};

/// The advisory lock of seeding in `PostgreSQL`.
const SEEDING_LOCK: i64 = 0x466f_6c69_6f53_6565;

/// Seeds an empty `PostgreSQL` database; rejects one that was seeded with other numbers.
pub(super) async fn confirm(
    database: &Database,
    place: &str,
    config: &Config,
    password_hash: &str,
) -> Result<(), StoreError> {
    const SEEDED: Statement =
        Statement::same("seeding", "SELECT documents, users, seed FROM seeding");
    const LOCK: Statement =
        Statement::same("seeding_lock", "SELECT pg_advisory_xact_lock($1)::text");
    let mut lease = database.write().await?;
    let mut found: Option<(i64, i64, i64)> = lease.fetch_optional(&SEEDED, &[]).await?;
    if found.is_none() && database.dialect() == Dialect::Postgres {
        lease.begin().await?;
        // Of several instances that start together, one seeds and the others wait for it.
        let _: Option<(String,)> = lease.fetch_optional(&LOCK, values![SEEDING_LOCK]).await?;
        found = lease.fetch_optional(&SEEDED, &[]).await?;
        if found.is_none() {
            if let Some(connection) = lease.postgres() {
                postgres::fill_postgres(connection, config, password_hash)
                    .await
                    .map_err(DbError::from)?;
            }
            found = lease.fetch_optional(&SEEDED, &[]).await?;
        }
        lease.commit().await?;
        if let Some(connection) = lease.postgres() {
            let analyze = sqlx::query("ANALYZE").execute(connection).await;
            analyze.map_err(DbError::from)?;
        }
    }
    let describe = |(documents, users, seed): (i64, i64, i64)| {
        format!(
            "{documents} documents, {users} users and seed {}",
            seed as u64
        )
    };
    let expected = describe((
        config.documents.into(),
        config.users.into(),
        config.seed.cast_signed(),
    ));
    let found = found.map_or_else(|| "nothing".to_owned(), describe);
    if found == expected {
        Ok(())
    } else {
        Err(StoreError::SeededOtherwise {
            place: place.to_owned(),
            found,
            expected,
        })
    }
}
