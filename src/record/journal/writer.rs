//! Writes a journal during the run.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::append::Appender;
use super::pack::{Packed, values};
use super::{
    EVENTS_FILE, Event, HISTOGRAMS_FILE, IntervalCounts, JournalError, RUN_FILE, RunHeader, members,
};
use crate::mask::Mask;
use crate::record::{Interval, LostUsers};
use crate::units::Micros;

/// A run's journal, open for writing. After an error the journal still contains everything written before it, and the
/// run should stop. [`Writer::finish`] may still succeed, because the failed block was removed.
pub struct Writer {
    dir: PathBuf,
    series: Appender<File>,
    events: Appender<File>,
    /// The mask for secrets in events; `None` writes events unchanged.
    mask: Option<Mask>,
    /// Buffers for reuse: an interval's series and values, packed and then compressed, and the line of an event.
    packed: Packed,
    values: Vec<u8>,
    member: Vec<u8>,
    line: Vec<u8>,
}

impl Writer {
    /// Starts a journal in a directory, which is created if necessary. When it returns, the header is on the disk; on
    /// failure it leaves no file.
    ///
    /// # Errors
    /// The directory already contains a run, or cannot be written to.
    pub fn create(dir: &Path, header: &RunHeader) -> Result<Self, JournalError> {
        fs::create_dir_all(dir).map_err(JournalError::io("create", dir))?;
        let mut made = Made::default();
        let series = Appender::new(made.create(dir, HISTOGRAMS_FILE)?, 0);
        let events = Appender::new(made.create(dir, EVENTS_FILE)?, 0);
        // Written last, so that a directory with a header has all three files.
        write_header(dir, header)?;
        made.0.clear();
        Ok(Self {
            dir: dir.to_owned(),
            series,
            events,
            mask: None,
            packed: Packed::default(),
            values: Vec::new(),
            member: Vec::new(),
            line: Vec::new(),
        })
    }

    /// Records the start of the load in the header. Call it before the first interval.
    ///
    /// # Errors
    /// The write failed; the header is unchanged.
    pub fn begin(&self, header: &RunHeader) -> Result<(), JournalError> {
        write_header(&self.dir, header)
    }

    /// The same writer, with these secrets removed from every event.
    #[must_use]
    pub fn without(self, mask: &Mask) -> Self {
        Self {
            mask: Some(mask.clone()),
            ..self
        }
    }

    /// Appends an interval: its series first, then the rest.
    ///
    /// # Errors
    /// A write failed; the journal contains no part of the interval.
    pub fn append(&mut self, interval: &Interval) -> Result<(), JournalError> {
        let before = self.series.length();
        self.member.clear();
        if !interval.series.is_empty() {
            self.packed
                .fill(interval)
                .map_err(|reason| JournalError::encode("an interval")(&reason))?;
            members::write(self.packed.parts(), &mut self.member)
                .map_err(|error| JournalError::encode("an interval")(&error))?;
        }
        values::pack(interval, &mut self.values);
        if !self.values.is_empty() {
            members::write(std::iter::once(&*self.values), &mut self.member)
                .map_err(|error| JournalError::encode("an interval")(&error))?;
        }
        if !self.member.is_empty() {
            self.series.append(&self.member).map_err(JournalError::io(
                "write to",
                &self.dir.join(HISTOGRAMS_FILE),
            ))?;
        }
        let counts = Event::Interval(Box::new(IntervalCounts::of(interval)));
        self.event(&counts).inspect_err(|_| self.series.cut(before))
    }

    /// Appends an event.
    ///
    /// # Errors
    /// The write failed; the journal contains no part of the event.
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

    /// Ends the journal and syncs it to the disk.
    ///
    /// # Errors
    /// The write failed; the journal then reads as one that was cut short.
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

/// Files of a journal that is not complete yet; dropping this removes them.
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

/// Writes the header to a draft, syncs it to the disk, and then renames it.
fn write_header(dir: &Path, header: &RunHeader) -> Result<(), JournalError> {
    let path = dir.join(RUN_FILE);
    let draft = dir.join("run.json.new");
    let mut text = serde_json::to_vec_pretty(header)
        .map_err(|error| JournalError::encode("the header")(&error))?;
    text.push(b'\n');
    let write = || {
        // An existing draft was left by a killed run. If it is a link, its target stays unchanged.
        fs::remove_file(&draft).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let mut file = File::create_new(&draft)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        // The directory is synced too, because it contains the name.
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
