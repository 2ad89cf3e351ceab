//! Values that are words: each set is a type, and its words and what they mean stand here alone.

use serde::{Deserialize, Serialize};

/// A word that may be written, and what it means.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) word: &'static str,
    pub(crate) doc: &'static str,
}

/// The words that a value may be.
#[derive(Debug)]
pub(crate) struct WordSet {
    /// What messages call the value: `a pick`.
    pub(crate) what: &'static str,
    pub(crate) words: &'static [Word],
}

/// A value that is written as a word.
pub(crate) trait FromWord: Copy + 'static {
    /// What may be written.
    const SET: WordSet;
    /// What each word stands for, in the order of the set.
    const VALUES: &'static [Self];
}

macro_rules! words {
    (
        $(#[$meta:meta])*
        $name:ident, $what:literal {
            $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $variant,)+
        }

        impl FromWord for $name {
            const SET: WordSet = WordSet {
                what: $what,
                words: &[$(Word { word: $word, doc: concat!($($doc),+) },)+],
            };
            const VALUES: &'static [Self] = &[$(Self::$variant,)+];
        }
    };
}

words! {
    /// What kind of test a scenario is: a label, and a check that the load fits.
    Kind, "a kind of test" {
        /// Does it work at all: at most 50 users or starts a second, at most 10 minutes.
        Smoke = "smoke",
        /// The everyday load, to compare over time: one level, with at most one rise and one fall to zero.
        Baseline = "baseline",
        /// Rising load beyond the everyday: at least one stage is higher than the one before it.
        Stress = "stress",
        /// A sudden surge and back: a stage of at least twice the level before it, and a fall after it.
        Spike = "spike",
        /// A steady load of at least 30 minutes, to show what builds up over time.
        Soak = "soak",
        /// Rising until it breaks: at least one stage is higher than the one before it.
        Breakpoint = "breakpoint",
        /// Anything else; nothing is checked.
        Custom = "custom",
    }
}

words! {
    /// What to do with the iteration after a step that failed to capture or had no value to insert.
    OnError, "a reaction to errors" {
        /// The iteration ends; the user goes on with the next.
        StopIteration = "stop_iteration",
        /// The next step runs all the same.
        Continue = "continue",
        /// The user ends.
        StopUser = "stop_user",
        /// The run ends.
        Abort = "abort",
    }
}

words! {
    /// What a breached threshold means.
    Severity, "a severity" {
        /// The run fails.
        Fail = "fail",
        /// The run passes with a warning.
        Warn = "warn",
    }
}

words! {
    /// How rows are dealt to iterations.
    Pick, "a pick" {
        /// Row k for the k-th iteration of the run, round and round.
        Sequential = "sequential",
        /// A new order from the seed, round and round.
        Shuffled = "shuffled",
        /// Any row, each time.
        Random = "random",
        /// Each row once; `when_used_up` says what follows.
        Unique = "unique",
    }
}

words! {
    /// What it means when every row of a [`Pick::Unique`] feeder has been dealt.
    WhenUsedUp, "what follows when the rows are used up" {
        /// There are too few rows: an iteration that finds none has failed, and a load that ends for it does not pass.
        Fail = "fail",
        /// There is nothing left to do: the load may end for it.
        End = "end",
    }
}

words! {
    /// Which of several values is captured.
    CapturePick, "a pick" {
        /// The first.
        First = "first",
        /// Any, from the seed.
        Random = "random",
        /// All, as a list.
        All = "all",
    }
}

words! {
    /// How arrivals are spread.
    ArrivalLaw, "a law of arrivals" {
        /// Evenly: gap = 1 / rate.
        Constant = "constant",
        /// A Poisson process: exponential gaps from the seed.
        Poisson = "poisson",
    }
}

words! {
    /// Whether each user keeps cookies.
    Cookies, "how long cookies are kept" {
        /// A jar of its own for each user, kept across iterations.
        PerUser = "per_user",
        /// The same, and each iteration begins with an empty one.
        PerIteration = "per_iteration",
        /// `set-cookie` is ignored.
        Off = "off",
    }
}
