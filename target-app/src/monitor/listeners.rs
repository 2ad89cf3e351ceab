//! Live readers: a bounded number, each with a short queue of shared messages.
//!
//! Publishing never waits. A reader whose queue is full is disconnected: a slow reader affects only its own stream.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::IntGauge;
use tokio::sync::mpsc;

/// Maximum readers.
const MOST: usize = 100;
/// Messages that a reader may lag behind.
const BEHIND: usize = 8;

/// A live message, serialised once for all readers.
#[derive(Debug)]
pub(crate) struct LiveMessage {
    /// Increases from one.
    pub(crate) id: u64,
    /// A JSON object.
    pub(crate) text: String,
}

/// A reader's receiver: messages until it is disconnected or the service stops.
pub(crate) type Listener = mpsc::Receiver<Arc<LiveMessage>>;

/// The readers.
pub(super) struct Listeners {
    open: Mutex<ReaderList>,
    count: IntGauge,
}

struct ReaderList {
    readers: Vec<mpsc::Sender<Arc<LiveMessage>>>,
    latest: Option<Arc<LiveMessage>>,
    published: u64,
    is_closed: bool,
}

/// The maximum number of readers is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the maximum number of live readers is reached; try again later")]
pub(crate) struct TooManyReaders;

impl Listeners {
    pub(super) fn new(count: IntGauge) -> Self {
        Self {
            open: Mutex::new(ReaderList {
                readers: Vec::new(),
                latest: None,
                published: 0,
                is_closed: false,
            }),
            count,
        }
    }

    /// Adds a reader, which gets the latest message at once. After [`Listeners::close`] its queue has already ended.
    pub(super) fn listen(&self) -> Result<Listener, TooManyReaders> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.readers.retain(|reader| !reader.is_closed());
        if open.readers.len() >= MOST {
            return Err(TooManyReaders);
        }
        let (reader, listener) = mpsc::channel(BEHIND);
        if !open.is_closed {
            if let Some(latest) = &open.latest {
                // The queue is new and has space.
                let _ = reader.try_send(Arc::clone(latest));
            }
            open.readers.push(reader);
        }
        self.count.set(open.readers.len() as i64);
        Ok(listener)
    }

    /// Sends the next message to every reader; it is serialised only if there is a reader.
    pub(super) fn publish(&self, write: impl FnOnce() -> Option<String>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.readers.retain(|reader| !reader.is_closed());
        if open.readers.is_empty() {
            // A later reader must not start with an outdated message.
            open.latest = None;
        } else if let Some(text) = write() {
            open.published += 1;
            let id = open.published;
            let message = Arc::new(LiveMessage { id, text });
            open.readers
                .retain(|reader| reader.try_send(Arc::clone(&message)).is_ok());
            open.latest = Some(message);
        }
        self.count.set(open.readers.len() as i64);
    }

    /// Ends every queue, including those of later readers.
    pub(super) fn close(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.is_closed = true;
        open.readers.clear();
        self.count.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners() -> Listeners {
        Listeners::new(IntGauge::new("folio_test", "Test.").expect("a gauge"))
    }

    fn publish(listeners: &Listeners, text: &str) {
        listeners.publish(|| Some(text.to_owned()));
    }

    #[test]
    fn everyone_gets_every_message_and_newcomers_the_latest() {
        let listeners = listeners();
        let mut one = listeners.listen().expect("room");
        publish(&listeners, "a");
        let mut other = listeners.listen().expect("room");
        publish(&listeners, "b");
        for reader in [&mut one, &mut other] {
            for (id, text) in [(1, "a"), (2, "b")] {
                let message = reader.try_recv().expect("a message");
                assert_eq!((message.id, message.text.as_str()), (id, text));
            }
        }
    }

    #[test]
    fn without_readers_no_message_is_serialised() {
        let listeners = listeners();
        listeners.publish(|| unreachable!("nobody reads"));
        drop(listeners.listen().expect("room"));
        listeners.publish(|| unreachable!("nobody reads any more"));
    }

    #[test]
    fn a_slow_reader_is_disconnected_and_its_place_freed() {
        let listeners = listeners();
        let mut slow = listeners.listen().expect("room");
        for _ in 0..=BEHIND {
            publish(&listeners, "a");
        }
        assert_eq!(listeners.count.get(), 0);
        for _ in 0..BEHIND {
            assert!(slow.try_recv().is_ok());
        }
        let ended = slow.try_recv().err();
        assert_eq!(ended, Some(mpsc::error::TryRecvError::Disconnected));
    }

    #[test]
    fn readers_are_bounded_and_places_are_reused() {
        let listeners = listeners();
        let mut readers: Vec<_> = (0..MOST)
            .map(|_| listeners.listen().expect("room"))
            .collect();
        assert_eq!(listeners.listen().err(), Some(TooManyReaders));
        readers.pop();
        assert!(listeners.listen().is_ok());
    }

    #[test]
    fn closing_ends_current_and_later_queues() {
        let listeners = listeners();
        let mut early = listeners.listen().expect("room");
        listeners.close();
        let mut late = listeners.listen().expect("room");
        for reader in [&mut early, &mut late] {
            let ended = reader.try_recv().err();
            assert_eq!(ended, Some(mpsc::error::TryRecvError::Disconnected));
        }
    }
}
