//! The write strategies: in which order the database and the cache learn of a write (`cache.strategy`).
//!
//! A write that has begun runs to its end even when its client goes away, or what it made stale would stay. Strategies
//! can be changed at any time; a write that goes to the database itself must first let the queued ones of the same
//! document pass ([`super::Behind::settle`]).

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
    /// Cache-aside: does the `write`, then makes everything that `touched` covers void, also when the write failed, since
    /// it may yet have been made.
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

    /// Write-through: does the `write`, which also gives the entity's new body, keeps the body in both levels and makes
    /// everything else void that may show the entity.
    ///
    /// Of writes that come together none is kept: their order is the database's, and the next read asks it.
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
            // Both from before the write, or another one could come between unnoticed.
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
