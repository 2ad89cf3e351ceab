//! Finds out whether a target on a port of 127.0.0.1 is ready.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The time limit of one attempt.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Bytes that are read for the status line.
const STATUS_LINE: usize = 64;

/// Tries once: `Ok` if the target is ready, else what was found, in words.
///
/// With a path, `GET path` must have a status from 200 to 299; without one, a connection must be accepted.
pub(super) async fn attempt(port: u16, path: Option<&str>) -> Result<(), String> {
    match timeout(ATTEMPT, ask(port, path)).await {
        Ok(found) => found,
        Err(_) => Err(match path {
            Some(path) => format!("GET {path} had no answer within 2s"),
            None => format!("port {port} accepted no connection within 2s"),
        }),
    }
}

async fn ask(port: u16, path: Option<&str>) -> Result<(), String> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let connected = TcpStream::connect(address).await;
    let mut stream =
        connected.map_err(|_| format!("nothing listens on port {port} of 127.0.0.1"))?;
    let Some(path) = path else {
        return Ok(());
    };
    let failed = |error| format!("GET {path}: {error}");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nuser-agent: gander\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut line = Vec::new();
    while line.len() < STATUS_LINE && !line.contains(&b'\n') {
        let read = stream.read_buf(&mut line).await;
        if read.map_err(failed)? == 0 {
            break;
        }
    }
    match status(&line) {
        Some(200..=299) => Ok(()),
        Some(status) => Err(format!("GET {path} answered {status}")),
        None => Err(format!("GET {path} had an answer that is not HTTP/1")),
    }
}

/// The status in a status line: `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let line = str::from_utf8(line.get(..12)?).ok()?;
    let (version, status) = line.split_once(' ')?;
    version
        .starts_with("HTTP/1.")
        .then(|| status.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_from_a_status_line_and_nothing_else() {
        for (line, expected) in [
            ("HTTP/1.1 204 No Content\r\n", Some(204)),
            ("HTTP/1.0 503\r\n", Some(503)),
            ("HTTP/1.1", None),
            ("SSH-2.0-OpenSSH_9.6\r\n", None),
            ("", None),
        ] {
            assert_eq!(status(line.as_bytes()), expected, "{line}");
        }
    }
}
