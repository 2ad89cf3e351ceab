//! The side of `gander ctl`: sends a request to a run and reads the reply.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ControlError, PATH_FILE, Reply, Request};

/// The time that a run has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// True if a run in this folder takes requests.
pub fn is_alive(folder: &Path) -> bool {
    connect(folder).is_ok()
}

/// Sends a request to the run in this folder.
///
/// # Errors
/// The folder has no running test, or it gave no answer in ten seconds.
pub fn ask(folder: &Path, request: &Request) -> Result<Reply, ControlError> {
    let no_answer = |error| ControlError::NoAnswer(folder.to_owned(), error);
    let mut stream = connect(folder)?;
    let mut exchange = || -> io::Result<Reply> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut reply = String::new();
        BufReader::new(&stream).read_line(&mut reply)?;
        Ok(serde_json::from_str(&reply)?)
    };
    exchange().map_err(no_answer)
}

fn connect(folder: &Path) -> Result<UnixStream, ControlError> {
    let named = fs::read_to_string(folder.join(PATH_FILE));
    let path = named.map_err(|_| ControlError::NotRunning(folder.to_owned()))?;
    let path = PathBuf::from(path.trim_end());
    UnixStream::connect(path).map_err(|_| ControlError::Ended(folder.to_owned()))
}
