//! Access tokens: JSON Web Tokens signed with HMAC-SHA-256 under one key that all instances share.
//!
//! The first instance generates the key and stores it in the shared store, so that every instance accepts the tokens of
//! the others and tokens survive a restart. If the store loses the key, any instance that still knows it writes it
//! back; if none does, a new key is generated and all earlier tokens are rejected. Only HS256 is accepted, whatever a
//! token's header says, and no clock skew is allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::AuthError;
use super::token::SessionId;
use crate::clock::unix_milliseconds;
use crate::kv::Kv;

const KEY: &str = "auth:signing-key";
/// The key outlives every deployment; the store has no entries without expiry.
const KEY_TTL: Duration = Duration::from_hours(10 * 365 * 24);
/// Bytes of a key, equal to the output of the hash.
const KEY_BYTES: usize = 32;
/// Time for which the key in use is assumed to be the one in the store.
const AGREED_FOR: Duration = Duration::from_secs(1);
/// Maximum length of a token in bytes; Folio's own have about 260.
const LONGEST: usize = 512;
/// Verified tokens whose signature is not computed again.
const REMEMBERED: u64 = 10_000;
/// Time after the last use for which a verified token is remembered, so that those of finished visits do not pile up.
const IDLE: Duration = Duration::from_mins(5);

/// The claims of a verified access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) user_id: i64,
    pub(crate) session: SessionId,
    /// Number of the session's token pair, from zero; only the latest is valid.
    pub(crate) generation: u32,
    /// Unix time in milliseconds, always a whole second.
    pub(super) expires_at: u64,
}

/// The result of checking a token locally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenReading {
    /// Signed with the key in use and not expired.
    Signed(Claims),
    /// Not an access token, or expired.
    Bad(&'static str),
    /// Not signed with the key in use, which may differ from the one in the store.
    OtherKey,
}

/// The encoded claims: <https://www.rfc-editor.org/rfc/rfc7519#section-4.1>.
#[derive(Serialize, Deserialize)]
struct JwtClaims {
    sub: String,
    sid: String,
    exp: u64,
    iat: u64,
    /// `sid.generation`: each generation has one access token.
    jti: String,
}

/// Signs and verifies access tokens.
pub(super) struct Signer {
    kv: Kv,
    validation: Validation,
    in_use: ArcSwapOption<SigningKey>,
    started: Instant,
    /// Milliseconds from `started` to the last read of the store's key.
    agreed_at: AtomicU64,
}

/// One key and the tokens that were verified with it.
pub(super) struct SigningKey {
    secret: Bytes,
    signing: EncodingKey,
    reading: DecodingKey,
    read: Cache<Box<str>, Claims>,
}

