//! Work on large bodies, apart from the threads that play the users.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// How many large bodies are worked on at once.
const AT_ONCE: usize = 2;

/// Lets in as much work as there is room for.
#[derive(Debug)]
pub(super) struct Apart(Semaphore);

impl Default for Apart {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Apart {
    /// Does work that takes longer than other users of this thread should wait: they are played on by another thread
    /// meanwhile. A runtime of one thread has nobody else to do it.
    pub(super) async fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _permit = self.0.acquire().await;
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
            _ => work(),
        }
    }
}
