//! Messages between instances: the closed set of channels, and the ear that an instance lends to one of them.
//!
//! Both stores hand what arrives to a [`Hub`], which passes it on without ever waiting. Whoever may have missed a
//! message, because the connection was gone or because it did not keep up, is told so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::broadcast::{self, error::RecvError};

/// Messages that may wait for a subscriber that does not keep up, for each channel.
const WAITING: usize = 1_024;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// What other instances have to drop from their own level of the cache.
    Invalidations,
    /// Sessions that were closed.
    Sessions,
}

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Somebody published this, perhaps this very instance.
    Message(Bytes),
    /// From here on messages may be missed, or were.
    Lost,
    /// From here on no message is missed.
    Back,
}

/// An ear on one channel; ends when the last clone of the store is gone, and does not keep the store.
pub(crate) struct Subscription {
    notices: broadcast::Receiver<Notice>,
    state: Arc<Mutex<bool>>,
    due: VecDeque<Notice>,
    is_lost: bool,
}

/// Passes on what arrives on the channels to whoever listens in this process.
pub(super) struct Hub {
    channels: [broadcast::Sender<Notice>; Channel::ALL.len()],
    /// Whether messages arrive now; changed and announced under one lock, so that no subscriber misses the turn.
    is_connected: Arc<Mutex<bool>>,
}

impl Channel {
    /// Every channel, in the order of its number.
    pub(super) const ALL: [Self; 2] = [Self::Invalidations, Self::Sessions];

    /// As a part of its name in Redis.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Invalidations => "invalidations",
            Self::Sessions => "sessions",
        }
    }
}

impl Subscription {
    /// The next notice; `None` once the store is gone. Nothing is missed when the future is dropped.
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
    /// `stands` tells whether messages arrive from the first moment on.
    pub(super) fn new(is_connected: bool) -> Self {
        Self {
            channels: Channel::ALL.map(|_| broadcast::Sender::new(WAITING)),
            is_connected: Arc::new(Mutex::new(is_connected)),
        }
    }

    /// An ear on `channel`; it hears at once if messages do not arrive now.
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

    /// Passes `message` on.
    pub(super) fn deliver(&self, channel: Channel, message: Bytes) {
        // An error means that nobody listens.
        let _ = self.channels[channel as usize].send(Notice::Message(message));
    }

    /// Tells all subscribers that messages arrive from now on, or no longer.
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
