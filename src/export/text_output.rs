//! A file or a stream that is written while the run goes, by a thread of its own.
//!
//! If the writer cannot keep up, the newest lines are lost: those in the queue stay in order, a gap shows in the numbers
//! of the intervals, and `gander report` writes the whole from the journal.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::text::{Ended, Formatter, TextFormat};
use crate::record::RunHeader;
use crate::run::{Closing, Delivered, End, Second, Sink};
use crate::units::{show_count, show_counted, show_duration};

/// The intervals in the queue: half a minute of a writer that is stuck.
const QUEUE: usize = 30;

/// The longest wait for the writer at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// An output of text.
pub struct TextOutput {
    format: TextFormat,
    /// The place, as the user named it.
    place: String,
    /// The folder of the run, for the advice to write it again.
    run: String,
    file: Option<Box<dyn Write + Send>>,
    formatter: Option<Box<dyn Formatter>>,
    queue: Option<SyncSender<Lines>>,
    done: Option<oneshot::Receiver<()>>,
    /// The intervals of the run so far.
    intervals: u64,
    written: Arc<Mutex<Written>>,
}

/// The text of an interval, of the beginning or of the end.
struct Lines {
    text: Vec<u8>,
    intervals: u64,
}

/// The result of the thread so far.
#[derive(Debug, Default)]
struct Written {
    intervals: u64,
    error: Option<io::Error>,
    is_done: bool,
}

impl TextOutput {
    /// An output to an open file; `place` names it, `run` is the folder of the run.
    pub fn new(
        format: TextFormat,
        file: impl Write + Send + 'static,
        place: String,
        run: String,
    ) -> Self {
        Self {
            format,
            place,
            run,
            file: Some(Box::new(file)),
            formatter: None,
            queue: None,
            done: None,
            intervals: 0,
            written: Arc::default(),
        }
    }

    /// Formats lines and queues them, without ever waiting.
    fn send(
        &mut self,
        intervals: u64,
        format: impl FnOnce(&mut dyn Formatter, &mut Vec<u8>) -> io::Result<()>,
    ) {
        let (Some(formatter), Some(queue)) = (self.formatter.as_deref_mut(), &self.queue) else {
            return;
        };
        self.intervals += intervals;
        let mut text = Vec::new();
        match format(formatter, &mut text) {
            // Without room in the queue it is not written, and so counts as lost.
            Ok(()) => drop(queue.try_send(Lines { text, intervals })),
            Err(error) => {
                lock(&self.written).error.get_or_insert(error);
            }
        }
    }
}

impl Sink for TextOutput {
    fn begin(&mut self, header: &RunHeader) -> anyhow::Result<()> {
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let (queue, lines) = sync_channel(QUEUE);
        let (tell, done) = oneshot::channel();
        let written = Arc::clone(&self.written);
        let spawned = thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                write_all(file, &lines, &written);
                // After the time limit, the receiver of this is gone.
                tell.send(()).ok();
            });
        if let Err(error) = spawned {
            lock(&self.written).error = Some(error);
        }
        self.queue = Some(queue);
        self.done = Some(done);
        self.formatter = Some(self.format.formatter(header));
        self.send(0, |formatter, out| formatter.begin(out));
        Ok(())
    }

    fn interval(&mut self, second: &Second<'_>) -> anyhow::Result<()> {
        self.send(1, |formatter, out| formatter.interval(second.interval, out));
        Ok(())
    }

    fn close(&mut self, end: &End) -> Vec<Closing> {
        let end = Ended {
            at: end.at,
            interrupted: end.interrupted,
            panics: end.panics,
        };
        self.send(0, |formatter, out| formatter.end(&end, out));
        // The thread ends with its queue.
        self.queue = None;
        let within = FLUSH;
        let done = self.done.take();
        done.map(|done| Closing { done, within })
            .into_iter()
            .collect()
    }

    fn delivered(&self) -> Vec<Delivered> {
        self.formatter.iter().map(|_| self.result()).collect()
    }
}

impl TextOutput {
    fn result(&self) -> Delivered {
        let written = lock(&self.written);
        let option = self.format.option();
        let place = &self.place;
        let intervals = show_counted(written.intervals, "interval");
        let lost = self.intervals.saturating_sub(written.intervals);
        let reason = match &written.error {
            // The reader has seen enough, as `head` does.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Delivered {
                    words: format!(
                        "{option} {place}: {intervals} written, then its reader closed it"
                    ),
                    is_whole: true,
                };
            }
            Some(error) => format!("the first error was: {error}"),
            None if !written.is_done => format!(
                "its reader is too slow, and did not take the rest within {}",
                show_duration(FLUSH)
            ),
            None if lost > 0 => "its reader is too slow".to_owned(),
            None => {
                return Delivered {
                    words: format!("{option} {place}: {intervals} written"),
                    is_whole: true,
                };
            }
        };
        Delivered {
            words: format!(
                "{option} {place} is incomplete: {intervals} written, {} lost; {reason}; `gander report {} \
                 {option} FILE` writes it from the journal",
                show_count(lost),
                self.run
            ),
            is_whole: false,
        }
    }
}

/// Writes what comes until the queue is closed; after an error nothing but counts.
fn write_all(mut file: Box<dyn Write + Send>, queue: &Receiver<Lines>, written: &Mutex<Written>) {
    for Lines { text, intervals } in queue {
        let has_failed = lock(written).error.is_some();
        let result = if has_failed {
            None
        } else {
            Some(file.write_all(&text).and_then(|()| file.flush()))
        };
        let mut written = lock(written);
        match result {
            Some(Ok(())) => written.intervals += intervals,
            Some(Err(error)) => written.error = Some(error),
            None => {}
        }
    }
    lock(written).is_done = true;
}

fn lock(written: &Mutex<Written>) -> MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}
