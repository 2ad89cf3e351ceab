//! The listener's loop: reports that the service is starting until there is a state, answers until shutdown, then
//! drains requests in progress for a limited time.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::serve::{Listener as _, ListenerExt as _};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::error::Problem;
use crate::routes;
use crate::{State, app};

/// Time limit for requests in progress at shutdown; those of a stalled lab would never end.
const DRAIN: Duration = Duration::from_millis(1_500);
/// Time limit for a connection to send the head of its first or next request: a client that sends it byte by byte, or
/// not at all, cannot hold a connection forever.
const HEAD_WITHIN: Duration = Duration::from_mins(1);

/// Value of `Retry-After` while the service starts.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Answers on `listener` while `opening` runs, and returns its result: `/health` is alive, all other routes answer 503
/// with `Retry-After`. Connections open at the end are closed with their next answer.
pub async fn serve_starting<T>(listener: &TcpListener, opening: impl Future<Output = T>) -> T {
    let app = Router::new()
        .route("/health", get(routes::alive))
        .fallback(starting);
    let (stop, stopping) = watch::channel(());
    let mut opening = pin!(opening);
    loop {
        let accepted = tokio::select! {
            opened = &mut opening => {
                // Answers in progress at this moment are still sent.
                let _ = stop.send(());
                return opened;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(answer(stream, peer, app.clone(), stopping.clone()));
            }
            // Perhaps out of file descriptors: clients wait until some are free.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn starting() -> Response {
    Problem::unavailable("the service is starting", RETRY_AFTER).into_response()
}

/// Answers on `listener` until `shutdown` completes, lets requests in progress finish for at most 1.5 s and closes
/// `state`, see [`State::close`]. Returns the result of `shutdown`.
///
/// A connection without a next request for a minute is closed.
pub async fn serve<T>(listener: TcpListener, state: State, shutdown: impl Future<Output = T>) -> T {
    // Without TCP_NODELAY an answer in two writes waits for the client's delayed acknowledgement, 40 ms on Linux. An
    // error means that the peer has already disconnected, which the first read will report.
    let mut listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let app = app(state.clone());
    let mut shutdown = pin!(shutdown);
    let (stop, stopping) = watch::channel(());
    let told = loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            told = &mut shutdown => break told,
        };
        let connection = answer(stream, peer, app.clone(), stopping.clone());
        let metrics = state.0.metrics.clone();
        tokio::spawn(async move {
            let _open = metrics.connections.enter();
            connection.await;
        });
    };
    drop((listener, stopping));
    // A live stream never ends by itself and would block the drain.
    state.0.monitor.stop();
    state.0.tasks.refuse_users();
    // Fails only if there are no connections to notify.
    let _ = stop.send(());
    // Requests that take longer are aborted.
    let _ = timeout(DRAIN, stop.closed()).await;
    state.close().await;
    told
}

/// Answers on one connection until it ends; while the service is `stopping`, only requests in progress.
async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    mut stopping: watch::Receiver<()>,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        // Identifies a client without token and key.
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // A broken connection needs no report: the client knows about it.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
