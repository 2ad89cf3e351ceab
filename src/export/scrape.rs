//! The endpoint that Prometheus scrapes, on a thread of its own. After the load it stays until the last state was
//! scraped, for a bounded time.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use super::exposition::Exposition;
use super::state::RunState;
use crate::run::{Closing, Delivered};
use crate::units::{show_count, show_duration};

/// Connections at a time; others wait.
const CONNECTIONS: usize = 16;

/// The longest time of a connection.
const LONGEST: Duration = Duration::from_mins(5);

/// The time in which a client sends the head of a request.
const HEAD: Duration = Duration::from_secs(5);

/// The endpoint.
pub struct Scraped {
    address: SocketAddr,
    linger: Duration,
    shared: Arc<Shared>,
    /// The thread, which ends when its sender is dropped.
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Option<Arc<RunState>>>,
    scrapes: AtomicU64,
    /// Told once the state after the load was scraped.
    last: Mutex<Option<oneshot::Sender<()>>>,
    scrapes_after_load: AtomicU64,
}

impl Scraped {
    /// Listens on an address; port 0 chooses a free port. `linger` is the longest wait for a last scrape after the load.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn listen(address: SocketAddr, linger: Duration) -> anyhow::Result<Self> {
        let bound = TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = bound.with_context(|| {
            format!("cannot listen on {address} for --prometheus: choose another address or port")
        })?;
        let shared = Arc::new(Shared::default());
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start the event loop for --prometheus")?;
        let served = Arc::clone(&shared);
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, &served) => {}
                        _ = stopped => {}
                    }
                });
            })
            .context("cannot start a thread for --prometheus")?;
        let serving = Some((stop, thread));
        Ok(Self {
            address,
            linger,
            shared,
            serving,
        })
    }

    /// The address, with the port that was chosen.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows a state from now on.
    pub(super) fn publish(&self, state: Arc<RunState>) {
        *lock(&self.shared.state) = Some(state);
    }

    /// Shows the last state; waits for a scraper, if there was one during the load.
    pub(super) fn close(&mut self, last: Arc<RunState>) -> Option<Closing> {
        self.publish(last);
        if self.shared.scrapes.load(Relaxed) == 0 {
            return None;
        }
        let (tell, done) = oneshot::channel();
        *lock(&self.shared.last) = Some(tell);
        Some(Closing {
            done,
            within: self.linger,
        })
    }

    pub(super) fn delivered(&self) -> Delivered {
        let scrapes = self.shared.scrapes.load(Relaxed);
        let after = self.shared.scrapes_after_load.load(Relaxed);
        let address = self.address;
        let counted = match scrapes {
            1 => "once".to_owned(),
            many => format!("{} times", show_count(many)),
        };
        let (words, is_whole) = match (scrapes, after) {
            (0, _) => (
                format!(
                    "--prometheus {address} was never scraped: check that the scraper's configuration names this address"
                ),
                false,
            ),
            (_, 0) => (
                format!(
                    "--prometheus {address} was scraped {counted}, but not within {} after the load, so the scraper lacks \
                     the last seconds: give --prometheus-linger more than its interval",
                    show_duration(self.linger)
                ),
                false,
            ),
            _ => (
                format!("--prometheus {address}: scraped {counted}, also after the load"),
                true,
            ),
        };
        Delivered { words, is_whole }
    }
}

impl Drop for Scraped {
    /// Frees the port: the next run of a suite may use it.
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.serving.take() {
            drop(stop);
            // A panic of the thread was shown already.
            thread.join().ok();
        }
    }
}

/// Accepts connections until it is dropped.
async fn serve(listener: TcpListener, shared: &Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptor is free: later there may be one.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            let told = Mutex::new(None);
            let service = service_fn(|request| {
                let (response, last) = answer(&request, &shared);
                *lock(&told) = last;
                std::future::ready(Ok::<_, Infallible>(response))
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEAD);
            let connection = http.serve_connection(TokioIo::new(stream), service);
            // A client that leaves early is its own affair.
            let ended = timeout(LONGEST, connection).await;
            let told = lock(&told).take();
            if let (Ok(Ok(())), Some(tell)) = (ended, told) {
                shared.scrapes_after_load.fetch_add(1, Relaxed);
                // After the bound nobody waits.
                tell.send(()).ok();
            }
            drop(permit);
        });
    }
}

/// The response, and the one to tell once it is sent, if it has the last state.
fn answer(
    request: &Request<Incoming>,
    shared: &Shared,
) -> (Response<Full<Bytes>>, Option<oneshot::Sender<()>>) {
    let plain = |status: StatusCode, words: &'static str| {
        let mut response = Response::new(Full::new(Bytes::from_static(words.as_bytes())));
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return (
            plain(StatusCode::NOT_FOUND, "the metrics are at /metrics\n"),
            None,
        );
    }
    if request.method() != Method::GET {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET"));
        return (response, None);
    }
    // Taken before the state is read, so that it can only be the last one.
    let last = lock(&shared.last).take();
    let Some(state) = lock(&shared.state).clone() else {
        return (
            plain(StatusCode::SERVICE_UNAVAILABLE, "the load has not begun\n"),
            None,
        );
    };
    shared.scrapes.fetch_add(1, Relaxed);
    let accept = request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    let format = Exposition::accepted(accept.unwrap_or_default());
    let mut response = Response::new(Full::new(Bytes::from(format.text(&state))));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    if last.is_some() {
        // The connection then ends once the response is sent.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    (response, last)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
