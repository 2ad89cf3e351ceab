//! Iterations that were due in the warm-up and start, or are given up, in the measured time.

use super::{Interval, LoadCounts};

/// Separates the load of each measured interval from iterations carried over from the warm-up, so that an iteration
/// counts in the part of the run in which it was offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Carried iterations that have not started yet.
    left: u64,
}

/// The load of an interval, separated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parted {
    /// Iterations that this part of the run offered, and their fate.
    pub own: LoadCounts,
    /// The warm-up's iterations in a measured interval; the gauges are zero.
    pub of_warm_up: LoadCounts,
}

impl Carried {
    /// Separates the next interval; each exactly once, in order.
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
