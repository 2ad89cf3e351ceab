//! Work on large bodies, on other threads than those of the users.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// The maximum number of large bodies that are processed at the same time.
const MAX_AT_ONCE: usize = 2;

/// Limits the work on large bodies to a few bodies at once.
#[derive(Debug)]
pub(super) struct Offload(Semaphore);

impl Default for Offload {
    fn default() -> Self {
        Self(Semaphore::new(MAX_AT_ONCE))
    }
}

impl Offload {
    /// Runs work that would delay the other users of this thread; another thread runs them meanwhile. On a runtime with
    /// a single thread the work runs in place.
    pub(super) async fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _permit = self.0.acquire().await;
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
            // tokio's enum may get more variants.
            _ => work(),
        }
    }
}
