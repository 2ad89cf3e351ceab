//! The kinds of task that users can submit: enough to show throughput, CPU work, database work, waiting and failure.

use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

use super::registry::{Arguments, Audience, Failure, Registry, TaskShare};
use crate::settings::Span;
use crate::store::Store;

/// Most bytes that `checksum` makes and reads.
const MOST_BYTES: u64 = 16 << 20;
/// Longest that `sleep` sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// Most attempts that `fail` fails.
const MOST_FAILURES: u32 = 1_000;

/// Gives its arguments back.
#[derive(Deserialize)]
struct Echo(Map<String, Value>);

/// The SHA-256 of so many bytes that follow from the seed: work for the processor and for nothing else.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Checksum {
    bytes: u64,
    seed: u64,
}

/// Counts the documents.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {}

/// Fails the first attempts.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fail {
    times: u32,
    how: How,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    Transient,
    Permanent,
    Panic,
}

/// Waits without work.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sleep {
    r#for: Span,
}

impl Default for Checksum {
    fn default() -> Self {
        Self {
            bytes: 64 << 10,
            seed: 1,
        }
    }
}

impl Default for Fail {
    fn default() -> Self {
        Self {
            times: 2,
            how: How::Transient,
        }
    }
}

impl Default for Sleep {
    fn default() -> Self {
        Self {
            r#for: Span::milliseconds(10),
        }
    }
}

impl Arguments for Echo {}

impl Arguments for Report {}

impl Arguments for Checksum {
    fn fault(&self) -> Option<String> {
        let (bytes, fits) = (self.bytes, (1..=MOST_BYTES).contains(&self.bytes));
        (!fits).then(|| format!("expected bytes from 1 to {MOST_BYTES}, found {bytes}"))
    }
}

impl Arguments for Fail {
    fn fault(&self) -> Option<String> {
        let times = self.times;
        (times > MOST_FAILURES)
            .then(|| format!("expected times of at most {MOST_FAILURES}, found {times}"))
    }
}

impl Arguments for Sleep {
    fn fault(&self) -> Option<String> {
        let Span(asked) = self.r#for;
        (asked > LONGEST_SLEEP).then(|| {
            let longest = LONGEST_SLEEP.as_secs();
            format!("expected for of at most {longest}s, found {}", self.r#for)
        })
    }
}

/// The kinds of the catalogue.
pub(crate) fn catalogue(store: Arc<Store>) -> Registry {
    let mut registry = Registry::default();
    registry.register(
        "report",
        Audience::Clients,
        TaskShare::WHOLE,
        move |_: Arc<Report>, _| {
            let store = Arc::clone(&store);
            async move {
                let total = store
                    .documents_total()
                    .await
                    .map_err(|error| Failure::because("counting the documents failed", error))?;
                Ok(json!({ "documents": total }))
            }
        },
    );
    register_plain(&mut registry);
    registry
}

/// The kinds that need nothing but the process.
pub(super) fn register_plain(registry: &mut Registry) {
    let (open, share) = (Audience::Clients, TaskShare::WHOLE);
    registry.register("echo", open, share, async |args: Arc<Echo>, _| {
        Ok(args.0.clone())
    });
    registry.register(
        "checksum",
        open,
        share,
        |args: Arc<Checksum>, _| async move {
            let bytes = args.bytes;
            let made = spawn_blocking(move || checksum(&args)).await;
            let sum = made.map_err(stopped)?;
            Ok(json!({ "sha256": sum, "bytes": bytes }))
        },
    );
    registry.register("fail", open, share, |args: Arc<Fail>, attempt| async move {
        match args.how {
            _ if attempt.number > args.times => Ok(json!({ "attempts": attempt.number })),
            How::Transient => Err(Failure::transient("failed as requested")),
            How::Permanent => Err(Failure::Permanent("failed permanently as requested".into())),
            How::Panic => panic!("panicked as requested"),
        }
    });
    registry.register("sleep", open, share, |args: Arc<Sleep>, _| async move {
        sleep(args.r#for.0).await;
        Ok(json!({ "slept": args.r#for }))
    });
}

/// SHA-256, as hexadecimal, of blocks that each begin with the seed and their number.
fn checksum(args: &Checksum) -> String {
    let mut hash = Sha256::new();
    let mut block = [0; 4_096];
    let mut left = args.bytes;
    let mut number = 0_u64;
    while left > 0 {
        block[..8].copy_from_slice(&args.seed.to_le_bytes());
        block[8..16].copy_from_slice(&number.to_le_bytes());
        let length = left.min(block.len() as u64);
        hash.update(&block[..length as usize]);
        left -= length;
        number += 1;
    }
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Work on the blocking pool that did not end: its panic goes on as the task's own.
fn stopped(error: JoinError) -> Failure {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(cancelled) => Failure::because("the task was cancelled", cancelled),
    }
}
