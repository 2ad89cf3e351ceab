//! A receiver on loopback, in several manners.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How it treats pushes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    /// It answers with this status after this time.
    Answers(u16, Duration),
    /// It reads and never answers.
    IsSilent,
}

/// A push as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Push {
    pub(super) path: String,
    /// By names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// A receiver; it lives as long as the process.
pub(super) struct Receiver {
    pub(super) url: String,
    pushes: Arc<Mutex<Vec<Push>>>,
}

impl Receiver {
    pub(super) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let pushes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&pushes);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                // A sender may leave at any time.
                thread::spawn(move || serve(stream, manner, &kept).ok());
            }
        });
        Self { url, pushes }
    }

    /// An address where nothing listens.
    pub(super) fn gone() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("bound"))
    }

    pub(super) fn pushes(&self) -> Vec<Push> {
        self.pushes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn serve(stream: TcpStream, manner: Manner, kept: &Mutex<Vec<Push>>) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).expect("a path").to_owned();
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers["content-length"].parse().expect("a length");
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        match manner {
            Manner::IsSilent => {
                // Until the sender closes the connection.
                reader.read_to_end(&mut Vec::new())?;
                return Ok(());
            }
            Manner::Answers(status, after) => {
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(Push {
                        path,
                        headers,
                        body,
                    });
                thread::sleep(after);
                let text = "an answer";
                write!(
                    answers,
                    "HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n\r\n{text}",
                    text.len()
                )?;
            }
        }
    }
}
