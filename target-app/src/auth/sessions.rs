//! The sessions in the shared store (the Repository pattern): opened, renewed, closed and listed.
//!
//! `auth:session:ID` holds a session until it runs out, or for a while that it was closed; `auth:user:ID` lists the
//! sessions of a user; the roll `auth:open` names all that are open, for counting them. A session joins its list before
//! it exists and leaves it after it is closed, so that closing all of a user's sessions misses none. Renewals are
//! compare-and-swap on the whole entry: of any number of renewals and closings at a time one is first, and the others
//! see it. Nothing is undone when a caller goes away half-way: a list may name sessions that are gone, which are skipped
//! and, when the list is full, swept.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join3, try_join_all};

use super::AuthError;
use super::session::{Member, Session, SessionEntry, SessionView};
use super::token::{RefreshToken, SessionId, TokenMatch};
use crate::clock::unix_milliseconds;
use crate::kv::{Channel, Kv, KvError};
use crate::settings::AuthSettings;

/// The roll of open sessions.
const OPEN: &str = "auth:open";
/// How long a closed session is told from an unknown one; both are refused.
const CLOSED_FOR: Duration = Duration::from_mins(10);
/// Age from which a listed session without an entry is gone and not just being opened.
const SETTLED: Duration = Duration::from_mins(1);
/// Times that a change is tried against changes by others; each lost try means that the entry moved on.
const ATTEMPTS: u32 = 4;
/// Members taken off a list together.
const AT_A_TIME: usize = 16;
/// Identities in one message.
const IN_A_MESSAGE: usize = 1_000;

/// How long tokens are good for, and how many sessions a user may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionLimits {
    pub(super) access: Duration,
    pub(super) refresh: Duration,
    sessions: usize,
}

/// What is given to a client: a session with its newest refresh token.
pub(super) struct IssuedToken {
    pub(super) user_id: i64,
    pub(super) generation: u32,
    pub(super) refresh: RefreshToken,
}

/// What became of a refresh token.
pub(super) enum Renewal {
    Granted(IssuedToken),
    /// It was spent before: in two hands, and who is the thief cannot be told. Its session is closed now.
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
    /// How long a session is kept after its latest pair of tokens.
    fn kept(self) -> Duration {
        self.access.max(self.refresh)
    }
}

impl Sessions {
    pub(super) fn new(kv: Kv) -> Self {
        Self { kv }
    }

    /// Opens a session and closes the user's oldest ones beyond the limit, which it gives as well.
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
            // An entry that is there already is of a logout-all that saw the list just now.
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

    /// Exchanges a refresh token for the next one; closes the session of one that was exchanged before.
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
            // Before the session's own, so that no session outlives the list that it is closed by.
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

    /// Closes a session; one that is not open stays as it is.
    pub(super) async fn close(&self, id: SessionId) -> Result<(), AuthError> {
        let Some(session) = self.find(id).await? else {
            return Ok(());
        };
        self.close_listed(session.user_id, &[session.member(id)])
            .await
    }

    /// Closes every session of a user and gives their identities.
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

    /// How many sessions are open in the whole store.
    pub(super) async fn count(&self) -> Result<u64, AuthError> {
        Ok(self.kv.sorted_set_len(OPEN).await?)
    }

    /// Puts a session on the roll; one that cannot be is not counted until it is renewed, and is good all the same.
    async fn add_to_open(&self, id: SessionId, limits: SessionLimits) {
        let _ = self
            .kv
            .sorted_set_add(OPEN, &id.to_string(), limits.kept())
            .await;
    }

    /// Puts a session on its user's list, which then lives as long as any session on it.
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

    /// Closes the oldest sessions beyond the limit. A list within it costs nothing more than its reading.
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
        // What became of the roll does not matter: it is for the count alone.
        let ((), _, removed) = join3(
            Box::pin(self.announce(&ids)),
            Box::pin(self.kv.sorted_set_remove(OPEN, &names)),
            Box::pin(self.remove_from_list(user_id, members)),
        )
        .await;
        removed
    }

    /// Takes sessions off their user's list.
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

    /// Tells the other instances to forget what they know of these sessions.
    async fn announce(&self, ids: &[SessionId]) {
        for ids in ids.chunks(IN_A_MESSAGE) {
            let message: Vec<u8> = ids.iter().flat_map(|id| id.bytes()).collect();
            // Only a shortcut: who does not hear of it asks again within half a second.
            let _ = self.kv.publish(Channel::Sessions, message.into()).await;
        }
    }

    /// What is on a user's list, oldest first.
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
