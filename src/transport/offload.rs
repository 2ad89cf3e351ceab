//! Work on large bodies, away from the threads that run the users.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// How many large bodies are worked on at once.
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
    /// Does work that would keep the other users of this thread waiting; another thread runs them meanwhile. On a
    /// runtime with a single thread the work is done in place.
    pub(super) async fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _permit = self.0.acquire().await;
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
            // Not our enum, and one that may grow.
            _ => work(),
        }
    }
}
