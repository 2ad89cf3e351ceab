//! Query results in the cache: typed values over bodies, as `MessagePack` with field names.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CacheKey, TwoLevel};

impl TwoLevel {
    /// The cached value of `key`, else the result of `load`, which is then cached.
    ///
    /// A value in the format of an older program version is loaded again.
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
