//! The side of the run: listens on the socket and hands requests over.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{PATH_FILE, Reply, Request};

/// A longer request is no request of ours.
const LONGEST_REQUEST: u64 = 65_536;
/// The time that a client has to send its request, and to take the reply.
const PATIENCE: Duration = Duration::from_secs(5);
/// Requests that may wait for the run.
const MOST_WAITING: usize = 16;

/// Takes the reply to a request.
pub type ReplyTo = oneshot::Sender<Reply>;

/// A socket on which a run takes requests; dropping it removes the socket and the file that names it.
#[derive(Debug)]
pub struct ControlSocket {
    directory: PathBuf,
    path_file: PathBuf,
    requests: mpsc::Receiver<(Request, ReplyTo)>,
}

impl ControlSocket {
    /// Listens for requests to the run in this folder. Must be called within a runtime.
    ///
    /// # Errors
    /// The directory, the socket or the file cannot be created.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let directory = private_directory()?;
        let (sender, requests) = mpsc::channel(MOST_WAITING);
        let socket = Self {
            path_file: folder.join(PATH_FILE),
            directory,
            requests,
        };
        let path = socket.directory.join("control.sock");
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        std::fs::write(&socket.path_file, format!("{}\n", path.display()))?;
        tokio::spawn(listen(listener, sender));
        Ok(socket)
    }

    /// The next request. May be dropped and called again.
    pub async fn next(&mut self) -> (Request, ReplyTo) {
        match self.requests.recv().await {
            Some(request) => request,
            // The listener has ended, so no request comes any more.
            None => std::future::pending().await,
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path_file);
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A new directory that only its owner may enter.
fn private_directory() -> io::Result<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let parent = runtime
        .filter(|path| path.is_dir())
        .unwrap_or_else(std::env::temp_dir);
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    let mut number = 0_u32;
    loop {
        let path = parent.join(format!("gander-{}-{number}", std::process::id()));
        match builder.create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Serves one client after another.
async fn listen(listener: UnixListener, requests: mpsc::Sender<(Request, ReplyTo)>) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client that is slow or gone loses its turn.
        let _ = timeout(PATIENCE, serve(stream, &requests)).await;
        if requests.is_closed() {
            return;
        }
    }
}

async fn serve(stream: UnixStream, requests: &mpsc::Sender<(Request, ReplyTo)>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(LONGEST_REQUEST));
    reader.read_line(&mut line).await?;
    let reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => {
            let (reply_to, reply) = oneshot::channel();
            let is_sent = requests.send((request, reply_to)).await.is_ok();
            let reply = if is_sent { reply.await.ok() } else { None };
            reply.unwrap_or_else(|| Err("the run has ended".to_owned()))
        }
        Err(error) => Err(format!("this is not a request: {error}")),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    writer.write_all(&text).await
}
