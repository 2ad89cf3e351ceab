//! Words used as values: each set of words is a type; this module alone defines its words and their meaning.

use serde::{Deserialize, Serialize};

/// A word and its meaning.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) word: &'static str,
    pub(crate) doc: &'static str,
}

/// A set of allowed words.
#[derive(Debug)]
pub(crate) struct WordSet {
    /// The name of the value in messages: `a pick`.
    pub(crate) what: &'static str,
    pub(crate) words: &'static [Word],
}

/// A value written as a word.
pub(crate) trait FromWord: Copy + 'static {
    /// The allowed words.
    const SET: WordSet;
    /// The value of each word, in the order of the set.
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

        impl $name {
            /// The word that stands for this value.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
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
    /// The kind of test: a label, and a check that the load fits.
    Kind, "a kind of test" {
        /// A quick check that the target works: at most 50 users or starts per second, at most 10 minutes.
        Smoke = "smoke",
        /// The usual load, for comparison over time: one level, with at most one rise and one fall to zero.
        Baseline = "baseline",
        /// A load that rises above the usual: at least one stage is higher than the one before it.
        Stress = "stress",
        /// A sudden rise and fall: a stage of at least twice the level before it, and a fall after it.
        Spike = "spike",
        /// A steady load of at least 30 minutes, to show slow effects such as leaks.
        Soak = "soak",
        /// A load that rises until the target fails: at least one stage is higher than the one before it.
        Breakpoint = "breakpoint",
        /// Any other test; the load is not checked.
        Custom = "custom",
    }
}

words! {
    /// The reaction to a step that failed to capture a value or had no value to insert.
    OnError, "a reaction to errors" {
        /// The iteration ends; the user continues with the next one.
        StopIteration = "stop_iteration",
        /// The next step still runs.
        Continue = "continue",
        /// The user ends.
        StopUser = "stop_user",
        /// The run ends.
        Abort = "abort",
    }
}

words! {
    /// The effect of a failed threshold.
    Severity, "a severity" {
        /// The run fails.
        Fail = "fail",
        /// The run passes with a warning.
        Warn = "warn",
    }
}

words! {
    /// The order in which iterations take rows.
    Pick, "a pick" {
        /// Row k for the k-th iteration of the run; starts again after the last row.
        Sequential = "sequential",
        /// A random order derived from the seed; a new order in each round.
        Shuffled = "shuffled",
        /// A random row each time.
        Random = "random",
        /// Each row once; `when_used_up` decides what happens after the last one.
        Unique = "unique",
    }
}

words! {
    /// How long a row is kept.
    Per, "how long a row is kept" {
        /// Each iteration takes a row.
        Iteration = "iteration",
        /// A user keeps its row for all its iterations.
        User = "user",
    }
}

words! {
    /// How a client of OAuth proves who it is.
    ClientAuth, "a way to authenticate a client" {
        /// By basic authentication.
        Basic = "basic",
        /// By fields of the body.
        Body = "body",
    }
}

words! {
    /// The users that share a token.
    TokenPer, "who shares a token" {
        /// Each user has a token of its own.
        User = "user",
        /// All users share one token, which one of them renews while the others wait.
        Run = "run",
    }
}

words! {
    /// The hash function of a signature.
    HmacAlgorithm, "a hash function" {
        /// SHA-256.
        Sha256 = "sha256",
        /// SHA-512.
        Sha512 = "sha512",
        /// SHA-1, for interfaces that require it.
        Sha1 = "sha1",
    }
}

words! {
    /// How a signature is written.
    SignatureEncoding, "an encoding" {
        /// Lower-case hexadecimal digits.
        Hex = "hex",
        /// Base64 with padding (RFC 4648 §4).
        Base64 = "base64",
        /// Base64 for URLs, without padding (RFC 4648 §5).
        Base64Url = "base64url",
    }
}

words! {
    /// The format of a feeder's file.
    RowFormat, "a format of rows" {
        /// Fields separated by commas.
        Csv = "csv",
        /// Fields separated by tabs.
        Tsv = "tsv",
        /// A JSON list of objects.
        Json = "json",
        /// One JSON object a line.
        Jsonl = "jsonl",
    }
}

words! {
    /// The effect when all rows of a [`Pick::Unique`] feeder are used.
    WhenUsedUp, "the effect of used-up rows" {
        /// The file has too few rows: an iteration without a row fails, and a load that ends early because of it does
        /// not pass.
        Fail = "fail",
        /// The work is done: the load may end early because of it.
        End = "end",
    }
}

