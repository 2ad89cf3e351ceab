//! The migrations of the schema, which are compiled into this program.

use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The files of a dialect's directory; the number at the start of a name is the version.
macro_rules! files {
    ($directory:literal: $($name:literal),+) => {
        [$(($name, include_str!(concat!("../../migrations/", $directory, "/", $name, ".sql")))),+]
    };
}

/// All migrations for `SQLite`.
pub(crate) fn sqlite() -> Migrator {
    migrator(&files!("sqlite": "0001_catalogue", "0002_learning", "0003_payments", "0004_reads"))
}

/// All migrations for PostgreSQL.
pub(super) fn postgres() -> Migrator {
    migrator(&files!("postgres": "0001_catalogue", "0002_learning", "0003_payments", "0004_reads"))
}

fn migrator(files: &[(&'static str, &'static str)]) -> Migrator {
    let migrations = files.iter().zip(1..).map(|(&(name, sql), version)| {
        let description = name.split_once('_').map_or(name, |(_, words)| words);
        Migration::new(
            version,
            description.into(),
            MigrationType::Simple,
            SqlStr::from_static(sql),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_directories_is_carried() {
        for (directory, migrator) in [("sqlite", sqlite()), ("postgres", postgres())] {
            let path = format!("{}/migrations/{directory}", env!("CARGO_MANIFEST_DIR"));
            let mut names: Vec<String> = std::fs::read_dir(path)
                .expect("a directory")
                .map(|entry| entry.expect("an entry").file_name().into_string())
                .collect::<Result<_, _>>()
                .expect("UTF-8");
            names.sort();
            let carried: Vec<String> = migrator
                .iter()
                .map(|m| format!("{:04}_{}.sql", m.version, m.description))
                .collect();
            assert_eq!(carried, names);
        }
    }
}
