//! The sessions in the shared store (Repository pattern): open, refresh, close and list.
//!
//! `auth:session:ID` holds a session until it expires, or for some time the fact that it was closed. `auth:user:ID`
//! lists the sessions of a user. The sorted set `auth:open` holds all open sessions, for counting. A session is added
//! to its user's list before it exists and removed after it is closed, so that closing all sessions of a user misses
//! none. Refreshes are compare-and-swap on the whole entry: of concurrent refreshes and closings one wins, and the
//! others see its result. Nothing is undone when a caller disconnects in the middle: a list may name sessions that no
//! longer exist; readers skip them, and they are removed when the list is full.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join3, try_join_all};

use super::AuthError;
use super::session::{Member, Session, SessionEntry, SessionView};
use super::token::{RefreshToken, SessionId, TokenMatch};
use crate::clock::unix_milliseconds;
use crate::kv::{Channel, Kv, KvError};
use crate::settings::AuthSettings;

/// The sorted set of open sessions.
const OPEN: &str = "auth:open";
/// Time for which a closed session is distinguished from an unknown one; both are rejected.
const CLOSED_FOR: Duration = Duration::from_mins(10);
/// Age from which a listed session without an entry is gone, rather than being opened just now.
const SETTLED: Duration = Duration::from_mins(1);
/// Attempts of a compare-and-swap; each failed attempt means that the entry was changed by someone else.
const ATTEMPTS: u32 = 4;
/// Members removed from a list concurrently.
const AT_A_TIME: usize = 16;
/// Session ids in one message.
const IN_A_MESSAGE: usize = 1_000;

/// Lifetimes of tokens, and the maximum sessions of a user.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionLimits {
    pub(super) access: Duration,
    pub(super) refresh: Duration,
    sessions: usize,
}

/// The result for a client: a session with its newest refresh token.
pub(super) struct IssuedToken {
    pub(super) user_id: i64,
    pub(super) generation: u32,
    pub(super) refresh: RefreshToken,
}

/// The result of presenting a refresh token.
pub(super) enum Renewal {
    Granted(IssuedToken),
    /// The token was already used, by its owner or by a thief; which of them cannot be determined. Its session is now
    /// closed.
    Reused(SessionId),
    Refused(&'static str),
}

/// The sessions of all users.
#[derive(Clone)]
pub(super) struct Sessions {
    kv: Kv,
}

impl From<&AuthSettings> for SessionLimits {
    fn from(settings: &AuthSettings) -> Self {
        Self {
            access: settings.access_ttl.0,
            refresh: settings.refresh_ttl.0,
            sessions: settings.sessions as usize,
        }
    }
}

impl SessionLimits {
    /// Time for which a session is stored after its latest token pair.
    fn kept(self) -> Duration {
        self.access.max(self.refresh)
    }
}

impl Sessions {
    pub(super) fn new(kv: Kv) -> Self {
        Self { kv }
    }

    /// Opens a session and closes the user's oldest sessions beyond the limit; returns those too.
    pub(super) async fn open(
        &self,
        user_id: i64,
        device: &str,
        limits: SessionLimits,
    ) -> Result<(IssuedToken, Vec<SessionId>), AuthError> {
        let now = unix_milliseconds();
        for _ in 0..ATTEMPTS {
            let refresh = RefreshToken::first(SessionId::draw()?)?;
            let session = Session {
                user_id,
                device: device.to_owned(),
                created_at: now,
                renewed_at: now,
                renewable_until: now + limits.refresh.as_millis() as u64,
                generation: 0,
                refresh: refresh.fingerprint(),
            };
            self.add_to_list(user_id, session.member(refresh.session), limits)
                .await?;
            let entry = SessionEntry::Open(session).encode()?;
            let key = session_key(refresh.session);
            // An existing entry was written by a logout-all that saw the list just now.
            if self.kv.set_if_absent(&key, entry, limits.kept()).await? {
                self.add_to_open(refresh.session, limits).await;
                let evicted = self.make_room(user_id, limits).await?;
                let granted = IssuedToken {
                    user_id,
                    generation: 0,
                    refresh,
                };
                return Ok((granted, evicted));
            }
        }
        Err(AuthError::Contended)
    }

