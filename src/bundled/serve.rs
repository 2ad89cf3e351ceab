//! Folio in this process, from a free or given port to Ctrl-C.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread;

use target_app::{Config, State};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime;
use tokio::sync::oneshot;

use super::ground::{Ground, note};
use super::{Base, ProfileName, TargetError};

/// How `gander target serve` runs Folio.
#[derive(Clone, Debug, PartialEq)]
pub struct ServeOptions {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// What is served; its profile is that of `base`.
    pub config: Config,
    /// What it stands on.
    pub base: Base,
    /// What ends it.
    pub until: Until,
}

/// What ends a serving Folio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Ctrl-C or SIGTERM.
    Signal,
    /// The same, or the end of standard input: a pipe that its parent holds ends with the parent, however that dies.
    SignalOrInputEnd,
}

/// How many connections may wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 1_024;

/// Serves until [`ServeOptions::until`], with a runtime of its own; not to be called from within one.
///
/// Prints `folio listening on http://127.0.0.1:PORT (PROFILE)` when it is ready. Private services stop after the last
/// request has been answered. Ctrl-C while it stops ends it at once.
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
        // First, since all that follows may take seconds: meanwhile clients are told to come again.
        let listener = listener(options.port).map_err(listen)?;
        let opening = async {
            let ground = Ground::lay(&options.base).await?;
            let config = Config {
                profile: ground.profile(),
                ..options.config.clone()
            };
            let state = State::open(&config).await?;
            Ok::<_, TargetError>((ground, state))
        };
        let (mut ground, state) = tokio::select! {
            opened = target_app::serve_starting(&listener, opening) => opened?,
            // Told to stop before there was anything to stop: what is half-made goes with the future.
            () = &mut end => return Ok(()),
        };
        let port = listener.local_addr().map_err(listen)?.port();
        announce(port, options.base.name()).map_err(TargetError::Announce)?;
        let until = options.until;
        let (tell, begun) = oneshot::channel();
        let shutdown = async move {
            let gone = tokio::select! {
                () = end => None,
                gone = ground.gone() => Some(gone),
            };
            if until == Until::Signal {
                note("stopping when all that is under way is finished; Ctrl-C stops at once");
            }
            // Who is told waits below, as long as this future lives.
            let _ = tell.send(());
            // Back, so that the services outlive the requests under way.
            (ground, gone)
        };
        let (ground, gone) = tokio::select! {
            stopped = target_app::serve(listener, state, shutdown) => stopped,
            Ok(()) = interrupted_after(begun) => return Err(TargetError::Hurried),
        };
        ground.stop().await;
        match gone {
            Some(gone) => Err(TargetError::ServiceGone(gone)),
            None => Ok(()),
        }
    })
}

/// Completes at the first Ctrl-C after the stop has begun.
async fn interrupted_after(begun: oneshot::Receiver<()>) -> io::Result<()> {
    // Without a sender all is over already.
    let _ = begun.await;
    tokio::signal::ctrl_c().await
}

/// Takes the port and listens on it.
fn listener(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // As listeners do: connections of an earlier Folio that linger are no reason to wait.
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

/// Arms the handlers at once and completes when the first of them fires.
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

/// Completes when standard input has been read to its end, by a thread of its own: it may block until the process ends.
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
            // Whoever waited may have ended for another reason.
            let _ = ended.send(());
        })?;
    Ok(end)
}
