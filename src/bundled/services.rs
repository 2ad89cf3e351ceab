//! The services under Folio: those that the configuration names, and private ones in place of the others.

use std::future::pending;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use target_app::{
    PrivateOptions, PrivatePostgres, PrivateRedis, PrivateServices, Profile, Secret, Services,
    ServicesError,
};

use super::ProfileName;

/// Time between two checks of the private servers.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// The prefix of Folio's keys in a Redis that outlives it.
const NAMESPACE: &str = "folio";

/// The database and shared store for Folio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceConfig {
    /// `SQLite`, and a shared store in the process.
    Embedded {
        /// The directory of the database; `None` creates a temporary one.
        directory: Option<PathBuf>,
    },
    /// PostgreSQL and Redis; a service without a URL is started privately and stopped with Folio.
    Full {
        /// `postgres://…`
        database_url: Option<Secret>,
        /// The server for reads; `None` means the primary itself.
        replica_url: Option<Secret>,
        /// `redis://…` or `redis+unix://…`
        redis_url: Option<Secret>,
    },
}

/// The services of a running Folio; dropping it stops the private ones.
pub(super) struct RunningServices {
    profile: Profile,
    postgres: Option<PrivatePostgres>,
    redis: Option<PrivateRedis>,
}

impl ServiceConfig {
    /// The profile's name, as in `--profile`.
    pub fn name(&self) -> ProfileName {
        match self {
            Self::Embedded { .. } => ProfileName::Embedded,
            Self::Full { .. } => ProfileName::Full,
        }
    }
}

impl RunningServices {
    /// Starts the missing services and reports that on standard error.
    pub(super) async fn start(config: &ServiceConfig) -> Result<Self, ServicesError> {
        let (database_url, replica_url, redis_url) = match config {
            ServiceConfig::Embedded { directory } => {
                return Ok(Self {
                    profile: Profile::Embedded {
                        directory: directory.clone(),
                    },
                    postgres: None,
                    redis: None,
                });
            }
            ServiceConfig::Full {
                database_url,
                replica_url,
                redis_url,
            } => (database_url, replica_url, redis_url),
        };
        let options = PrivateOptions::default();
        let (postgres, redis) = match (database_url, redis_url) {
            (Some(_), Some(_)) => (None, None),
            (Some(_), None) => {
                note("REDIS_URL is not set: starting a private Redis");
                (None, Some(PrivateRedis::start(&options).await?))
            }
            (None, Some(_)) => {
                note(
                    "DATABASE_URL is not set: starting a private PostgreSQL, which is deleted when Folio stops",
                );
                (Some(PrivatePostgres::start(&options).await?), None)
            }
            (None, None) => {
                note(
                    "DATABASE_URL and REDIS_URL are not set: starting a private PostgreSQL and a private Redis, which \
                     are deleted when Folio stops",
                );
                let (postgres, redis) = PrivateServices::start(&options).await?.into_parts();
                (Some(postgres), Some(redis))
            }
        };
        // A Redis may still hold keys for another database; they must not be read as this one's.
        let namespace = match &postgres {
            Some(_) => format!("{NAMESPACE}-{}", uuid::Uuid::new_v4().simple()),
            None => NAMESPACE.to_owned(),
        };
        let given_or = |given: &Option<Secret>, private: Option<Secret>| {
            given
                .clone()
                .or(private)
                .expect("what is not given is private")
        };
        Ok(Self {
            profile: Profile::Full(Services {
                database_url: given_or(database_url, postgres.as_ref().map(PrivatePostgres::url)),
                replica_url: replica_url.clone(),
                redis_url: given_or(redis_url, redis.as_ref().map(PrivateRedis::url)),
                namespace,
            }),
            postgres,
            redis,
        })
    }

    /// The addresses of the services.
    pub(super) fn profile(&self) -> Profile {
        self.profile.clone()
    }

    /// Completes with an explanation when a private server has exited unexpectedly.
    pub(super) async fn exited(&mut self) -> String {
        if self.postgres.is_none() && self.redis.is_none() {
            return pending().await;
        }
        loop {
            let postgres = self.postgres.as_mut().and_then(PrivatePostgres::has_exited);
            let redis = self.redis.as_mut().and_then(PrivateRedis::has_exited);
            if let Some(told) = postgres.or(redis) {
                return told;
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Stops the private services.
    pub(super) async fn stop(self) {
        if let Some(redis) = self.redis {
            redis.stop().await;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }
}

/// Messages go to standard error; standard output carries only the address.
pub(super) fn note(text: &str) {
    // If standard error is closed, there is no other place for the message.
    let _ = writeln!(io::stderr(), "folio: {text}");
}
