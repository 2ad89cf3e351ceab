//! Two hashes of a plan's requests and load, which show whether two runs carried the same load.
//!
//! Both are hashes of a canonical text, so that they change with the load and not with the source code. The workload
//! hash leaves out the seed, the target's address and the values of secrets, so that two runs of one file match, even
//! against an instance on another port; the plan hash adds the seed.

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

use super::{Secrets, Workload, canonical};

/// SHA-256, in hex, of the canonical text of a workload.
pub(super) fn workload(workload: &Workload, secrets: &Secrets) -> String {
    hash(|out| canonical::write(workload, secrets, out))
}

/// The workload hash combined with the seed.
pub(super) fn plan(workload: &str, seed: u64) -> String {
    hash(|out| writeln!(out, "workload {workload}\nseed {seed}"))
}

/// SHA-256, in hex, of a text.
pub(super) fn digest(text: &str) -> String {
    hash(|out| out.write_str(text))
}

fn hash(write: impl FnOnce(&mut Hashed) -> fmt::Result) -> String {
    let mut hashed = Hashed(Sha256::new());
    // A hash takes everything.
    let _ = write(&mut hashed);
    let digest = hashed.0.finalize();
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

struct Hashed(Sha256);

impl fmt::Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}
