//! Live metrics: one JSON message per second, over a WebSocket or as server-sent events.
//!
//! Both end when the service stops or the reader is too slow. A reader that reconnects gets current messages, not the
//! missed ones.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use tokio::time::timeout;

use crate::error::Problem;
use crate::input::found;
use crate::monitor::{Listener, TooManyReaders};
use crate::state::App;

/// Maximum message from a client in bytes; a client only needs to send pings.
const LONGEST_MESSAGE: usize = 4 * 1024;
/// Maximum unsent bytes per client, several times the longest message: a client that sends pings and does not read the
/// pongs is disconnected instead of using unlimited memory.
const MOST_UNSENT: usize = 256 * 1024;
/// Time limit of a write to a client.
const PATIENCE: Duration = Duration::from_secs(5);
/// Value of `Retry-After` when the maximum number of readers is reached.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Reconnection delay for clients that lost the event stream.
const RETRY: Duration = Duration::from_secs(2);

/// `GET /ws`
pub(super) async fn socket(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return not_a_socket(&rejection),
    };
    if let Err(problem) = reject_foreign_origin(&headers) {
        return problem.into_response();
    }
    match app.monitor.listen() {
        Ok(listener) => upgrade
            .max_message_size(LONGEST_MESSAGE)
            .max_frame_size(LONGEST_MESSAGE)
            .write_buffer_size(0)
            .max_write_buffer_size(MOST_UNSENT)
            .on_upgrade(|socket| send_messages(socket, listener)),
        Err(crowded) => too_many_readers(crowded),
    }
}

/// `GET /events`
pub(super) async fn events(State(app): State<Arc<App>>) -> Response {
    let mut listener = match app.monitor.listen() {
        Ok(listener) => listener,
        Err(crowded) => return too_many_readers(crowded),
    };
    let hello = stream::iter([Event::default().retry(RETRY)]);
    let messages = stream::poll_fn(move |context| listener.poll_recv(context)).map(|message| {
        Event::default()
            .id(message.id.to_string())
            .data(&message.text)
    });
    let events = hello.chain(messages).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response();
    let headers = response.headers_mut();
    // A proxy that compresses or buffers the stream would delay it.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

/// Sends messages until either side closes. The socket answers pings by itself, as long as it is read.
async fn send_messages(mut socket: WebSocket, mut listener: Listener) {
    loop {
        tokio::select! {
            message = listener.recv() => {
                let (next, is_last) = match message {
                    Some(message) => (Message::text(&message.text), false),
                    None => (close_frame(), true),
                };
                let sent = timeout(PATIENCE, socket.send(next)).await;
                if is_last || !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}

/// Rejects sockets opened by other sites. A browser lets any page open a socket with its user's cookies and network
/// access, and only reports the page's origin.
fn reject_foreign_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let is_own = |origin: &HeaderValue| {
        let authority = origin.to_str().ok().and_then(|origin| {
            origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"))
        });
        authority.is_some()
            && authority.map(str::to_ascii_lowercase) == host.map(str::to_ascii_lowercase)
    };
    // A client that is not a browser sends no origin.
    let foreign = headers
        .get_all(header::ORIGIN)
        .into_iter()
        .find(|origin| !is_own(origin));
    foreign.map_or(Ok(()), |origin| {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        let detail = format!(
            "expected Origin to be this service, {}, found {}",
            host.unwrap_or("named by the Host header"),
            found::text(&origin)
        );
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    })
}

fn close_frame() -> Message {
    Message::Close(Some(CloseFrame {
        code: close_code::AWAY,
        reason: "the service is stopping, or this reader was too slow".into(),
    }))
}

fn too_many_readers(crowded: TooManyReaders) -> Response {
    Problem::unavailable(crowded.to_string(), RETRY_AFTER).into_response()
}

fn not_a_socket(rejection: &WebSocketUpgradeRejection) -> Response {
    let problem = Problem::new(
        StatusCode::UPGRADE_REQUIRED,
        format!("this route is a WebSocket: {rejection}"),
    );
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    response
}
