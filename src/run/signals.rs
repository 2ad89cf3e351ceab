//! The signals that end a run, as one stream.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::probe;

/// How long a signal that has come takes at most to be seen.
const MOMENT: Duration = Duration::from_millis(1);

/// From here on a file that may not grow any more (`ulimit -f`) is a write that fails, as on a full disk, and no longer the
/// end of the process. To be called within a runtime; a child has the signal as it was.
pub fn survive_file_size_limit() -> anyhow::Result<()> {
    // The handler stays when nobody listens any more.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
        .map(drop)
        .context("cannot take over the signal of the limit on file sizes")
}

/// SIGINT, SIGTERM, SIGQUIT and SIGHUP. Each asks for the same: an end in order.
pub struct Signals(Vec<Signal>);

impl Signals {
    /// From here on none of them ends the process by itself. To be called within the runtime that asks for them.
    pub fn listen() -> anyhow::Result<Self> {
        let mut kinds = vec![
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::quit(),
        ];
        // `nohup` lets a run outlive its terminal.
        if !probe::ignores_hangup() {
            kinds.push(SignalKind::hangup());
        }
        kinds
            .into_iter()
            .map(signal)
            .collect::<Result<_, _>>()
            .map(Self)
            .context("cannot listen for signals")
    }

    /// Returns at the next signal.
    pub async fn next(&mut self) {
        poll_fn(|cx| {
            let mut signals = self.0.iter_mut();
            if signals.any(|signal| signal.poll_recv(cx).is_ready()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Whether one came while nobody waited for it.
    pub async fn has_come(&mut self) -> bool {
        tokio::time::timeout(MOMENT, self.next()).await.is_ok()
    }
}
