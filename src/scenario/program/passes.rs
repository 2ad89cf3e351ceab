//! Loops, and their passes.

use std::time::Duration;

use super::Step;
use crate::scenario::{Condition, Delay, SlotId, Template};

/// The maximum number of passes of a loop whose number of passes is limited.
pub const MAX_PASSES: u64 = 100_000;

/// Repeated steps.
#[derive(Debug, Clone)]
pub struct Loop<R> {
    /// The passes.
    pub passes: Passes,
    /// The repeated steps; at least one.
    pub steps: Vec<Step<R>>,
    /// The pause between two passes; a plan puts the default pause here.
    pub pause: Option<Delay>,
}

/// The passes of repeated steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Passes {
    /// A fixed number; at least 1.
    Times(u32),
    /// The value of an expression when the loop begins.
    Count(Template),
    /// As long as the condition holds before a pass.
    While {
        /// The condition.
        condition: Condition,
        /// The number of passes after which the loop ends in any case; at least 1. Without it, a loop of [`MAX_PASSES`]
        /// passes fails.
        max: Option<u32>,
    },
    /// Until the condition holds after a pass. It fails if the condition does not hold after `max`.
    Until {
        /// The condition.
        condition: Condition,
        /// The maximum number of passes; at least 1.
        max: u32,
        /// The minimum time between the starts of two passes.
        every: Option<Duration>,
    },
    /// One for each item of a list.
    Each(Each),
}

/// The passes of a loop over a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Each {
    /// The list.
    pub items: Items,
    /// The variable of the item.
    pub item: SlotId,
    /// The variable of the item's position in the order of the passes, from 0.
    pub index: Option<SlotId>,
    /// True if the items come in a random order.
    pub is_shuffled: bool,
}

/// A list to loop over.
#[derive(Debug, Clone, PartialEq)]
pub enum Items {
    /// The items as written.
    Written(Vec<Template>),
    /// The value of an expression, which must be a list.
    Value(Template),
}

impl Passes {
    /// The number of passes; one if the plan cannot know it.
    pub fn expected(&self) -> f64 {
        match self {
            Self::Times(times) => f64::from(*times),
            Self::Each(Each {
                items: Items::Written(items),
                ..
            }) => items.len() as f64,
            Self::Count(_)
            | Self::While { .. }
            | Self::Until { .. }
            | Self::Each(Each {
                items: Items::Value(_),
                ..
            }) => 1.0,
        }
    }

    /// The maximum number of passes; `None` if nothing limits it.
    pub fn most(&self) -> Option<u64> {
        match self {
            Self::Times(times) => Some((*times).into()),
            Self::Count(_) => Some(MAX_PASSES),
            Self::While { max, .. } => Some(max.map_or(MAX_PASSES, u64::from)),
            Self::Until { max, .. } => Some((*max).into()),
            Self::Each(each) => match &each.items {
                Items::Written(items) => Some(items.len() as u64),
                Items::Value(_) => None,
            },
        }
    }

    /// The key of the loop.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Times(_) | Self::Count(_) => "repeat",
            Self::While { .. } => "while",
            Self::Until { .. } => "until",
            Self::Each(_) => "foreach",
        }
    }

    pub(super) fn inputs(&self) -> (Vec<&Condition>, Vec<&Template>) {
        match self {
            Self::Times(_) => (Vec::new(), Vec::new()),
            Self::Count(count) => (Vec::new(), vec![count]),
            Self::While { condition, .. } | Self::Until { condition, .. } => {
                (vec![condition], Vec::new())
            }
            Self::Each(each) => match &each.items {
                Items::Written(items) => (Vec::new(), items.iter().collect()),
                Items::Value(value) => (Vec::new(), vec![value]),
            },
        }
    }

    /// True if the loop itself waits between two passes.
    pub const fn has_interval(&self) -> bool {
        match self {
            Self::Until { every, .. } => every.is_some(),
            Self::Times(_) | Self::Count(_) | Self::While { .. } | Self::Each(_) => false,
        }
    }
}
