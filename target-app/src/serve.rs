//! The listener's loop: answers until told to stop, then gives requests under way a moment.

use std::io;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::{State, app};

/// How long requests that are under way at the stop may take; those of a stalled lab would otherwise hold it for ever.
const DRAIN: Duration = Duration::from_millis(1_500);

/// Answers on `listener` until `shutdown` completes, lets requests under way finish for at most 1.5 s and closes the database.
///
/// Fails only when the listener does.
pub async fn serve(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Without it an answer in two writes waits for the client's delayed acknowledgement, 40 ms on Linux. An error here
    // means that the peer has already gone, which the first read will tell.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let (stop, stopped) = oneshot::channel();
    let server = axum::serve(listener, app(state.clone())).with_graceful_shutdown(async move {
        shutdown.await;
        // The receiver lives as long as the select below, which outlives this future.
        let _ = stop.send(());
    });
    let overdue = async move {
        if stopped.await.is_ok() {
            tokio::time::sleep(DRAIN).await;
        }
    };
    let ended = tokio::select! {
        ended = server => ended,
        () = overdue => Ok(()),
    };
    state.close().await;
    ended
}