impl Signer {
    pub(super) fn new(kv: Kv) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Self {
            kv,
            validation,
            in_use: ArcSwapOption::empty(),
            started: Instant::now(),
            agreed_at: AtomicU64::new(0),
        }
    }

    /// The key to sign with: that of the store, at most a second old.
    pub(super) async fn key(&self) -> Result<Arc<SigningKey>, AuthError> {
        match self.in_use.load_full() {
            Some(key) if self.is_agreed() => Ok(key),
            _ => self.agree().await,
        }
    }

    /// Checks `token` with the key in use.
    pub(super) fn read(&self, token: &str) -> TokenReading {
        if token.len() > LONGEST {
            return TokenReading::Bad("the bearer token is not an access token");
        }
        let key = self.in_use.load();
        let Some(key) = &*key else {
            return TokenReading::OtherKey;
        };
        let claims = match key.read.get(token) {
            Some(claims) => claims,
            None => match self.verify(key, token) {
                TokenReading::Signed(claims) => {
                    key.read.insert(token.into(), claims);
                    claims
                }
                other => return other,
            },
        };
        if unix_milliseconds() < claims.expires_at {
            TokenReading::Signed(claims)
        } else {
            TokenReading::Bad(RUN_OUT)
        }
    }

    /// Checks `token`; if it is not signed with the key in use, reads the store's key first.
    pub(super) async fn verify_with_current_key(
        &self,
        token: &str,
    ) -> Result<TokenReading, AuthError> {
        self.key().await?;
        Ok(self.read(token))
    }

    fn verify(&self, key: &SigningKey, token: &str) -> TokenReading {
        let written: JwtClaims = match decode(token, &key.reading, &self.validation) {
            Ok(decoded) => decoded.claims,
            Err(error) => {
                return match error.kind() {
                    ErrorKind::InvalidSignature => TokenReading::OtherKey,
                    ErrorKind::ExpiredSignature => TokenReading::Bad(RUN_OUT),
                    _ => TokenReading::Bad("the bearer token is not an access token"),
                };
            }
        };
        written.claims().map_or(
            TokenReading::Bad("the access token has missing claims"),
            TokenReading::Signed,
        )
    }

    fn is_agreed(&self) -> bool {
        let agreed_at = Duration::from_millis(self.agreed_at.load(Ordering::Relaxed));
        self.started.elapsed() < agreed_at + AGREED_FOR
    }

    /// Adopts the store's key; writes the key in use, or a new one, into a store without a key.
    async fn agree(&self) -> Result<Arc<SigningKey>, AuthError> {
        let in_use = self.in_use.load_full();
        let asked_at = self.started.elapsed();
        let secret = match self.kv.get(KEY).await? {
            Some(found) => found,
            None => self.found(in_use.as_deref()).await?,
        };
        if secret.len() != KEY_BYTES {
            return Err(AuthError::Damaged(KEY));
        }
        let key = match in_use {
            Some(key) if key.secret == secret => key,
            _ => {
                let key = Arc::new(SigningKey::new(secret));
                self.in_use.store(Some(Arc::clone(&key)));
                key
            }
        };
        self.agreed_at
            .fetch_max(asked_at.as_millis() as u64, Ordering::Relaxed);
        Ok(key)
    }

    /// Writes a key to the store and returns the one that it holds then; of several instances the first one wins.
    async fn found(&self, in_use: Option<&SigningKey>) -> Result<Bytes, AuthError> {
        let proposed = if let Some(key) = in_use {
            key.secret.clone()
        } else {
            let mut secret = vec![0; KEY_BYTES];
            getrandom::fill(&mut secret).map_err(std::io::Error::from)?;
            secret.into()
        };
        if self
            .kv
            .set_if_absent(KEY, proposed.clone(), KEY_TTL)
            .await?
        {
            return Ok(proposed);
        }
        self.kv.get(KEY).await?.ok_or(AuthError::Contended)
    }
}

const RUN_OUT: &str = "the access token has expired; refresh it";

impl SigningKey {
    fn new(secret: Bytes) -> Self {
        Self {
            signing: EncodingKey::from_secret(&secret),
            reading: DecodingKey::from_secret(&secret),
            secret,
            read: Cache::builder()
                .max_capacity(REMEMBERED)
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(IDLE)
                .build(),
        }
    }

    /// An access token that is valid for `ttl`, rounded up to the next whole second of the clock.
    pub(super) fn sign(
        &self,
        user_id: i64,
        session: SessionId,
        generation: u32,
        ttl: Duration,
    ) -> Result<String, AuthError> {
        let now = unix_milliseconds();
        let written = JwtClaims {
            sub: user_id.to_string(),
            sid: session.to_string(),
            exp: (now + ttl.as_millis() as u64).div_ceil(1_000),
            iat: now / 1_000,
            jti: format!("{session}.{generation}"),
        };
        encode(&Header::new(Algorithm::HS256), &written, &self.signing)
            .map_err(|error| AuthError::Encode(error.into()))
    }
}

