//! Test bodies that run on both profiles, and the servers of the full profile.
//!
//! `profiles!(name)` generates the tests `name::embedded` and `name::full` of `async fn name(bed: &Bed)`. The full
//! profile uses one private PostgreSQL and Redis for the whole test binary, and a separate database and namespace for
//! each test.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use target_app::{
    Config, Durability, PrivateOptions, PrivateServices, Profile, Reach, Secret, Services,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::folio::Folio;

/// Generates `NAME::embedded` and `NAME::full` of every `async fn NAME(bed: &Bed)`.
macro_rules! profiles {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test]
            async fn embedded() {
                let bed = crate::profiles::Bed::embedded();
                super::$name(&bed).await;
            }

            #[tokio::test]
            async fn full() {
                let bed = crate::profiles::Bed::full().await;
                super::$name(&bed).await;
                bed.clear().await;
            }
        }
    )+ };
}
pub(crate) use profiles;

/// Shared, because a start takes a third of a second.
static SHARED: OnceCell<PrivateServices> = OnceCell::const_new();
/// Distinguishes the databases and namespaces of this binary.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The services of one test: an empty directory, or an empty database and namespace.
pub(crate) struct Bed {
    profile: Profile,
    /// The directory of the embedded profile.
    _directory: Option<TempDir>,
}

impl Bed {
    pub(crate) fn embedded() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self {
            profile: Profile::Embedded {
                directory: Some(directory.path().join("folio")),
            },
            _directory: Some(directory),
        }
    }

    /// A bed on the servers that all tests share, which no test may stop.
    pub(crate) async fn full() -> Self {
        Self::on(shared().await).await
    }

    /// A bed on the test's own servers, for failures.
    pub(crate) async fn on(servers: &PrivateServices) -> Self {
        let database_url = new_database(&servers.database_url()).await;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            profile: Profile::Full(Services {
                database_url,
                replica_url: None,
                redis_url: servers.redis_url(),
                namespace: format!("test{number}"),
            }),
            _directory: None,
        }
    }

    /// The same services under other addresses, such as through a proxy.
    pub(crate) fn by(mut self, way: impl FnOnce(&mut Services)) -> Self {
        way(self.services_mut());
        self
    }

    /// `config` on this bed.
    pub(crate) fn config(&self, config: Config) -> Config {
        Config {
            profile: self.profile.clone(),
            ..config
        }
    }

    /// Serves `config` on this bed.
    pub(crate) async fn start(&self, config: Config) -> Folio {
        Folio::start(&self.config(config)).await
    }

    /// Serves `config` as a second instance over the services of `first`, which this bed serves too.
    pub(crate) async fn start_beside(&self, first: &Folio, config: Config) -> Folio {
        first.beside(&self.config(config)).await
    }

    /// The addresses of the full profile's services.
    pub(crate) fn services(&self) -> &Services {
        match &self.profile {
            Profile::Full(services) => services,
            Profile::Embedded { .. } => panic!("the embedded profile has no services"),
        }
    }

    /// The database file of the embedded profile.
    pub(crate) fn file(&self) -> PathBuf {
        match &self.profile {
            Profile::Embedded {
                directory: Some(directory),
            } => directory.join("folio.db"),
            _ => panic!("only the embedded profile has a file"),
        }
    }

    fn services_mut(&mut self) -> &mut Services {
        match &mut self.profile {
            Profile::Full(services) => services,
            Profile::Embedded { .. } => panic!("the embedded profile has no services"),
        }
    }

    /// The name of the full profile's database.
    pub(crate) fn database(&self) -> &str {
        let url = self.services().database_url.reveal();
        let path = url.split('?').next().unwrap_or(url);
        path.rsplit('/').next().unwrap_or(path)
    }

    /// Drops the database, because eight megabytes per test would add up.
    pub(crate) async fn clear(self) {
        let name = self.database();
        let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        execute(&shared().await.database_url(), statement).await;
    }
}

/// Servers for one test, to be stopped, killed and reached through proxies.
pub(crate) async fn own_servers() -> PrivateServices {
    started(Durability::Durable).await
}

async fn shared() -> &'static PrivateServices {
    SHARED.get_or_init(|| started(Durability::Fast)).await
}

async fn started(durability: Durability) -> PrivateServices {
    let options = PrivateOptions {
        durability,
        reach: Reach::Loopback,
    };
    match PrivateServices::start(&options).await {
        Ok(services) => services,
        Err(error) => panic!("the full profile cannot be tested: {error}"),
    }
}

/// Creates an empty database in the server of `url`; returns its URL.
async fn new_database(url: &Secret) -> Secret {
    let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
    execute(url, format!("CREATE DATABASE {name}")).await;
    in_database(url, &name)
}

/// `postgres://…/NAME`, from a private server's `postgres://…/postgres`.
pub(crate) fn in_database(url: &Secret, name: &str) -> Secret {
    let (before, after) = url.reveal().split_once("/postgres").expect("its own");
    Secret::new(format!("{before}/{name}{after}"))
}

async fn execute(url: &Secret, statement: String) {
    let mut connection = PgConnection::connect(url.reveal())
        .await
        .expect("a connection");
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("the statement is executed");
    connection.close().await.expect("the connection closes");
}