    /// Exchanges a refresh token for the next one. If the token was already exchanged, closes its session.
    pub(super) async fn renew(
        &self,
        token: &RefreshToken,
        limits: SessionLimits,
    ) -> Result<Renewal, AuthError> {
        let key = session_key(token.session);
        for _ in 0..ATTEMPTS {
            let Some(bytes) = self.kv.get(&key).await? else {
                return Ok(Renewal::Refused(
                    "the refresh token is unknown or expired; log in again",
                ));
            };
            let Some(mut session) = SessionEntry::open(&bytes) else {
                return Ok(Renewal::Refused(
                    "the session of the refresh token is closed; log in again",
                ));
            };
            match session.refresh.judge(token) {
                TokenMatch::Stranger => {
                    return Ok(Renewal::Refused(
                        "the refresh token is unknown or expired; log in again",
                    ));
                }
                TokenMatch::Spent => {
                    self.close(token.session).await?;
                    return Ok(Renewal::Reused(token.session));
                }
                TokenMatch::Current => {}
            }
            let now = unix_milliseconds();
            if now >= session.renewable_until {
                return Ok(Renewal::Refused(
                    "the refresh token is unknown or expired; log in again",
                ));
            }
            let next = token.next()?;
            session.refresh = next.fingerprint();
            session.generation += 1;
            session.renewed_at = now;
            session.renewable_until = now + limits.refresh.as_millis() as u64;
            let granted = IssuedToken {
                user_id: session.user_id,
                generation: session.generation,
                refresh: next,
            };
            // The list is renewed before the session, so that no session outlives the list that closes it.
            self.add_to_list(session.user_id, session.member(token.session), limits)
                .await?;
            let renewed = SessionEntry::Open(session).encode()?;
            if self.kv.swap(&key, &bytes, renewed, limits.kept()).await? {
                let ids = [token.session];
                join(
                    Box::pin(self.announce(&ids)),
                    Box::pin(self.add_to_open(token.session, limits)),
                )
                .await;
                return Ok(Renewal::Granted(granted));
            }
        }
        Err(AuthError::Contended)
    }

    /// Closes a session; does nothing if it is not open.
    pub(super) async fn close(&self, id: SessionId) -> Result<(), AuthError> {
        let Some(session) = self.find(id).await? else {
            return Ok(());
        };
        self.close_listed(session.user_id, &[session.member(id)])
            .await
    }

    /// Closes every session of a user and returns their ids.
    pub(super) async fn close_all(&self, user_id: i64) -> Result<Vec<SessionId>, AuthError> {
        let members = self.members(user_id).await?;
        self.close_listed(user_id, &members).await?;
        Ok(members.iter().map(|member| member.session).collect())
    }

    /// The open sessions of a user, latest first.
    pub(super) async fn list(
        &self,
        user_id: i64,
        current: SessionId,
    ) -> Result<Vec<SessionView>, AuthError> {
        let members = self.members(user_id).await?;
        let now = unix_milliseconds();
        let sessions = self.entries(&members).await?.into_iter().rev();
        Ok(sessions
            .filter_map(|(member, session)| Some((member, session?)))
            .filter(|(_, session)| now < session.renewable_until)
            .map(|(member, session)| session.view(member.session, current))
            .collect())
    }

    /// The session, if it is open.
    pub(super) async fn find(&self, id: SessionId) -> Result<Option<Session>, KvError> {
        let found = self.kv.get(&session_key(id)).await?;
        Ok(found.as_deref().and_then(SessionEntry::open))
    }

    /// Number of open sessions in the whole store.
    pub(super) async fn count(&self) -> Result<u64, AuthError> {
        Ok(self.kv.sorted_set_len(OPEN).await?)
    }

    /// Adds a session to the sorted set of open sessions. If that fails, the session is valid but not counted until its
    /// next refresh.
    async fn add_to_open(&self, id: SessionId, limits: SessionLimits) {
        let _ = self
            .kv
            .sorted_set_add(OPEN, &id.to_string(), limits.kept())
            .await;
    }

    /// Adds a session to its user's list and extends the list's lifetime to that of its longest session.
    async fn add_to_list(
        &self,
        user_id: i64,
        member: Member,
        limits: SessionLimits,
    ) -> Result<(), AuthError> {
        let list = list_key(user_id);
        let left = self.kv.remaining(&list).await?.unwrap_or_default();
        let ttl = limits.kept().max(left);
        Ok(self.kv.add_member(&list, &member.text(), ttl).await?)
    }