impl JwtClaims {
    fn claims(&self) -> Option<Claims> {
        let (session, generation) = self.jti.split_once('.')?;
        Some(Claims {
            user_id: self.sub.parse().ok()?,
            session: SessionId::parse(&self.sid).filter(|_| session == self.sid)?,
            generation: generation.parse().ok()?,
            expires_at: self.exp.checked_mul(1_000)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_mins(1);

    fn session() -> SessionId {
        SessionId::draw().expect("randomness")
    }

    async fn signed(signer: &Signer, session: SessionId, ttl: Duration) -> String {
        let key = signer.key().await.expect("a key");
        key.sign(42, session, 3, ttl).expect("a token")
    }

    fn claims(reading: TokenReading) -> Claims {
        match reading {
            TokenReading::Signed(claims) => claims,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tokens_of_finished_visits_are_forgotten() {
        let key = SigningKey::new(Bytes::from_static(b"a secret of thirty-two bytes ...."));
        assert_eq!(key.read.policy().time_to_idle(), Some(IDLE));
    }

    #[tokio::test]
    async fn a_token_signed_by_one_instance_is_accepted_by_every_other() {
        let kv = Kv::memory();
        let (here, there) = (Signer::new(kv.clone()), Signer::new(kv));
        let session = session();
        let token = signed(&here, session, TTL).await;
        assert_eq!(
            there.read(&token),
            TokenReading::OtherKey,
            "it has no key yet"
        );
        let read = claims(
            there
                .verify_with_current_key(&token)
                .await
                .expect("the store answers"),
        );
        assert_eq!(
            (read.user_id, read.session, read.generation),
            (42, session, 3)
        );
        assert_eq!(claims(there.read(&token)), read, "remembered");
        assert_eq!(claims(here.read(&token)), read);
    }

    #[tokio::test]
    async fn a_lost_key_is_written_back_to_the_store() {
        let kv = Kv::memory();
        let here = Signer::new(kv.clone());
        let token = signed(&here, session(), TTL).await;
        kv.delete(&[KEY.to_owned()])
            .await
            .expect("the store answers");
        here.agree().await.expect("the store answers");
        let there = Signer::new(kv);
        claims(
            there
                .verify_with_current_key(&token)
                .await
                .expect("the store answers"),
        );
    }

    #[tokio::test]
    async fn an_instance_takes_over_the_key_that_the_others_agreed_on() {
        let kv = Kv::memory();
        let here = Signer::new(kv.clone());
        let old = signed(&here, session(), TTL).await;
        claims(here.read(&old));
        kv.delete(&[KEY.to_owned()])
            .await
            .expect("the store answers");
        let there = Signer::new(kv);
        let new = signed(&there, session(), TTL).await;
        assert_eq!(here.read(&new), TokenReading::OtherKey);
        here.agree().await.expect("the store answers");
        claims(here.read(&new));
        assert_eq!(
            here.read(&old),
            TokenReading::OtherKey,
            "also when remembered"
        );
    }

    #[tokio::test]
    async fn a_cached_token_expires() {
        let signer = Signer::new(Kv::memory());
        let token = signed(&signer, session(), Duration::ZERO).await;
        // Valid until the next whole second of the clock, unless that second began in between.
        let deadline = Instant::now() + Duration::from_secs(5);
        while let TokenReading::Signed(_) = signer.read(&token) {
            assert!(Instant::now() < deadline, "still good");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(signer.read(&token), TokenReading::Bad(RUN_OUT));
    }

    #[tokio::test]
    async fn only_hs256_with_all_claims_is_accepted() {
        let signer = Signer::new(Kv::memory());
        let key = signer.key().await.expect("a key");
        let id = session().to_string();
        let good = serde_json::json!({
            "sub": "1", "sid": id, "exp": 4_102_444_800_u64, "iat": 0, "jti": format!("{id}.0"),
        });
        let sign = |algorithm, claims: &serde_json::Value| {
            encode(&Header::new(algorithm), claims, &key.signing).expect("a token")
        };
        claims(signer.read(&sign(Algorithm::HS256, &good)));
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert!(matches!(
                signer.read(&sign(algorithm, &good)),
                TokenReading::Bad(_)
            ));
        }
        for name in ["sub", "sid", "exp", "iat", "jti"] {
            for wrong in [serde_json::Value::Null, "x".into(), (-1).into()] {
                let mut bad = good.clone();
                bad[name] = wrong;
                let token = sign(Algorithm::HS256, &bad);
                assert!(matches!(signer.read(&token), TokenReading::Bad(_)), "{bad}");
            }
        }
        let mut old = good;
        old["exp"] = 1.into();
        let token = sign(Algorithm::HS256, &old);
        assert_eq!(signer.read(&token), TokenReading::Bad(RUN_OUT));
    }
}
