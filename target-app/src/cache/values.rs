//! Rows in the cache: typed values on top of bodies, as `MessagePack` with field names.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CacheKey, TwoLevel};

impl TwoLevel {
    /// The value kept under `key`, else the one that `load` makes, which is then kept.
    ///
    /// A value that an older version of the program has kept in another form is loaded anew.
    pub(crate) async fn value<T, E, F>(
        &self,
        key: CacheKey,
        load: impl Fn() -> F,
    ) -> Result<T, Arc<E>>
    where
        T: Serialize + DeserializeOwned,
        E: From<rmp_serde::encode::Error> + Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        let encoded = || async { Ok(rmp_serde::to_vec_named(&load().await?)?.into()) };
        let body = self.get(key, encoded).await?;
        match rmp_serde::from_slice(&body) {
            Ok(value) => Ok(value),
            Err(_) => load().await.map_err(Arc::new),
        }
    }
}
