//! The listener's loop: says that it starts until there is a state, answers until told to stop, then gives requests under
//! way a moment.

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

/// How long requests that are under way at the stop may take; those of a stalled lab would otherwise hold it for ever.
const DRAIN: Duration = Duration::from_millis(1_500);
/// How long a connection may wait for the end of a request's head, its first or its next: who sends a head byte by byte,
/// or nothing at all, does not hold a connection for ever.
const HEAD_WITHIN: Duration = Duration::from_mins(1);

/// When to come again while the service starts.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Answers on `listener` while `opening` is under way, which gives what is served after that: `/health` is alive, all else is
/// 503 and says when to come again. Connections that are open at the end are closed with their next answer.
pub async fn serve_starting<T>(listener: &TcpListener, opening: impl Future<Output = T>) -> T {
    let app = Router::new()
        .route("/health", get(routes::alive))
        .fallback(starting);
    let (stop, stopping) = watch::channel(());
    let mut opening = pin!(opening);
    loop {
        let accepted = tokio::select! {
            opened = &mut opening => {
                // Who is answered at this moment still is.
                let _ = stop.send(());
                return opened;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(answer(stream, peer, app.clone(), stopping.clone()));
            }
            // Out of descriptors, perhaps: those that connect wait until some are free.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn starting() -> Response {
    Problem::unavailable("the service is starting", RETRY_AFTER).into_response()
}

/// Answers on `listener` until `shutdown` completes, lets requests under way finish for at most 1.5 s and closes
/// `state`, see [`State::close`]. Gives what `shutdown` gave.
///
/// A connection whose next request is not there within a minute is closed.
pub async fn serve<T>(listener: TcpListener, state: State, shutdown: impl Future<Output = T>) -> T {
    // Without it an answer in two writes waits for the client's delayed acknowledgement, 40 ms on Linux. An error here
    // means that the peer has already gone, which the first read will tell.
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
    // A live stream has no end of its own, and the drain would wait for it in vain.
    state.0.monitor.stop();
    state.0.tasks.refuse_users();
    // Nobody is left to be told when there is no connection.
    let _ = stop.send(());
    // What takes longer is given up.
    let _ = timeout(DRAIN, stop.closed()).await;
    state.close().await;
    told
}

/// Answers on one connection until it ends; when the service is `stopping`, only what is under way.
async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    mut stopping: watch::Receiver<()>,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        // What a client without token and key is known by.
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // A connection that breaks is the client's affair, who knows of it.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
