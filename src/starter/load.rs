//! The load and the thresholds of each kind of test.

use super::StarterKind;

/// The parts of a file that depend on its kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoadText {
    pub(super) purpose: &'static str,
    /// `load`, and `warm_up` if there is one.
    pub(super) load: &'static str,
    pub(super) think_time: &'static str,
    pub(super) thresholds: &'static str,
}

impl LoadText {
    pub(super) const fn of(kind: StarterKind) -> Self {
        match kind {
            StarterKind::Smoke => Self {
                purpose: "A minute of very low load, to see that everything works.",
                load: "load: { users: 5, for: 1m }         # five users, each starting again as soon as it is done",
                think_time: "500ms..1500ms",
                thresholds: "  - ratio(failed) == 0%\n  - ratio(checks) == 100%\n",
            },
            StarterKind::Baseline => Self {
                purpose: "The normal load. Run it on each release, and compare the results.",
                load: "load: { users: 20, for: 5m }        # as many users as on a normal day\n\
                       warm_up: 20s                        # run and shown, but not judged",
                think_time: "1s..3s",
                thresholds: "  - p95(response_time) < 500ms\n  - ratio(failed) < 1%\n",
            },
            StarterKind::Stress => Self {
                purpose: "More than the normal load: it rises in steps, each held long enough to settle.",
                load: "load:\n  \
                         stages:                           # `over` ramps to the level, `for` holds it\n    \
                           - { users: 50, over: 1m }\n    \
                           - { users: 50, for: 2m }\n    \
                           - { users: 100, over: 1m }\n    \
                           - { users: 100, for: 2m }\n    \
                           - { users: 0, over: 1m }\n\
                       warm_up: 30s                        # run and shown, but not judged",
                think_time: "500ms..1500ms",
                thresholds: "  - p95(response_time) < 1s\n  \
                             - expect: ratio(failed) < 5%\n    \
                               min_samples: 100\n    \
                               abort: { after: 1m }            # stop early if the target is down\n",
            },
            StarterKind::Spike => Self {
                purpose: "A sudden surge: ten times the users at once. The target must survive it and recover.",
                load: "load:\n  \
                         stages:\n    \
                           - { name: before, users: 20, for: 2m }\n    \
                           - { name: surge, users: 200, for: 1m }\n    \
                           - { name: recovery, users: 20, for: 30s }       # the target may still be slow\n    \
                           - { name: after, users: 20, for: 90s }          # it must be fast again\n\
                       warm_up: 10s                        # run and shown, but not judged",
                think_time: "1s..3s",
                thresholds: "  - ratio(failed) < 5%\n  \
                             - p95(response_time{stage=\"after\"}) < 1.5 * p95(response_time{stage=\"before\"})\n",
            },
            StarterKind::Soak => Self {
                purpose: "Hours of the normal load, to find what builds up slowly: leaks, full disks, growing caches.",
                load: "load: { users: 20, for: 2h }\n\
                       warm_up: 30m                        # until memory and caches have settled; not judged",
                think_time: "1s..3s",
                thresholds: "  - p95(response_time) < 500ms\n  \
                             - ratio(failed) < 1%\n  \
                             - expect: p95(response_time) < 500ms            # also in the last minutes\n    \
                               window: { sustained: 1m }\n  \
                             - slope(p95(response_time)) < 5%/h\n",
            },
            StarterKind::Breakpoint => Self {
                purpose: "The capacity: the rate rises until a rule breaks, then the highest rate that holds is confirmed.",
                load: "load:\n  \
                         rate: 20/s..1000/s                # iterations per second: the first rate, and the highest\n  \
                         step: 50%                         # or a rate, such as 50/s\n  \
                         every: 30s                        # how long each rate is held\n  \
                         until:                            # what a rate must satisfy\n    \
                           - p95(response_time) < 500ms\n    \
                           - ratio(failed) < 1%\n  \
                         max_users: 500",
                think_time: "none",
                thresholds: "",
            },
            StarterKind::Custom => Self {
                purpose: "A rate of arrivals, whatever the target does: does it hold twenty iterations per second?",
                load: "load: { rate: 20/s, for: 2m, max_users: 200 }   # response times count from when an iteration is due\n\
                       warm_up: 10s                        # run and shown, but not judged",
                think_time: "100ms..500ms",
                thresholds: "  - p95(response_time) < 500ms\n  - ratio(failed) < 1%\n",
            },
        }
    }
}
