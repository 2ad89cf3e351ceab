//! The signals that end a run, as one stream.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::probe;

/// How long to wait for a signal that may already have come.
const MOMENT: Duration = Duration::from_millis(1);

/// After this call, a write beyond the file size limit (`ulimit -f`) fails like a write to a full disk, and no longer
/// kills the process. Call it within a runtime; children keep the default action.
pub fn survive_file_size_limit() -> anyhow::Result<()> {
    // The handler stays installed even without a listener.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
        .map(drop)
        .context("cannot install a handler for SIGXFSZ")
}

/// SIGINT, SIGTERM, SIGQUIT and SIGHUP. Each requests an orderly stop.
pub struct Signals {
    signals: Vec<Signal>,
    /// The number of signals that came.
    count: u32,
}

impl Signals {
    /// After this call, these signals no longer kill the process. Call it within the runtime that listens for them.
    pub fn listen() -> anyhow::Result<Self> {
        let mut kinds = vec![
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::quit(),
        ];
        // Under `nohup` a run outlives its terminal.
        if !probe::ignores_hangup() {
            kinds.push(SignalKind::hangup());
        }
        kinds
            .into_iter()
            .map(signal)
            .collect::<Result<_, _>>()
            .map(|signals| Self { signals, count: 0 })
            .context("cannot listen for signals")
    }

    /// Returns at the next signal.
    pub async fn next(&mut self) {
        poll_fn(|cx| {
            let mut signals = self.signals.iter_mut();
            if signals.any(|signal| signal.poll_recv(cx).is_ready()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        self.count += 1;
    }

    /// Returns at the second signal, or at the next one if two came before.
    pub async fn second(&mut self) {
        self.next().await;
        if self.count < 2 {
            self.next().await;
        }
    }

    /// True if a signal came before this call.
    pub async fn has_come(&mut self) -> bool {
        tokio::time::timeout(MOMENT, self.next()).await.is_ok()
    }
}
