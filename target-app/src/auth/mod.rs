//! Authentication: passwords, access and refresh tokens, sessions on several devices, and the extractor that maps a
//! bearer token to a user.
//!
//! An access token names its session and is valid while that session is open. Sessions live in the shared store, so
//! that every instance sees when they are opened, refreshed and closed. A closed session is rejected by every instance
//! within a second. While the store is unavailable, a token that cannot be checked is answered with 503, neither
//! accepted nor rejected.

mod caller;
mod error;
mod events;
mod hex;
mod password;
mod session;
mod sessions;
mod signing;
mod token;
mod validity;

use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use axum::http::request::Parts;
use futures_util::future;
use prometheus::IntGauge;
use serde::Serialize;
use tokio::task::AbortHandle;

pub(crate) use caller::{Caller, bearer};
pub(crate) use error::AuthError;
pub(crate) use events::AuthEvents;
pub use password::PasswordError;
pub(crate) use password::Passwords;
pub(crate) use session::SessionView;

use crate::kv::{Channel, Kv};
use crate::metrics::Metrics;
use crate::settings::Live;
use caller::no_token;
use sessions::{IssuedToken, Renewal, SessionLimits, Sessions};
use signing::{Signer, SigningKey, TokenReading};
use token::RefreshToken;
use validity::Validity;

/// Interval of counting the open sessions.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// The answer to a registration, a login or a refresh.
#[derive(Serialize)]
pub(crate) struct TokenPair {
    access_token: String,
    refresh_token: String,
    /// Minimum remaining lifetime of the access token in seconds.
    expires_in: u64,
}

/// The authentication service of one instance.
pub(crate) struct Auth {
    kv: Kv,
    settings: Arc<Live>,
    signer: Signer,
    sessions: Sessions,
    validity: Validity,
    pub(crate) events: AuthEvents,
    watch: AbortHandle,
}

impl Auth {
    /// Starts two tasks: one listens for sessions that other instances close, one counts open sessions.
    pub(crate) fn new(
        kv: &Kv,
        settings: Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, prometheus::Error> {
        let validity = Validity::new();
        let sessions = Sessions::new(kv.clone());
        let active = metrics.gauges(
            "folio_sessions_active",
            "Open sessions of all instances in the shared store; updated every half second.",
            &[],
        )?;
        let watch = future::join(
            validity.clone().listen(kv.subscribe(Channel::Sessions)),
            watch_count(sessions.clone(), active.with_label_values::<&str>(&[])),
        );
        Ok(Self {
            kv: kv.clone(),
            settings,
            signer: Signer::new(kv.clone()),
            sessions,
            validity,
            events: AuthEvents::new(metrics)?,
            watch: tokio::spawn(watch).abort_handle(),
        })
    }

    /// Fails when sessions cannot be opened at the moment.
    pub(crate) async fn ready(&self) -> Result<(), AuthError> {
        Ok(self.kv.ping().await?)
    }

    /// Opens a session for a user whose password was correct.
    pub(crate) async fn open(&self, user_id: i64, device: &str) -> Result<TokenPair, AuthError> {
        let limits = self.limits();
        let key = self.signer.key().await?;
        let (granted, evicted) = self.sessions.open(user_id, device, limits).await?;
        for id in evicted {
            self.validity.forget(id).await;
        }
        pair(&key, &granted, limits)
    }

    /// Exchanges a refresh token for the next pair of tokens.
    pub(crate) async fn renew(&self, presented: &str) -> Result<TokenPair, AuthError> {
        let limits = self.limits();
        // Gets the key before the exchange: a failure after it would cost the client its session.
        let key = self.signer.key().await?;
        let renewal = match RefreshToken::parse(presented) {
            Some(token) => self.sessions.renew(&token, limits).await?,
            None => Renewal::Refused("the refresh token is unknown or expired; log in again"),
        };
        match renewal {
            Renewal::Granted(granted) => {
                self.validity.forget(granted.refresh.session).await;
                self.events.refresh.inc();
                pair(&key, &granted, limits)
            }
            Renewal::Reused(session) => {
                self.validity.forget(session).await;
                self.events.reuse.inc();
                Err(AuthError::Refused(
                    "the refresh token was already used; its session is now closed, log in again",
                ))
            }
            Renewal::Refused(detail) => {
                self.events.denied.inc();
                Err(AuthError::Refused(detail))
            }
        }
    }

    /// Closes the caller's session.
    pub(crate) async fn logout(&self, caller: Caller) -> Result<(), AuthError> {
        self.sessions.close(caller.session).await?;
        self.validity.forget(caller.session).await;
        self.events.logout.inc();
        Ok(())
    }

    /// Closes every session of the caller.
    pub(crate) async fn logout_all(&self, caller: Caller) -> Result<(), AuthError> {
        for id in self.sessions.close_all(caller.user_id).await? {
            self.validity.forget(id).await;
        }
        self.events.logout_all.inc();
        Ok(())
    }

    /// The caller's open sessions, latest first.
    pub(crate) async fn sessions(&self, caller: Caller) -> Result<Vec<SessionView>, AuthError> {
        self.sessions.list(caller.user_id, caller.session).await
    }

    /// The user of a request's access token, at the cost of a memory lookup or one signature; the extractor reuses the
    /// result.
    ///
    /// For decisions per user before admission. It does not check whether the session is still open.
    pub(crate) fn peek_user<B>(&self, request: &mut Request<B>) -> Option<i64> {
        let reading = match request.extensions().get::<TokenReading>() {
            Some(reading) => *reading,
            None => self.signer.read(bearer(request.headers())?),
        };
        request.extensions_mut().insert(reading);
        match reading {
            TokenReading::Signed(claims) => Some(claims.user_id),
            TokenReading::Bad(_) | TokenReading::OtherKey => None,
        }
    }

    /// The caller, if the token is valid and its session is open.
    pub(crate) async fn admit(&self, parts: &mut Parts) -> Result<Caller, AuthError> {
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(*caller);
        }
        let token = bearer(&parts.headers).ok_or_else(no_token)?;
        let reading = match parts.extensions.get::<TokenReading>() {
            Some(reading) => *reading,
            None => self.signer.read(token),
        };
        let admitted = self.judge(reading, token).await;
        if let Err(AuthError::Refused(_)) = &admitted {
            self.events.denied.inc();
        }
        let caller = admitted?;
        parts.extensions.insert(caller);
        Ok(caller)
    }

