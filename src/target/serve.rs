//! Folio in this process, from a free or given port to Ctrl-C.

use std::io::{self, Read as _, Write as _};
use std::thread;

use target_app::{Config, State};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use super::ground::Ground;
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

/// Serves until [`ServeOptions::until`], with a runtime of its own; not to be called from within one.
///
/// Prints `folio listening on http://127.0.0.1:PORT (PROFILE)` when it is ready. Private services stop after the last
/// request has been answered.
pub fn serve(options: &ServeOptions) -> Result<(), TargetError> {
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(TargetError::Runtime)?;
    runtime.block_on(async {
        let mut end = Box::pin(end(options.until).map_err(TargetError::Runtime)?);
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
            opened = opening => opened?,
            // Told to stop before there was anything to stop: what is half-made goes with the future.
            () = &mut end => return Ok(()),
        };
        let listen = |source| TargetError::Listen {
            port: options.port,
            source,
        };
        let listener = TcpListener::bind(("127.0.0.1", options.port))
            .await
            .map_err(listen)?;
        let port = listener.local_addr().map_err(listen)?.port();
        announce(port, options.base.name()).map_err(TargetError::Announce)?;
        let (tell, told) = oneshot::channel();
        let shutdown = async move {
            let gone = tokio::select! {
                () = end => None,
                gone = ground.gone() => Some(gone),
            };
            // Back, so that the services outlive the requests under way; nobody waits when the listener has failed.
            let _ = tell.send((ground, gone));
        };
        let served = target_app::serve(listener, state, shutdown).await;
        if let Ok((ground, gone)) = told.await {
            ground.stop().await;
            if let Some(gone) = gone {
                return Err(TargetError::ServiceGone(gone));
            }
        }
        served.map_err(TargetError::Serve)
    })
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
