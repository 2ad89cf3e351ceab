//! Writes a journal as the run goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::append::Appender;
use super::interval_log::Encoder;
use super::{
    EVENTS_FILE, Event, HISTOGRAMS_FILE, IntervalCounts, JournalError, LostUsers,
    PLAIN_HISTOGRAMS_FILE, RUN_FILE, RunHeader,
};
use crate::mask::Mask;
use crate::record::Interval;
use crate::units::Micros;

/// A run's journal, open for writing. After an error the journal still holds everything written before it, and the run
/// should be stopped; [`Writer::finish`] may still succeed, since what did not fit was cut off.
pub struct Writer {
    dir: PathBuf,
    encoder: Encoder,
    histograms: Appender<File>,
    events: Appender<File>,
    /// The lines being made, and compressed; kept for their space.
    lines: Vec<u8>,
    /// What takes secrets out of events; none where they are written as they are.
    mask: Option<Mask>,
    packed: Vec<u8>,
}

impl Writer {
    /// Begins a journal in a directory, which is made if need be. When it returns, the header is on the disk.
    ///
    /// # Errors
    /// The directory already holds a run, or cannot be written to.
    pub fn create(dir: &Path, header: &RunHeader) -> Result<Self, JournalError> {
        fs::create_dir_all(dir).map_err(JournalError::io("create", dir))?;
        if dir.join(PLAIN_HISTOGRAMS_FILE).exists() {
            return Err(JournalError::Occupied(dir.to_owned()));
        }
        let mut packed = Vec::new();
        compress(&Encoder::preamble(header)?, &mut packed)?;
        let mut histograms = Appender::new(create(dir, HISTOGRAMS_FILE)?, 0);
        histograms
            .append(&packed)
            .map_err(JournalError::io("write to", &dir.join(HISTOGRAMS_FILE)))?;
        let events = Appender::new(create(dir, EVENTS_FILE)?, 0);
        // Last, so that a directory with a header has all three files.
        write_header(dir, header)?;
        Ok(Self {
            dir: dir.to_owned(),
            encoder: Encoder::new(&header.series),
            histograms,
            events,
            lines: Vec::new(),
            mask: None,
            packed,
        })
    }

    /// The load begins now, at the moment that this header names: notes it in the header and in the log, whose times
    /// count from it. To be called before the first interval.
    ///
    /// # Errors
    /// A write failed; the header is then as it was.
    pub fn begin(&mut self, header: &RunHeader) -> Result<(), JournalError> {
        self.packed.clear();
        compress(&Encoder::preamble(header)?, &mut self.packed)?;
        self.histograms.cut(0);
        self.append_packed()?;
        write_header(&self.dir, header)
    }

    fn append_packed(&mut self) -> Result<(), JournalError> {
        let path = self.dir.join(HISTOGRAMS_FILE);
        self.histograms
            .append(&self.packed)
            .map_err(JournalError::io("write to", &path))
    }

    /// The same, with these secrets left out of every event.
    #[must_use]
    pub fn without(self, mask: &Mask) -> Self {
        Self {
            mask: Some(mask.clone()),
            ..self
        }
    }

    /// Appends an interval: its histograms, then its counts.
    ///
    /// # Errors
    /// A write failed; then no part of the interval is left in the journal.
    pub fn append(&mut self, interval: &Interval) -> Result<(), JournalError> {
        self.lines.clear();
        self.encoder.encode(interval, &mut self.lines)?;
        self.packed.clear();
        if !self.lines.is_empty() {
            compress(&self.lines, &mut self.packed)?;
        }
        let before = self.histograms.length();
        self.append_packed()?;
        let counts = Event::Interval(IntervalCounts::of(interval));
        self.event(&counts)
            .inspect_err(|_| self.histograms.cut(before))
    }

    /// Appends an event.
    ///
    /// # Errors
    /// The write failed; then no part of the event is left in the journal.
    pub fn event(&mut self, event: &Event) -> Result<(), JournalError> {
        self.lines.clear();
        match self.mask.as_ref().and_then(|mask| event.hidden(mask)) {
            Some(hidden) => serde_json::to_writer(&mut self.lines, &hidden),
            None => serde_json::to_writer(&mut self.lines, event),
        }
        .map_err(|error| JournalError::encode("an event")(&error))?;
        self.lines.push(b'\n');
        self.events
            .append(&self.lines)
            .map_err(JournalError::io("write to", &self.dir.join(EVENTS_FILE)))
    }

    /// Ends the journal, and waits until all of it is on the disk.
    ///
    /// # Errors
    /// The write failed; then the journal reads as one that was cut short.
    pub fn finish(
        mut self,
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
        for (file, name) in [
            (&self.histograms, HISTOGRAMS_FILE),
            (&self.events, EVENTS_FILE),
        ] {
            file.storage()
                .sync_all()
                .map_err(JournalError::io("sync", &self.dir.join(name)))?;
        }
        Ok(())
    }
}

/// Appends the lines as one whole member of a gzip file: such members one after another are a gzip file too, and each is
/// read without those before it.
fn compress(lines: &[u8], packed: &mut Vec<u8>) -> Result<(), JournalError> {
    let failed = |error: io::Error| JournalError::encode("histograms")(&error);
    let mut encoder = GzEncoder::new(packed, Compression::default());
    encoder.write_all(lines).map_err(failed)?;
    encoder.finish().map(|_| ()).map_err(failed)
}

fn create(dir: &Path, name: &str) -> Result<File, JournalError> {
    let path = dir.join(name);
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(&path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => JournalError::Occupied(dir.to_owned()),
            _ => JournalError::io("create", &path)(error),
        })
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
    write().map_err(JournalError::io("write", &path))
}
