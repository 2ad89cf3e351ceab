//! Everything a request can reach: one allocation, shared by all of them.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::admission::Admission;
use crate::auth::{Auth, PasswordError, Passwords};
use crate::breaker::Breaker;
use crate::cache::{Cache, QueueTimeout, Upkeep};
use crate::catalogue::Catalogue;
use crate::compression::Packer;
use crate::config::{Config, ConfigError, LabMode, Profile, Secret};
use crate::db::{DatabaseDirectory, IndexBuild};
use crate::edge::Edge;
use crate::error::Problem;
use crate::events::OrderEvents;
use crate::kv::{Channel, Kv, KvStartError};
use crate::lab::Lab;
use crate::metrics::Metrics;
use crate::monitor::{Monitor, Reclaim};
use crate::observe::RequestIds;
use crate::settings::{Live, Settings};
use crate::store::{Store, StoreError};
use crate::tasks::{self, Drained, Tasks};
use crate::webhook::{self, WebhookError, Webhooks};

/// How long queued writes may take to reach the database at the stop.
const DRAIN: Duration = Duration::from_secs(5);

/// A running Folio without its listener: database, caches, metrics. Cloning it shares it.
#[derive(Clone)]
pub struct State(pub(crate) Arc<App>);

/// What a [`State`] shares, as the routes see it.
pub(crate) struct App {
    pub(crate) started: Started,
    pub(crate) settings: Arc<Live>,
    /// Held while the settings are changed.
    changing: tokio::sync::Mutex<()>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) packer: Arc<Packer>,
    pub(crate) store: Arc<Store>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) catalogue: Catalogue,
    _upkeep: Upkeep,
    _ears: JoinSet<()>,
    pub(crate) kv: Kv,
    pub(crate) passwords: Passwords,
    pub(crate) auth: Arc<Auth>,
    pub(crate) events: OrderEvents,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) monitor: Monitor,
    pub(crate) reclaim: Reclaim,
    pub(crate) request_ids: RequestIds,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) edge: Edge,
    pub(crate) lab: Option<Arc<Lab>>,
    /// Where the database of the embedded profile lives.
    home: Option<Arc<DatabaseDirectory>>,
}

/// What was decided at the start and stays.
pub(crate) struct Started {
    pub(crate) profile: &'static str,
    pub(crate) documents: u32,
    pub(crate) users: u32,
    pub(crate) seed: u64,
    pub(crate) admin_token: Option<Secret>,
}

impl Started {
    fn by(config: &Config) -> Self {
        Self {
            profile: match config.profile {
                Profile::Embedded { .. } => "embedded",
                Profile::Full(_) => "full",
            },
            documents: config.documents,
            users: config.users,
            seed: config.seed,
            admin_token: config.admin_token.clone(),
        }
    }
}