    /// Closes the oldest sessions beyond the limit. A list within the limit costs only one read.
    async fn make_room(
        &self,
        user_id: i64,
        limits: SessionLimits,
    ) -> Result<Vec<SessionId>, AuthError> {
        let members = self.members(user_id).await?;
        if members.len() <= limits.sessions {
            return Ok(Vec::new());
        }
        let settled = unix_milliseconds().saturating_sub(SETTLED.as_millis() as u64);
        let (open, gone): (Vec<_>, Vec<_>) = self
            .entries(&members)
            .await?
            .into_iter()
            .partition(|(_, session)| session.is_some());
        let gone = gone.iter().map(|(member, _)| *member);
        let gone: Vec<_> = gone.filter(|member| member.created_at < settled).collect();
        self.remove_from_list(user_id, &gone).await?;
        let beyond = open.len().saturating_sub(limits.sessions);
        let oldest: Vec<_> = open[..beyond].iter().map(|(member, _)| *member).collect();
        self.close_listed(user_id, &oldest).await?;
        Ok(oldest.iter().map(|member| member.session).collect())
    }

    async fn close_listed(&self, user_id: i64, members: &[Member]) -> Result<(), AuthError> {
        if members.is_empty() {
            return Ok(());
        }
        let closed = SessionEntry::Closed.encode()?;
        let entries: Vec<(String, Bytes)> = members
            .iter()
            .map(|member| (session_key(member.session), closed.clone()))
            .collect();
        self.kv.set_many(&entries, CLOSED_FOR).await?;
        let ids: Vec<_> = members.iter().map(|member| member.session).collect();
        let names: Vec<_> = ids.iter().map(SessionId::to_string).collect();
        // A failure here is ignored: the sorted set is only used for counting.
        let ((), _, removed) = join3(
            Box::pin(self.announce(&ids)),
            Box::pin(self.kv.sorted_set_remove(OPEN, &names)),
            Box::pin(self.remove_from_list(user_id, members)),
        )
        .await;
        removed
    }

    /// Removes sessions from their user's list.
    async fn remove_from_list(&self, user_id: i64, members: &[Member]) -> Result<(), AuthError> {
        let list = list_key(user_id);
        for members in members.chunks(AT_A_TIME) {
            let strikes = members.iter().map(async |member| {
                let text = member.text();
                self.kv.remove_member(&list, &text).await
            });
            try_join_all(strikes).await?;
        }
        Ok(())
    }

    /// Tells the other instances to drop these sessions from their caches.
    async fn announce(&self, ids: &[SessionId]) {
        for ids in ids.chunks(IN_A_MESSAGE) {
            let message: Vec<u8> = ids.iter().flat_map(|id| id.bytes()).collect();
            // Only a shortcut: an instance that misses the message asks the store again within half a second.
            let _ = self.kv.publish(Channel::Sessions, message.into()).await;
        }
    }

    /// The entries of a user's list, oldest first.
    async fn members(&self, user_id: i64) -> Result<Vec<Member>, AuthError> {
        let texts = self.kv.members(&list_key(user_id)).await?;
        let mut members: Vec<_> = texts
            .iter()
            .filter_map(|text| Member::parse(text))
            .collect();
        members.sort_unstable();
        Ok(members)
    }

    async fn entries(
        &self,
        members: &[Member],
    ) -> Result<Vec<(Member, Option<Session>)>, AuthError> {
        let keys: Vec<_> = members.iter().map(|it| session_key(it.session)).collect();
        let found = self.kv.get_many(&keys).await?;
        let sessions = found
            .iter()
            .map(|bytes| bytes.as_deref().and_then(SessionEntry::open));
        Ok(members.iter().copied().zip(sessions).collect())
    }
}

impl Session {
    fn member(&self, session: SessionId) -> Member {
        Member {
            created_at: self.created_at,
            session,
        }
    }
}

fn session_key(id: SessionId) -> String {
    format!("auth:session:{id}")
}

fn list_key(user_id: i64) -> String {
    format!("auth:user:{user_id}")
}
