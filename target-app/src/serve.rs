//! The listener's loop: answers until told to stop, then gives requests under way a moment.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::{State, app};

/// How long requests that are under way at the stop may take; those of a stalled lab would otherwise hold it for ever.
const DRAIN: Duration = Duration::from_millis(1_500);

/// Answers on `listener` until `shutdown` completes, lets requests under way finish for at most 1.5 s and closes
/// `state`, see [`State::close`].
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
    // The peer's address is what a client without token and key is known by.
    let service = app(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let stopping = state.clone();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        shutdown.await;
        // A live stream has no end of its own, and the drain would wait for it in vain.
        stopping.0.monitor.stop();
        stopping.0.tasks.refuse_users();
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
