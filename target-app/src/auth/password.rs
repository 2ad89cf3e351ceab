//! Hashing and checking passwords with Argon2id, away from the threads that answer requests.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// What every seeded user has as a password.
const SEEDED_PASSWORD: &str = "folio-demo";
/// Memory of one hash in KiB.
///
/// A quarter of what OWASP asks for at least, and one pass: a check takes some 3 ms of one core, so that a load test
/// with 20 logins a second measures the service and not the hash. A service with real users would take 19 MiB and two.
const MEMORY_KIB: u32 = 4_864;
const PASSES: u32 = 1;

/// The hasher and the right to use a core for it.
pub(crate) struct Passwords {
    seeded_hash: Arc<str>,
    /// As many checks at a time as there are cores: more would only take memory and delay each other.
    cores: Arc<Semaphore>,
}

/// A password could not be hashed or its hash not be read.
#[derive(Debug, thiserror::Error)]
#[error("the password hash failed: {0}")]
pub struct PasswordError(argon2::password_hash::Error);

impl Passwords {
    /// Hashes the seeded users' password, with a salt from `seed` so that the same seed makes the same database.
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
        })
    }

    pub(crate) fn seeded_hash(&self) -> &str {
        &self.seeded_hash
    }

    /// Whether `password` is the one of `hash`. Without a hash the work is the same and the answer is no, so that the
    /// time of an answer does not tell whether an account exists.
    pub(crate) async fn matches(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.seeded_hash.to_string());
        let permit = Arc::clone(&self.cores).acquire_owned().await;
        let check = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let parsed = PasswordHash::new(&hash).map_err(PasswordError)?;
            match Argon2::default().verify_password(password.as_bytes(), &parsed) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(error) => Err(PasswordError(error)),
            }
        });
        // A check that was lost with the runtime is a check that was not passed.
        let matches = check.await.unwrap_or(Ok(false))?;
        Ok(known && matches)
    }
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| PasswordError(error.into()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

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
