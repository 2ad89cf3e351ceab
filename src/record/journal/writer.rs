//! Writes a journal as the run goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::append::Appender;
use super::pack::Packed;
use super::{
    EVENTS_FILE, Event, HISTOGRAMS_FILE, IntervalCounts, JournalError, RUN_FILE, RunHeader, members,
};
use crate::mask::Mask;
use crate::record::{Interval, LostUsers};
use crate::units::Micros;

/// A run's journal, open for writing. After an error the journal still holds everything written before it, and the run
/// should be stopped; [`Writer::finish`] may still succeed, since what did not fit was cut off.
pub struct Writer {
    dir: PathBuf,
    series: Appender<File>,
    events: Appender<File>,
    /// What takes secrets out of events; none where they are written as they are.
    mask: Option<Mask>,
    /// An interval's series, packed and then compressed, and the line of an event; kept for their space.
    packed: Packed,
    member: Vec<u8>,
    line: Vec<u8>,
}

impl Writer {
    /// Begins a journal in a directory, which is made if need be. When it returns, the header is on the disk; when it
    /// fails, it leaves no file behind.
    ///
    /// # Errors
    /// The directory already holds a run, or cannot be written to.
    pub fn create(dir: &Path, header: &RunHeader) -> Result<Self, JournalError> {
        fs::create_dir_all(dir).map_err(JournalError::io("create", dir))?;
        let mut made = Made::default();
        let series = Appender::new(made.create(dir, HISTOGRAMS_FILE)?, 0);
        let events = Appender::new(made.create(dir, EVENTS_FILE)?, 0);
        // Last, so that a directory with a header has all three files.
        write_header(dir, header)?;
        made.0.clear();
        Ok(Self {
            dir: dir.to_owned(),
            series,
            events,
            mask: None,
            packed: Packed::default(),
            member: Vec::new(),
            line: Vec::new(),
        })
    }

    /// The load begins now, at the moment that this header names: notes it in the header. To be called before the first
    /// interval.
    ///
    /// # Errors
    /// The write failed; the header is then as it was.
    pub fn begin(&self, header: &RunHeader) -> Result<(), JournalError> {
        write_header(&self.dir, header)
    }

    /// The same, with these secrets left out of every event.
    #[must_use]
    pub fn without(self, mask: &Mask) -> Self {
        Self {
            mask: Some(mask.clone()),
            ..self
        }
    }

    /// Appends an interval: its series, then the rest.
    ///
    /// # Errors
    /// A write failed; then no part of the interval is left in the journal.
    pub fn append(&mut self, interval: &Interval) -> Result<(), JournalError> {
        let before = self.series.length();
        if !interval.series.is_empty() {
            self.packed
                .fill(interval)
                .map_err(|reason| JournalError::encode("an interval")(&reason))?;
            self.member.clear();
            members::write(self.packed.parts(), &mut self.member)
                .map_err(|error| JournalError::encode("an interval")(&error))?;
            self.series.append(&self.member).map_err(JournalError::io(
                "write to",
                &self.dir.join(HISTOGRAMS_FILE),
            ))?;
        }
        let counts = Event::Interval(IntervalCounts::of(interval));
        self.event(&counts).inspect_err(|_| self.series.cut(before))
    }

    /// Appends an event.
    ///
    /// # Errors
    /// The write failed; then no part of the event is left in the journal.
    pub fn event(&mut self, event: &Event) -> Result<(), JournalError> {
        self.line.clear();
        match self.mask.as_ref().and_then(|mask| event.hidden(mask)) {
            Some(hidden) => serde_json::to_writer(&mut self.line, &hidden),
            None => serde_json::to_writer(&mut self.line, event),
        }
        .map_err(|error| JournalError::encode("an event")(&error))?;
        self.line.push(b'\n');
        self.events
            .append(&self.line)
            .map_err(JournalError::io("write to", &self.dir.join(EVENTS_FILE)))
    }

    /// Ends the journal, and waits until all of it is on the disk.
    ///
    /// # Errors
    /// The write failed; then the journal reads as one that was cut short.
    pub fn finish(
        &mut self,
        at: Micros,
        panics: u64,
        interrupted: u64,
        lost: LostUsers,
    ) -> Result<(), JournalError> {
        self.event(&Event::End {
            at,
            panics,
            interrupted,
            lost,
        })?;
        for (file, name) in [(&self.series, HISTOGRAMS_FILE), (&self.events, EVENTS_FILE)] {
            file.storage()
                .sync_all()
                .map_err(JournalError::io("sync", &self.dir.join(name)))?;
        }
        Ok(())
    }
}

/// Files of a journal that has not begun yet: they go with this value.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    fn create(&mut self, dir: &Path, name: &str) -> Result<File, JournalError> {
        let path = dir.join(name);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => JournalError::Occupied(dir.to_owned()),
                _ => JournalError::io("create", &path)(error),
            })?;
        self.0.push(path);
        Ok(file)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.0 {
            fs::remove_file(path).ok();
        }
    }
}

/// Writes the header under another name, forces it to the disk, and only then gives it its name.
fn write_header(dir: &Path, header: &RunHeader) -> Result<(), JournalError> {
    let path = dir.join(RUN_FILE);
    let draft = dir.join("run.json.new");
    let mut text = serde_json::to_vec_pretty(header)
        .map_err(|error| JournalError::encode("the header")(&error))?;
    text.push(b'\n');
    let write = || {
        // A draft that is there was left by a run that was killed; what it may link to stays.
        fs::remove_file(&draft).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let mut file = File::create_new(&draft)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        // The name itself is in the directory.
        #[cfg(unix)]
        File::open(dir)?.sync_all()?;
        Ok(())
    };
    write()
        .inspect_err(|_| {
            fs::remove_file(&draft).ok();
        })
        .map_err(JournalError::io("write", &path))
}
