//! The state shared by all requests, in one allocation.

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

/// Time limit for queued writes at shutdown.
const DRAIN: Duration = Duration::from_secs(5);

/// A running Folio without its listener: database, caches, metrics. Clones share it.
#[derive(Clone)]
pub struct State(pub(crate) Arc<App>);

/// The contents of a [`State`], as the routes see it.
pub(crate) struct App {
    pub(crate) started: Started,
    pub(crate) settings: Arc<Live>,
    /// Locked while the settings are changed.
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
    /// The database directory of the embedded profile.
    home: Option<Arc<DatabaseDirectory>>,
}

/// Configuration that is fixed at the start.
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

/// The reason why Folio could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value is out of bounds.
    #[error("invalid configuration")]
    Config(#[from] ConfigError),
    /// The database could not be opened, migrated or seeded.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A metric was registered twice or is invalid.
    #[error("cannot register the metrics")]
    Metrics(#[from] prometheus::Error),
    /// `REDIS_URL` cannot be used.
    #[error("cannot use Redis at REDIS_URL")]
    Kv(#[from] KvStartError),
    /// The password of the seeded users could not be hashed.
    #[error("cannot hash the password of the seeded users")]
    Password(#[from] PasswordError),
    /// Webhooks cannot be sent.
    #[error("cannot prepare webhooks")]
    Webhooks(#[from] WebhookError),
    /// The operating system provided no random bytes or no thread.
    #[error("the operating system did not provide a resource")]
    System(#[from] io::Error),
}

impl State {
    /// Opens, migrates and seeds the database and opens the caches; takes under a second for the default [`Config`].
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

    /// Opens another instance of this service, like a second process: with separate settings, pools, caches and
    /// metrics, over the same database and shared store.
    ///
    /// `config` must have the same profile and the same seeding.
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
            // The webhook module counts failures.
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

    /// Replaces the settings for later requests.
    ///
    /// They must be validated, as [`Settings::layered`] and [`Settings::patched`] do.
    pub fn replace_settings(&self, settings: Settings) {
        self.0.settings.replace(settings);
        self.0.store.database.recorder().forget_loops();
    }

    /// Ends live streams, lets background tasks and queued writes finish within their time limits, and closes the
    /// database; requests still in progress then fail. Losses are reported on standard error.
    pub async fn close(&self) {
        self.0.monitor.stop();
        let Drained {
            finished,
            abandoned,
        } = self.0.tasks.drain().await;
        // If standard error is closed, there is nowhere to report to.
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
        // The counts only select what the next start warms.
        let _ = self.0.catalogue.keep_reads().await;
        self.0.store.close().await;
    }
}

/// Another instance's write may not have reached the replicas yet when its invalidation arrives.
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

/// The resources that can be released on demand.
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
    /// Applies `changes` to the settings; on return, the indexes match them.
    pub(crate) async fn change_settings(&self, changes: &serde_json::Value) -> Result<(), Problem> {
        let _one_at_a_time = self.changing.lock().await;
        let before = Settings::clone(&self.settings.load());
        let after = before.patched(changes)?;
        // Also if the setting is unchanged: an earlier change may have failed in the middle.
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
