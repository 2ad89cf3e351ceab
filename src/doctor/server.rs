//! The server that the generator loads: as small as it can be, in a process of its own.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;
use url::Url;

/// The end of a request, which has no body.
const BLANK_LINE: &[u8] = b"\r\n\r\n";
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, World!";
/// The longest head of a request.
const LONGEST_HEAD: usize = 16 * 1024;
/// Time for the server to end before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Serves on a free loopback port, prints the base URL, and returns when standard input ends: it cannot outlive the
/// process that holds the other end, even if that is killed.
///
/// # Errors
/// No port, no thread, or standard output is closed.
pub fn serve() -> io::Result<()> {
    let runtime = runtime::Builder::new_multi_thread().enable_io().build()?;
    let (tell, told) = oneshot::channel();
    thread::spawn(move || {
        // An error is the end of the input, too.
        io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
        tell.send(()).ok();
    });
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "http://{}/", listener.local_addr()?)?;
        stdout.flush()?;
        tokio::select! {
            failed = accept(&listener) => failed,
            _ = told => Ok(()),
        }
    })
}

/// Answers connections; returns only with an error.
async fn accept(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A connection that breaks concerns its client.
        tokio::spawn(answer(stream));
    }
}

/// Answers the requests of a connection until it ends.
async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut received = Vec::with_capacity(LONGEST_HEAD);
    while received.len() < LONGEST_HEAD && stream.read_buf(&mut received).await? > 0 {
        while let Some(end) = position(&received, BLANK_LINE) {
            received.drain(..end + BLANK_LINE.len());
            stream.write_all(ANSWER).await?;
        }
    }
    Ok(())
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// The server as a child process; dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    url: Url,
}

impl Server {
    /// Starts this binary as the server; blocks until it accepts connections.
    pub(super) fn start() -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["doctor", "--serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        // Ctrl-C goes to the whole foreground process group, but the server must answer until the load has stopped.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout.take(1024)).read_line(&mut line)?;
        }
        if let Ok(url) = Url::parse(line.trim_end()) {
            return Ok(Self { child, url });
        }
        end(&mut child);
        Err(io::Error::other(format!(
            "expected the address of the server, found {line:?}"
        )))
    }

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Closes the input of the child, which ends it; kills it if it does not.
fn end(child: &mut Child) {
    drop(child.stdin.take());
    let deadline = Instant::now() + STOP_WITHIN;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= deadline {
            // If it has just ended, that is fine too.
            child.kill().ok();
            child.wait().ok();
            return;
        }
        thread::sleep(Duration::from_millis(2));
    }
}
