//! Publish and subscribe between instances, on a fixed set of channels.
//!
//! Both stores pass received messages to a [`Hub`], which forwards them without waiting. A subscriber that may have
//! missed a message, because the connection was lost or because it was too slow, is notified.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::broadcast::{self, error::RecvError};

/// Maximum pending messages of a slow subscriber, per channel.
const WAITING: usize = 1_024;

/// The topic of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Entries that other instances have to remove from their own cache level.
    Invalidations,
    /// Closed sessions.
    Sessions,
}

/// An event for a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A published message, possibly from this instance.
    Message(Bytes),
    /// From now on messages may be missed, or some were missed.
    Lost,
    /// From now on no message is missed.
    Back,
}

/// A subscription to one channel. It ends when the last clone of the store is dropped, and does not keep the store
/// alive.
pub(crate) struct Subscription {
    notices: broadcast::Receiver<Notice>,
    state: Arc<Mutex<bool>>,
    due: VecDeque<Notice>,
    is_lost: bool,
}

/// Forwards messages to the subscribers in this process.
pub(super) struct Hub {
    channels: [broadcast::Sender<Notice>; Channel::ALL.len()],
    /// Whether messages arrive now; changed and announced under one lock, so that no subscriber misses the change.
    is_connected: Arc<Mutex<bool>>,
}

impl Channel {
    /// Every channel, in the order of its number.
    pub(super) const ALL: [Self; 2] = [Self::Invalidations, Self::Sessions];

    /// Part of its name in Redis.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Invalidations => "invalidations",
            Self::Sessions => "sessions",
        }
    }
}

impl Subscription {
    /// The next event; `None` after the store is dropped. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Notice> {
        loop {
            let notice = match self.due.pop_front() {
                Some(notice) => notice,
                None => match self.notices.recv().await {
                    Ok(notice) => notice,
                    Err(RecvError::Closed) => return None,
                    Err(RecvError::Lagged(_)) => {
                        if *locked(&self.state) {
                            self.due.push_back(Notice::Back);
                        }
                        Notice::Lost
                    }
                },
            };
            match notice {
                Notice::Message(_) => return Some(notice),
                Notice::Lost if !self.is_lost => {
                    self.is_lost = true;
                    return Some(notice);
                }
                Notice::Back if self.is_lost => {
                    self.is_lost = false;
                    return Some(notice);
                }
                Notice::Lost | Notice::Back => {}
            }
        }
    }
}

impl Hub {
    /// `is_connected` is the initial connection state.
    pub(super) fn new(is_connected: bool) -> Self {
        Self {
            channels: Channel::ALL.map(|_| broadcast::Sender::new(WAITING)),
            is_connected: Arc::new(Mutex::new(is_connected)),
        }
    }

    /// Subscribes to `channel`; if messages do not arrive now, the first event says so.
    pub(super) fn subscribe(&self, channel: Channel) -> Subscription {
        let is_connected = locked(&self.is_connected);
        let mut due = VecDeque::with_capacity(1);
        if !*is_connected {
            due.push_back(Notice::Lost);
        }
        Subscription {
            notices: self.channels[channel as usize].subscribe(),
            state: Arc::clone(&self.is_connected),
            due,
            is_lost: false,
        }
    }

    /// Forwards `message`.
    pub(super) fn deliver(&self, channel: Channel, message: Bytes) {
        // An error means that there is no subscriber.
        let _ = self.channels[channel as usize].send(Notice::Message(message));
    }

    /// Announces that messages arrive from now on, or no longer.
    pub(super) fn set_connected(&self, is_connected: bool) {
        let mut state = locked(&self.is_connected);
        if *state == is_connected {
            return;
        }
        *state = is_connected;
        for channel in &self.channels {
            let _ = channel.send(if is_connected {
                Notice::Back
            } else {
                Notice::Lost
            });
        }
    }
}

fn locked(state: &Mutex<bool>) -> MutexGuard<'_, bool> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
