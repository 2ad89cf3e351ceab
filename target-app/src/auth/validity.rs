//! A cache of session states (Cache-Aside pattern, half a second): most requests need no read of the shared store, and
//! a closed session is not accepted for longer than that.
//!
//! The age of an answer counts from the moment of the question, so a slow store does not extend it. Messages of other
//! instances drop entries at once, but correctness does not depend on them. A session that cannot be checked is neither
//! accepted nor rejected: the client is asked to retry.

use std::time::{Duration, Instant};

use moka::future::Cache;
use moka::policy::EvictionPolicy;

use super::AuthError;
use super::sessions::Sessions;
use super::signing::Claims;
use super::token::SessionId;
use crate::kv::{KvError, Notice, Subscription};

/// Time for which an answer of the store is valid.
const FRESH: Duration = Duration::from_millis(500);
/// Maximum cached sessions, about 100 bytes each.
const SESSIONS: u64 = 50_000;
/// Time for which a state is kept: some times as long as it is fresh. Without it, a session that is used once would stay
/// until so many others have come, and memory would grow for hours.
const KEPT: Duration = Duration::from_secs(5);

/// Cached states of recently used sessions.
#[derive(Clone)]
pub(super) struct Validity {
    known: Cache<SessionId, CachedSession>,
}

/// An answer of the store.
#[derive(Clone)]
struct CachedSession {
    asked_at: Instant,
    answer: SessionState,
}

#[derive(Clone)]
enum SessionState {
    /// Open, with this as its latest token pair.
    Open {
        generation: u32,
    },
    /// Closed, expired or unknown.
    Gone,
    Unreachable(KvError),
}

/// The meaning of an answer for a token.
enum TokenVerdict {
    Good,
    Bad(&'static str),
    /// The answer is older than the token.
    AskAgain,
}

impl CachedSession {
    fn is_fresh(&self, at: Instant) -> bool {
        at.saturating_duration_since(self.asked_at) < FRESH
            && matches!(self.answer, SessionState::Open { .. } | SessionState::Gone)
    }

    /// Whether this answer is older than the token of `claims`.
    fn is_older_than(&self, claims: &Claims) -> bool {
        matches!(self.answer, SessionState::Open { generation } if generation < claims.generation)
    }

    fn verdict(&self, claims: &Claims) -> Result<TokenVerdict, AuthError> {
        match &self.answer {
            SessionState::Open { generation } if *generation == claims.generation => {
                Ok(TokenVerdict::Good)
            }
            SessionState::Open { generation } if *generation > claims.generation => Ok(
                TokenVerdict::Bad("the access token was replaced by a refresh; use the newest one"),
            ),
            SessionState::Open { .. } => Ok(TokenVerdict::AskAgain),
            SessionState::Gone => Ok(TokenVerdict::Bad(
                "the session of the access token is closed; log in again",
            )),
            SessionState::Unreachable(error) => Err(error.clone().into()),
        }
    }
}

impl Validity {
    pub(super) fn new() -> Self {
        Self::keeping(KEPT)
    }

    fn keeping(kept: Duration) -> Self {
        let known = Cache::builder()
            .max_capacity(SESSIONS)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(kept)
            .build();
        Self { known }
    }

    /// Checks that the session of a verified token is open and that the token is its latest; asks the store if no valid
    /// answer is cached.
    pub(super) async fn check(
        &self,
        sessions: &Sessions,
        claims: &Claims,
    ) -> Result<(), AuthError> {
        self.check_at(sessions, claims, Instant::now()).await
    }

    /// As [`Self::check`], for a request that `began` at another time than now.
    async fn check_at(
        &self,
        sessions: &Sessions,
        claims: &Claims,
        began: Instant,
    ) -> Result<(), AuthError> {
        let mut verdict = TokenVerdict::AskAgain;
        if let Some(known) = self.known.get(&claims.session).await
            && known.is_fresh(began)
        {
            verdict = known.verdict(claims)?;
        }
        if matches!(verdict, TokenVerdict::AskAgain) {
            // Boxed, so that requests that need no question do not carry the future's size.
            let known = Box::pin(self.ask(sessions, claims, began)).await;
            verdict = known.verdict(claims)?;
        }
        match verdict {
            TokenVerdict::Good => Ok(()),
            TokenVerdict::Bad(detail) => Err(AuthError::Refused(detail)),
            // Older than the token even now: the store lost a refresh.
            TokenVerdict::AskAgain => Err(AuthError::Refused(
                "the access token is newer than its session; log in again",
            )),
        }
    }

    /// An answer whose question was asked no earlier than half a second before `began`; requests of one session share
    /// it.
    async fn ask(&self, sessions: &Sessions, claims: &Claims, began: Instant) -> CachedSession {
        let id = claims.session;
        let is_stale =
            |known: &CachedSession| known.is_older_than(claims) || !known.is_fresh(began);
        let shared = self.known.entry(id);
        let shared = shared.or_insert_with_if(Box::pin(read_store(sessions, id)), is_stale);
        let shared = shared.await.into_value();
        if !is_stale(&shared) || matches!(shared.answer, SessionState::Unreachable(_)) {
            return shared;
        }
        // The shared answer is older than this request, so this request reads the store itself.
        let own = read_store(sessions, id).await;
        self.known.insert(id, own.clone()).await;
        own
    }

