//! Figures of a target whose meaning is known: those of its process, and those that are kept of the bundled target.

/// The CPU usage of a target that Gander started.
pub(super) const CPU: &str = "the target's CPU";

/// The memory of a target that Gander started.
pub(super) const MEMORY: &str = "the target's memory";

/// What is known of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Known {
    /// Its place from cause to effect: of several figures that moved, the lowest is told.
    pub(super) order: u8,
    /// True if it falls when the target gets slower.
    pub(super) falls: bool,
    /// The least value in slow points at which it means something.
    pub(super) at_least: f64,
    /// Its meaning.
    pub(super) meaning: &'static str,
}

const fn rises(order: u8, meaning: &'static str) -> Known {
    Known {
        order,
        falls: false,
        at_least: 0.0,
        meaning,
    }
}

/// What is known of a kept metric: its name says it only if it is a metric of the bundled target.
pub(super) fn known_of_folio(name: &str, selector: &str) -> Option<Known> {
    known(name).filter(|_| selector.contains("folio_"))
}

/// What is known of the figure with this name.
pub(super) fn known(name: &str) -> Option<Known> {
    Some(match name {
        CPU => Known {
            at_least: 0.85,
            ..rises(1, "its CPU was nearly used up")
        },
        MEMORY => rises(9, "its memory grew"),
        "target.hit_ratio" => Known {
            falls: true,
            ..rises(2, "fewer answers came from the cache")
        },
        "target.statements_per_request" => rises(3, "requests needed more database statements"),
        "target.statement" => rises(4, "database statements took longer"),
        "target.pool_wait" | "target.pool_waiting" => {
            rises(5, "requests waited for a database connection")
        }
        "target.breakers" => rises(5, "circuit breakers opened"),
        "target.rejections" => rises(5, "the target turned requests away"),
        "target.admission_waiting" => rises(6, "requests waited to be admitted"),
        "target.tasks_queued" => rises(7, "background tasks piled up"),
        "target.pool_in_use" => rises(7, "more database connections were in use"),
        _ => return None,
    })
}
