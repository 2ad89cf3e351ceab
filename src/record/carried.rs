//! What the warm-up leaves behind: iterations that were due in it and start, or are given up, in the measured time.

use super::{Interval, LoadCounts};

/// Parts the load of each measured interval from what the warm-up left behind, so that an iteration counts in the part
/// of the run in which it was offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// How many are still to start.
    left: u64,
}

/// The load of an interval, parted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parted {
    /// What the interval's part of the run offered, and what became of it.
    pub own: LoadCounts,
    /// What became of the warm-up's in a measured interval; its gauges are zero.
    pub of_warm_up: LoadCounts,
}

impl Carried {
    /// Takes the next interval; each once, in order.
    pub fn part(&mut self, interval: &Interval) -> Parted {
        let load = interval.load;
        if interval.is_warm_up {
            self.left = load.backlog;
            return Parted {
                own: load,
                of_warm_up: LoadCounts::default(),
            };
        }
        let started = self.left.min(load.started);
        self.left -= started;
        let unstarted = self.left.min(load.unstarted);
        self.left -= unstarted;
        let of_warm_up = LoadCounts {
            started,
            late: started.min(load.late),
            unstarted,
            ..LoadCounts::default()
        };
        let own = LoadCounts {
            started: load.started - started,
            late: load.late - of_warm_up.late,
            unstarted: load.unstarted - unstarted,
            backlog: load.backlog.saturating_sub(self.left),
            ..load
        };
        Parted { own, of_warm_up }
    }
}
