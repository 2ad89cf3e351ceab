//! Runs Folio in this process, from the start to Ctrl-C.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread;

use target_app::{Config, State};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime;
use tokio::sync::oneshot;

use super::services::{RunningServices, note};
use super::{ProfileName, ServiceConfig, TargetError};

/// The options of `gander target serve`.
#[derive(Clone, Debug, PartialEq)]
pub struct ServeOptions {
    /// Port on 127.0.0.1; 0 chooses a free one.
    pub port: u16,
    /// Folio's configuration; its profile must match `services`.
    pub config: Config,
    /// The database and shared store.
    pub services: ServiceConfig,
    /// The event that stops it.
    pub until: Until,
}

/// The event that stops Folio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Ctrl-C or SIGTERM.
    Signal,
    /// Ctrl-C, SIGTERM, or the end of standard input: the pipe closes when the parent process exits for any reason.
    SignalOrInputEnd,
}

/// The accept backlog; the kernel may allow less.
const BACKLOG: u32 = 1_024;

/// Serves until [`ServeOptions::until`] on its own runtime; must not be called from within a runtime.
///
/// Prints `folio listening on http://127.0.0.1:PORT (PROFILE)` when it is ready. Private services stop after the last
/// request has been answered. A second Ctrl-C during the stop ends it at once.
pub fn serve(options: &ServeOptions) -> Result<(), TargetError> {
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(TargetError::Runtime)?;
    runtime.block_on(async {
        let mut end = Box::pin(end(options.until).map_err(TargetError::Runtime)?);
        let listen = |source| TargetError::Listen {
            port: options.port,
            source,
        };
        // Bound first, because the start can take seconds: clients get a "retry later" response meanwhile.
        let listener = listener(options.port).map_err(listen)?;
        let opening = async {
            let services = RunningServices::start(&options.services).await?;
            let config = Config {
                profile: services.profile(),
                ..options.config.clone()
            };
            let state = State::open(&config).await?;
            Ok::<_, TargetError>((services, state))
        };
        let (mut services, state) = tokio::select! {
            opened = target_app::serve_starting(&listener, opening) => opened?,
            // The signal came before the start was finished: dropping the future removes the half-started services.
            () = &mut end => return Ok(()),
        };
        let port = listener.local_addr().map_err(listen)?.port();
        announce(port, options.services.name()).map_err(TargetError::Announce)?;
        let until = options.until;
        let (tell, begun) = oneshot::channel();
        let shutdown = async move {
            let gone = tokio::select! {
                () = end => None,
                gone = services.exited() => Some(gone),
            };
            if until == Until::Signal {
                note("stopping after the work in progress; Ctrl-C again stops at once");
            }
            // The receiver below lives as long as this future.
            let _ = tell.send(());
            // Returned, so that the services outlive the requests in progress.
            (services, gone)
        };
        let (services, gone) = tokio::select! {
            stopped = target_app::serve(listener, state, shutdown) => stopped,
            Ok(()) = interrupted_after(begun) => return Err(TargetError::Hurried),
        };
        services.stop().await;
        match gone {
            Some(gone) => Err(TargetError::ServiceGone(gone)),
            None => Ok(()),
        }
    })
}

/// Completes at the first Ctrl-C after the stop has begun.
async fn interrupted_after(begun: oneshot::Receiver<()>) -> io::Result<()> {
    // No sender means that Folio has already stopped.
    let _ = begun.await;
    tokio::signal::ctrl_c().await
}

/// Binds the port and listens on it.
fn listener(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // SO_REUSEADDR, as usual for listeners: lingering connections of an earlier Folio must not block the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(BACKLOG)
}

fn announce(port: u16, profile: ProfileName) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "folio listening on http://127.0.0.1:{port} ({profile})"
    )?;
    out.flush()
}

/// Installs the handlers at once and completes at the first signal.
fn end(until: Until) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    let mut signals = {
        use tokio::signal::unix::{SignalKind, signal};
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    let input_end = match until {
        Until::Signal => None,
        Until::SignalOrInputEnd => Some(input_end()?),
    };
    Ok(async move {
        let input_end = async {
            match input_end {
                Some(ended) => drop(ended.await),
                None => std::future::pending().await,
            }
        };
        #[cfg(unix)]
        tokio::select! {
            _ = signals.0.recv() => {}
            _ = signals.1.recv() => {}
            () = input_end => {}
        }
        #[cfg(not(unix))]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = input_end => {}
        }
    })
}

/// Completes at the end of standard input. The reading thread may block until the process exits.
fn input_end() -> io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name("parent-watch".to_owned())
        .spawn(move || {
            let mut ignored = [0; 256];
            while io::stdin()
                .lock()
                .read(&mut ignored)
                .is_ok_and(|count| count > 0)
            {}
            // The receiver may already be gone.
            let _ = ended.send(());
        })?;
    Ok(end)
}
