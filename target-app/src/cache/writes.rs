//! The write strategies: the order in which a write reaches the database and the cache (`cache.strategy`).
//!
//! A write that has begun runs to its end even if its client disconnects; otherwise the entries that it made stale
//! would stay. The strategy can change at any time; a direct write to the database first waits for the queued writes of
//! the same document ([`super::WriteBehind::settle`]).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Cache;
use super::generations::Place;
use super::invalidation::{Replacement, Sweep};
use super::key::Entity;
use super::l2::L2Replacement;
use crate::observe::run_to_completion;

impl Cache {
    /// Cache-aside: executes `write`, then invalidates everything that `touched` covers, even if the write failed,
    /// because it may have been executed.
    pub(crate) async fn aside<T, E>(
        self: &Arc<Self>,
        touched: Sweep,
        write: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let cache = Arc::clone(self);
        run_to_completion(async move {
            let written = write.await;
            cache.instruments.invalidations.cascade.inc();
            cache.sweep(&touched).await;
            written
        })
        .await
    }

    /// Write-through: executes `write`, which also returns the entity's new body, stores the body in both levels and
    /// invalidates everything else that may contain the entity.
    ///
    /// Of concurrent writes none is cached: their order is the database's, and the next read asks it.
    pub(crate) async fn through<T, E>(
        self: &Arc<Self>,
        entity: Entity,
        write: impl Future<Output = Result<(T, Bytes), E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let cache = Arc::clone(self);
        run_to_completion(async move {
            let key = entity.key();
            let text = key.to_string();
            let place = Place::of(&text, key.class());
            let home = key.class().home();
            let level = cache.at(home);
            // Both from before the write; otherwise another write could go unnoticed in between.
            let before = level.l1.generations.seen(place);
            let ticket = level.ticket(&text, place).await;
            let written = write.await;
            let mut replacements = Vec::new();
            if let Ok((_, body)) = &written {
                let made = level.make(place.class(), body.clone(), Duration::ZERO);
                replacements.push(Replacement {
                    key,
                    place,
                    before,
                    body: body.clone(),
                    below: ticket.map(|ticket| L2Replacement::new(home, &text, ticket, made)),
                });
            }
            cache.instruments.invalidations.cascade.inc();
            cache
                .sweep_and_put(&Sweep::cascade(entity), replacements)
                .await;
            written.map(|(answer, _)| answer)
        })
        .await
    }
}