/// Why Folio could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is out of bounds.
    #[error("invalid configuration")]
    Config(#[from] ConfigError),
    /// The database could not be opened, migrated or seeded.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A metric was declared twice or badly.
    #[error("cannot register the metrics")]
    Metrics(#[from] prometheus::Error),
    /// `REDIS_URL` cannot be used.
    #[error("cannot use Redis at REDIS_URL")]
    Kv(#[from] KvStartError),
    /// The shared password could not be hashed.
    #[error("cannot hash the password of the seeded users")]
    Password(#[from] PasswordError),
    /// Webhooks cannot be sent.
    #[error("cannot prepare webhooks")]
    Webhooks(#[from] WebhookError),
    /// The operating system gave no randomness or no thread.
    #[error("the operating system did not provide a resource")]
    System(#[from] io::Error),
}

impl State {
    /// Opens, migrates and seeds the database and prepares the caches; under a second for the default [`Config`].
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        config.validate()?;
        let home = match &config.profile {
            Profile::Embedded { directory } => {
                let home = DatabaseDirectory::of(directory.as_deref()).map_err(StoreError::Open)?;
                Some(Arc::new(home))
            }
            Profile::Full(_) => None,
        };
        Self::open_over(config, home, None).await
    }

    /// Opens another instance of this service, as a second process would be: with settings, pools, caches and metrics of
    /// its own, over the same database and the same shared store.
    ///
    /// `config` has to be of the same profile and seeded alike.
    pub async fn beside(&self, config: &Config) -> Result<Self, StartError> {
        config.validate()?;
        Self::open_over(config, self.0.home.clone(), Some(&self.0.kv)).await
    }

    async fn open_over(
        config: &Config,
        home: Option<Arc<DatabaseDirectory>>,
        beside: Option<&Kv>,
    ) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new()?);
        let passwords = Passwords::new(config.seed)?;
        let settings = Arc::new(Live::new(config.settings.clone()));
        let kv = match (&config.profile, beside) {
            (Profile::Embedded { .. }, Some(kv)) => kv.observed(&metrics)?,
            _ => Kv::open(&config.profile, &settings, &metrics)?,
        };
        kv.check().await?;
        let hash = passwords.seeded_hash();
        let store = Store::open(config, home.clone(), hash, &settings, &metrics).await?;
        let lab = match config.lab {
            LabMode::Closed => None,
            LabMode::Open => Some(Arc::new(Lab::new(config.seed)?)),
        };
        store
            .database
            .set_indexes(config.settings.db.indexes, IndexBuild::Alone)
            .await
            .map_err(StoreError::from)?;
        let (cache, upkeep) = Cache::open(Arc::clone(&settings), kv.clone(), &metrics)?;
        let store = Arc::new(store);
        let catalogue = Catalogue::new(&store, &cache, &settings);
        if config.settings.cache.warm_on_start {
            let count = config.settings.cache.warm_items;
            catalogue.warm(count).await?;
        }
        let client = webhook::client()?;
        let edge = Edge::new(config.seed, client.clone(), &settings, &metrics)?;
        let mut kinds = tasks::catalogue(Arc::clone(&store));
        let secret = config.admin_token.as_ref();
        webhook::register(&mut kinds, client, secret, &settings, &metrics)?;
        let tasks = Arc::new(Tasks::start(kinds, &settings, &metrics)?);
        let webhooks = Arc::new(Webhooks::new(&tasks, &settings, &metrics)?);
        let alerts = Arc::clone(&webhooks);
        let monitor = Monitor::start(
            Arc::clone(&metrics),
            Arc::clone(&settings),
            // What became of it is counted where it is sent.
            Box::new(move |event, alert| {
                let _ = alerts.send(event, alert);
            }),
        )?;
        let auth = Arc::new(Auth::new(&kv, Arc::clone(&settings), &metrics)?);
        let admission = Admission::new(&settings, &auth, kv.clone(), &metrics)?;
        let ears = follow_remote_writes(&kv, &store);
        Ok(Self(Arc::new(App {
            catalogue,
            tasks,
            edge,
            started: Started::by(config),
            changing: tokio::sync::Mutex::new(()),
            reclaim: reclaim(&cache, &store),
            store,
            cache,
            _upkeep: upkeep,
            _ears: ears,
            admission: Arc::new(admission),
            monitor,
            auth,
            kv,
            packer: Arc::new(Packer::new(&settings, &metrics)?),
            settings,
            passwords,
            events: OrderEvents::new(&webhooks, &metrics)?,
            metrics,
            request_ids: RequestIds::new()?,
            lab,
            home,
        })))
    }

    /// Puts other settings in force, for the requests that come from now on.
    ///
    /// They count as checked, which [`Settings::layered`] and [`Settings::patched`] do.
    pub fn replace_settings(&self, settings: Settings) {
        self.0.settings.replace(settings);
        self.0.store.database.recorder().forget_loops();
    }

    /// Ends live streams, lets background tasks and queued writes finish, each for a limited time, and closes the database;
    /// requests that are still under way then fail. What was lost is told on standard error.
    pub async fn close(&self) {
        self.0.monitor.stop();
        let Drained {
            finished,
            abandoned,
        } = self.0.tasks.drain().await;
        // There is nobody left to tell when standard error is gone.
        let tell = |lost: String| drop(writeln!(io::stderr(), "{lost}"));
        if abandoned > 0 {
            tell(format!(
                "stopped with {abandoned} tasks not finished; {finished} tasks finished during shutdown"
            ));
        }
        if let Err(QueueTimeout { pending_writes }) = self.0.catalogue.drain(DRAIN).await {
            tell(format!(
                "stopped with {pending_writes} queued writes that did not reach the database"
            ));
        }
        // They only choose what the next start warms.
        let _ = self.0.catalogue.keep_reads().await;
        self.0.store.close().await;
    }
}

/// What other instances write may not have reached the replicas yet when their invalidations are heard.
fn follow_remote_writes(kv: &Kv, store: &Arc<Store>) -> JoinSet<()> {
    let (mut notices, store) = (kv.subscribe(Channel::Invalidations), Arc::clone(store));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while notices.next().await.is_some() {
            store.database.note_remote_write();
        }
    });
    tasks
}

/// What can be given back on demand.
fn reclaim(cache: &Arc<Cache>, store: &Arc<Store>) -> Reclaim {
    let (cache, store) = (Arc::clone(cache), Arc::clone(store));
    Reclaim::default()
        .with("cache.l1", "entries", move || {
            let cache = Arc::clone(&cache);
            async move { cache.settle().await }
        })
        .with("db.pools", "connections", move || {
            let store = Arc::clone(&store);
            async move { store.database.clear_idle() }
        })
}

impl App {
    /// Lays `changes` over the settings and puts them in force; when it returns, the indexes are as they say.
    pub(crate) async fn change_settings(&self, changes: &serde_json::Value) -> Result<(), Problem> {
        let _one_at_a_time = self.changing.lock().await;
        let before = Settings::clone(&self.settings.load());
        let after = before.patched(changes)?;
        // Also when they are said to be so already: the last change may have failed half-way.
        let indexes = changes.pointer("/db/indexes").map(|_| after.db.indexes);
        self.settings.replace(after);
        self.store.database.recorder().forget_loops();
        if let Some(indexes) = indexes {
            let database = &self.store.database;
            database
                .set_indexes(indexes, IndexBuild::BesideOthers)
                .await
                .map_err(StoreError::from)?;
        }
        Ok(())
    }

    /// Every circuit breaker.
    pub(crate) fn breakers(&self) -> impl Iterator<Item = &Breaker> {
        std::iter::once(self.store.database.breaker()).chain(self.kv.breaker())
    }
}