    async fn judge(&self, reading: TokenReading, token: &str) -> Result<Caller, AuthError> {
        let reading = match reading {
            // Not necessarily an invalid token: the instances may have agreed on another key since.
            TokenReading::OtherKey => Box::pin(self.signer.verify_with_current_key(token)).await?,
            reading => reading,
        };
        let claims = match reading {
            TokenReading::Signed(claims) => claims,
            TokenReading::Bad(detail) => return Err(AuthError::Refused(detail)),
            TokenReading::OtherKey => {
                return Err(AuthError::Refused(
                    "the access token was not signed with the current key; log in again",
                ));
            }
        };
        self.validity.check(&self.sessions, &claims).await?;
        Ok(Caller {
            user_id: claims.user_id,
            session: claims.session,
        })
    }

    fn limits(&self) -> SessionLimits {
        SessionLimits::from(&self.settings.load().auth)
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// Counts the sessions periodically; the last count stays while the store does not answer.
async fn watch_count(sessions: Sessions, active: IntGauge) {
    loop {
        if let Ok(count) = sessions.count().await {
            active.set(count as i64);
        }
        tokio::time::sleep(COUNT_EVERY).await;
    }
}

fn pair(
    key: &SigningKey,
    granted: &IssuedToken,
    limits: SessionLimits,
) -> Result<TokenPair, AuthError> {
    let session = granted.refresh.session;
    Ok(TokenPair {
        access_token: key.sign(granted.user_id, session, granted.generation, limits.access)?,
        refresh_token: granted.refresh.text(),
        expires_in: limits.access.as_secs(),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::header::AUTHORIZATION;

    use super::*;
    use crate::settings::Settings;

    fn request(token: &str) -> Request<()> {
        let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
        request.body(()).expect("a request")
    }

    #[tokio::test]
    async fn peek_user_returns_the_user_and_its_result_is_reused() {
        let settings = Arc::new(Live::new(Settings::default()));
        let metrics = Metrics::new().expect("fresh metrics");
        let auth = Auth::new(&Kv::memory(), settings, &metrics).expect("fresh metrics");
        let pair = auth.open(42, "test").await.expect("a session");
        let mut good = request(&pair.access_token);
        assert_eq!(auth.peek_user(&mut good), Some(42));
        // The result is cached: a changed header has no effect.
        let text = "Bearer x".parse().expect("a header");
        good.headers_mut().insert(AUTHORIZATION, text);
        assert_eq!(auth.peek_user(&mut good), Some(42));
        let (mut parts, ()) = good.into_parts();
        let caller = auth.admit(&mut parts).await.expect("a good token");
        assert_eq!(caller.user_id, 42);

        assert_eq!(auth.peek_user(&mut request("x")), None);
        assert_eq!(auth.peek_user(&mut Request::new(())), None);
        assert_eq!(auth.events.denied.get(), 0, "a peek refuses nobody");
    }
}