words! {
    /// The selection among several values.
    CapturePick, "a pick" {
        /// The first value.
        First = "first",
        /// The last value.
        Last = "last",
        /// A random value, derived from the seed.
        Random = "random",
        /// All values, as a list.
        All = "all",
    }
}

words! {
    /// The coding in which a body is sent.
    BodyCoding, "a coding of a body" {
        /// As it is.
        Identity = "none",
        /// Compressed with gzip.
        Gzip = "gzip",
    }
}

words! {
    /// The type of a JSON value.
    JsonType, "a type" {
        /// A mapping: `{…}`.
        Object = "object",
        /// A list: `[…]`.
        Array = "array",
        /// A text.
        String = "string",
        /// Any number.
        Number = "number",
        /// A number without a fraction: `5` and `5.0`.
        Integer = "integer",
        /// `true` or `false`.
        Boolean = "boolean",
        /// `null`.
        Null = "null",
    }
}

words! {
    /// The effect of a failed check.
    OnFail, "the effect of a failed check" {
        /// The request counts as failed; the iteration continues.
        Count = "count",
        /// The request counts as failed, and so does the iteration, which ends.
        StopIteration = "stop_iteration",
    }
}

words! {
    /// The distribution of arrivals.
    ArrivalLaw, "a distribution of arrivals" {
        /// Evenly: gap = 1 / rate.
        Constant = "constant",
        /// A Poisson process: exponential gaps, derived from the seed.
        Poisson = "poisson",
    }
}

words! {
    /// The cookies that a user keeps.
    Cookies, "how long cookies are kept" {
        /// Each user has its own cookie jar and keeps it across iterations.
        PerUser = "per_user",
        /// Each user has its own cookie jar, which is emptied before each iteration.
        PerIteration = "per_iteration",
        /// Gander ignores `set-cookie`.
        Off = "off",
    }
}

words! {
    /// The type of a metric of one's own.
    MetricType, "a type of metric" {
        /// Numbers from 0, of which percentiles, mean, least and greatest are known.
        Trend = "trend",
        /// A sum to which numbers from 0 are added.
        Counter = "counter",
        /// A value that rises and falls: reports show its last, its least and its greatest value.
        Gauge = "gauge",
        /// The share of values that are true.
        Rate = "rate",
    }
}

words! {
    /// The extent of a stop.
    StopScope, "the extent of a stop" {
        /// The iteration ends as complete; the user continues with the next one.
        Iteration = "iteration",
        /// The user stops after this iteration; the other users continue.
        User = "user",
        /// The run ends: no iteration starts after this one, requests in flight have the grace period, and the verdict
        /// names the step. Teardown still runs.
        Run = "run",
    }
}

words! {
    /// An outcome, or several, with which a request can end.
    EndWord, "an end of a request" {
        /// Any failure.
        Any = "any",
        /// No connection: `dns`, `connect_refused`, `connect_timeout` or `connect_failed`.
        Connect = "connect",
        /// A status that fails the request.
        Status = "status",
        /// A check failed.
        Check = "check",
        /// A capture found nothing.
        Capture = "capture",
        /// The request could not be built.
        Unsendable = "unsendable",
        /// The host name did not resolve.
        Dns = "dns",
        /// The target refused the connection.
        ConnectRefused = "connect_refused",
        /// No connection within the time limit.
        ConnectTimeout = "connect_timeout",
        /// The connection failed for another reason.
        ConnectFailed = "connect_failed",
        /// The TLS handshake failed.
        Tls = "tls",
        /// The connection was closed before the response was complete.
        Reset = "reset",
        /// No complete response within the time limit.
        Timeout = "timeout",
        /// The response was not valid HTTP.
        BadResponse = "bad_response",
        /// The response head was larger than the limit.
        HeadLimit = "head_limit",
        /// The response body was larger than the limit.
        BodyLimit = "body_limit",
        /// A redirect that Gander may not follow.
        Redirect = "redirect",
        /// An address that the run may not access.
        AddressRefused = "address_refused",
        /// This machine ran out of open files.
        FdLimit = "fd_limit",
        /// This machine ran out of local ports.
        PortLimit = "port_limit",
    }
}

words! {
    /// What follows the steps of a reaction.
    Then, "what follows" {
        /// The next step runs; neither the iteration nor a group fails by the request.
        Continue = "continue",
        /// The request is sent once more, and that answer decides, as if there were no `on`.
        Retry = "retry",
        /// The iteration ends as failed, as with a step `fail`; in setup and teardown it is their failure.
        Fail = "fail",
        /// The iteration ends as complete, as with a step `stop: iteration`.
        StopIteration = "stop_iteration",
    }
}