    /// Drops the cached state of a session.
    pub(super) async fn forget(&self, id: SessionId) {
        self.known.invalidate(&id).await;
    }

    /// Drops sessions that other instances report as changed, while it is polled and the store exists.
    pub(super) async fn listen(self, mut messages: Subscription) {
        while let Some(notice) = messages.next().await {
            match notice {
                Notice::Message(message) => {
                    for id in message.as_chunks().0 {
                        self.forget(SessionId::from_bytes(*id)).await;
                    }
                }
                // A missed message costs at most the half second that entries live.
                Notice::Lost | Notice::Back => {}
            }
        }
    }
}

async fn read_store(sessions: &Sessions, id: SessionId) -> CachedSession {
    let asked_at = Instant::now();
    let answer = match sessions.find(id).await {
        Ok(Some(session)) => SessionState::Open {
            generation: session.generation,
        },
        Ok(None) => SessionState::Gone,
        Err(error) => SessionState::Unreachable(error),
    };
    CachedSession { asked_at, answer }
}

#[cfg(test)]
mod tests {
    use super::super::sessions::SessionLimits;
    use super::*;
    use crate::kv::{Channel, Kv};
    use crate::settings::AuthSettings;

    async fn open(sessions: &Sessions) -> Claims {
        let limits = SessionLimits::from(&AuthSettings::default());
        let (granted, evicted) = sessions.open(42, "test", limits).await.expect("a session");
        assert!(evicted.is_empty());
        Claims {
            user_id: 42,
            session: granted.refresh.session,
            generation: granted.generation,
            expires_at: u64::MAX,
        }
    }

    fn is_refused(checked: &Result<(), AuthError>) -> bool {
        matches!(checked, Err(AuthError::Refused(_)))
    }

    #[tokio::test]
    async fn without_messages_a_closed_session_is_rejected_half_a_second_after_its_last_check() {
        let sessions = Sessions::new(Kv::memory());
        let validity = Validity::new();
        let claims = open(&sessions).await;
        let before = Instant::now();
        validity
            .check(&sessions, &claims)
            .await
            .expect("it is open");
        sessions.close(claims.session).await.expect("it is closed");
        let check = |began| validity.check_at(&sessions, &claims, began);
        check(before).await.expect("as it was known just now");
        assert!(is_refused(&check(Instant::now() + FRESH).await));
        assert!(is_refused(&check(Instant::now()).await), "known now");
    }

    #[tokio::test]
    async fn an_unchecked_session_is_neither_accepted_nor_rejected_nor_cached() {
        let sessions = Sessions::new(Kv::memory());
        let validity = Validity::new();
        let claims = open(&sessions).await;
        let unreachable = CachedSession {
            asked_at: Instant::now(),
            answer: SessionState::Unreachable(KvError::TimedOut),
        };
        assert!(matches!(
            unreachable.verdict(&claims),
            Err(AuthError::Unreachable(KvError::TimedOut))
        ));
        validity.known.insert(claims.session, unreachable).await;
        let checked = validity.check(&sessions, &claims).await;
        checked.expect("asked anew");
    }

    #[tokio::test]
    async fn the_states_of_sessions_that_are_no_longer_used_take_no_memory() {
        let sessions = Sessions::new(Kv::memory());
        let validity = Validity::keeping(Duration::from_millis(1));
        for _ in 0..20 {
            let claims = open(&sessions).await;
            assert!(validity.check(&sessions, &claims).await.is_ok());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        validity.known.run_pending_tasks().await;
        assert_eq!(validity.known.entry_count(), 0);
        assert_eq!(Validity::new().known.policy().time_to_live(), Some(KEPT));
    }

    #[tokio::test]
    async fn a_message_takes_effect_at_once() {
        let kv = Kv::memory();
        let sessions = Sessions::new(kv.clone());
        let validity = Validity::new();
        let claims = open(&sessions).await;
        validity
            .check(&sessions, &claims)
            .await
            .expect("it is open");
        let listening = tokio::spawn(validity.clone().listen(kv.subscribe(Channel::Sessions)));
        let before = Instant::now();
        sessions.close(claims.session).await.expect("it is closed");
        while !is_refused(&validity.check_at(&sessions, &claims, before).await) {
            assert!(before.elapsed() < Duration::from_secs(5), "no message came");
            tokio::task::yield_now().await;
        }
        listening.abort();
    }

    #[tokio::test]
    async fn a_token_newer_than_the_cached_state_triggers_a_new_question() {
        let sessions = Sessions::new(Kv::memory());
        let validity = Validity::new();
        let limits = SessionLimits::from(&AuthSettings::default());
        let (granted, _) = sessions.open(42, "test", limits).await.expect("a session");
        let generation = |generation| Claims {
            user_id: 42,
            session: granted.refresh.session,
            generation,
            expires_at: u64::MAX,
        };
        let check = async |claims: Claims| validity.check(&sessions, &claims).await;
        check(generation(0)).await.expect("it is the latest");
        sessions
            .renew(&granted.refresh, limits)
            .await
            .expect("a renewal");
        check(generation(1)).await.expect("it is the latest now");
        assert!(is_refused(&check(generation(0)).await), "replaced");
        assert!(is_refused(&check(generation(2)).await), "not given out yet");
    }
}
