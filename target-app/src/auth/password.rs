//! Hashes and verifies passwords with Argon2id, outside the threads that answer requests.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::password_hash::{Error, Output, PasswordHash, PasswordHasher as _, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;

/// The password of every seeded user.
const SEEDED_PASSWORD: &str = "folio-demo";
/// Memory of one hash in KiB.
///
/// A quarter of OWASP's minimum, and one pass: a check takes about 2 ms of one core, so that a load test with 20 logins
/// per second measures the service and not the hash. A production service would use 19 MiB and two passes.
const MEMORY_KIB: u32 = 4_864;
const PASSES: u32 = 1;

/// The hasher and the permits to use a core for it.
pub(crate) struct Passwords {
    seeded_hash: Arc<str>,
    /// One permit per core: more concurrent checks would only use memory and delay each other.
    cores: Arc<Semaphore>,
    /// Reusable memory of finished checks, at most one per core. Allocating megabytes on changing threads would make
    /// the process grow far beyond its real use.
    spare: Arc<Mutex<Vec<HashMemory>>>,
}

/// Working memory of Argon2.
type HashMemory = Vec<Block>;

/// A password could not be hashed, or its hash could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash the password or read its hash: {0}")]
pub struct PasswordError(Error);

impl Passwords {
    /// Hashes the seeded users' password with a salt from `seed`, so that the same seed gives the same database.
    pub(crate) fn new(seed: u64) -> Result<Self, PasswordError> {
        let mut salt = [0x5a; 16];
        salt[..8].copy_from_slice(&seed.to_le_bytes());
        let salt = SaltString::encode_b64(&salt).map_err(PasswordError)?;
        let hash = hasher()?
            .hash_password(SEEDED_PASSWORD.as_bytes(), &salt)
            .map_err(PasswordError)?;
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            seeded_hash: hash.to_string().into(),
            cores: Arc::new(Semaphore::new(cores)),
            spare: Arc::default(),
        })
    }

    pub(crate) fn seeded_hash(&self) -> &str {
        &self.seeded_hash
    }

    /// Hashes a new password with a random salt.
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|_| PasswordError(Error::Crypto))?;
        self.work(move |memory| hash(&password, &salt, memory))
            .await
            .unwrap_or(Err(Error::Crypto))
            .map_err(PasswordError)
    }

    /// Whether `password` matches `hash`. Without a hash it does the same work and returns false, so that the response
    /// time does not reveal whether an account exists.
    pub(crate) async fn matches(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.seeded_hash.to_string());
        let check = self.work(move |memory| verify(&password, &hash, memory));
        // A check that was lost with the runtime counts as failed.
        let matches = check.await.unwrap_or(Ok(false)).map_err(PasswordError)?;
        Ok(known && matches)
    }

    /// Runs `work` with its own memory as soon as a core is free; `None` if the runtime ends first.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Option<T> {
        let permit = Arc::clone(&self.cores).acquire_owned().await;
        let spare = Arc::clone(&self.spare);
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut memory = spare
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()
                .unwrap_or_default();
            let outcome = work(&mut memory);
            spare
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(memory);
            outcome
        });
        work.await.ok()
    }
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| PasswordError(error.into()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a new password in `memory`, as PHC text that [`verify`] can read.
fn hash(password: &str, salt: &[u8], memory: &mut HashMemory) -> Result<String, Error> {
    let argon2 = hasher().map_err(|PasswordError(error)| error)?;
    memory.resize(argon2.params().block_count(), Block::default());
    let found = Output::init_with(Params::DEFAULT_OUTPUT_LEN, |out| {
        Ok(argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, memory)?)
    })?;
    let salt = SaltString::encode_b64(salt)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: argon2.params().try_into()?,
        salt: Some(salt.as_salt()),
        hash: Some(found),
    };
    Ok(phc.to_string())
}

/// Hashes `password` with the parameters of `hash`, in `memory`, and compares in constant time.
fn verify(password: &str, hash: &str, memory: &mut HashMemory) -> Result<bool, Error> {
    let hash = PasswordHash::new(hash)?;
    let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else {
        return Err(Error::PhcStringField);
    };
    let mut decoded = [0; Salt::MAX_LENGTH];
    let salt = salt.decode_b64(&mut decoded)?;
    let params = Params::try_from(&hash)?;
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(hash.algorithm.try_into()?, Version::V0x13, params);
    let found = Output::init_with(expected.len(), |out| {
        Ok(argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, memory)?)
    })?;
    Ok(found == expected)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_new_hash_is_salted_and_matches_its_password_alone() {
        let passwords = Passwords::new(1).expect("the seeded password is hashed");
        let hash = async || {
            let password = "correct horse".to_owned();
            passwords.hash(password).await.expect("a hash")
        };
        let first = hash().await;
        assert_ne!(first, hash().await);
        assert!(
            first.starts_with("$argon2id$v=19$m=4864,t=1,p=1$"),
            "{first}"
        );
        for (password, expected) in [("correct horse", true), ("correct horsf", false)] {
            let matches = passwords.matches(password.to_owned(), Some(first.clone()));
            assert_eq!(matches.await.expect("a valid hash"), expected);
        }
    }

    #[tokio::test]
    async fn hashing_runs_on_other_threads_at_most_one_per_core() {
        let passwords = Passwords::new(1).expect("the seeded password is hashed");
        // The runtime of this test has one thread.
        let worker = passwords.work(|_| thread::current().id()).await;
        assert!(worker.is_some_and(|worker| worker != thread::current().id()));

        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let counts = Arc::new((running, most));
        let works = (0..4 * cores).map(|_| {
            let counts = Arc::clone(&counts);
            passwords.work(move |_| {
                let (running, most) = &*counts;
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Long enough for other checks to start, if nothing prevented them.
                thread::sleep(Duration::from_millis(20));
                running.fetch_sub(1, Ordering::SeqCst);
            })
        });
        join_all(works).await;
        assert!(counts.1.load(Ordering::SeqCst) <= cores);
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_matches() {
        let passwords = Passwords::new(1).expect("the seeded password is hashed");
        let hash = || Some(passwords.seeded_hash().to_owned());
        let check = async |password: &str, hash| {
            passwords
                .matches(password.to_owned(), hash)
                .await
                .expect("a valid hash")
        };
        assert!(check(SEEDED_PASSWORD, hash()).await);
        assert!(!check("folio-dem0", hash()).await);
        assert!(!check(SEEDED_PASSWORD, None).await, "no account, no match");
        assert!(
            passwords
                .matches(String::new(), Some("plain".to_owned()))
                .await
                .is_err()
        );
    }
}
