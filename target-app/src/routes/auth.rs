//! Registration, login, refresh, list of sessions, and logout.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::auth::{Caller, TokenPair};
use crate::db::DbError;
use crate::error::Problem;
use crate::input::{JsonFields, QueryFields};
use crate::state::App;
use crate::store::StoreError;

/// Name of a session whose client did not send one.
const NAMELESS: &str = "unnamed device";

/// `{"email", "password", "device"?}` creates an account and returns its first token pair.
pub(super) async fn register(
    State(app): State<Arc<App>>,
    mut body: JsonFields,
) -> Result<(StatusCode, Json<TokenPair>), Problem> {
    let email = body.email("email");
    let password = body.text("password", 8..=128);
    let device = body.text_or("device", 1..=64, NAMELESS);
    body.finish()?;
    // Checked first: an account created while sessions cannot be opened would make the client's retry fail as a
    // duplicate.
    app.auth.ready().await?;
    let hash = app
        .passwords
        .hash(password)
        .await
        .map_err(|error| Problem::internal(&error))?;
    let user_id = match app.store.create_account(&email, &hash).await {
        Ok(user_id) => user_id,
        Err(StoreError::Database(DbError::Duplicate(_))) => {
            let detail = "an account with this email already exists";
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        Err(error) => return Err(error.into()),
    };
    let tokens = app.auth.open(user_id, &device).await?;
    app.auth.events.register.inc();
    Ok((StatusCode::CREATED, Json(tokens)))
}

/// `{"email", "password", "device"}` returns a token pair.
pub(super) async fn login(
    State(app): State<Arc<App>>,
    mut body: JsonFields,
) -> Result<Json<TokenPair>, Problem> {
    let email = body.text("email", 3..=254);
    let password = body.text("password", 1..=128);
    let device = body.text("device", 1..=64);
    body.finish()?;
    let account = app.store.account(&email).await?;
    let (user_id, hash) = account.map_or((None, None), |account| {
        (Some(account.id), Some(account.password_hash))
    });
    let matches = app
        .passwords
        .matches(password, hash)
        .await
        .map_err(|error| Problem::internal(&error))?;
    let Some(user_id) = user_id.filter(|_| matches) else {
        app.auth.events.login_failed.inc();
        return Err(Problem::unauthorized("wrong email or password"));
    };
    let tokens = app.auth.open(user_id, &device).await?;
    app.auth.events.login.inc();
    Ok(Json(tokens))
}

/// `{"refresh_token"}` returns the next token pair, once.
pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    mut body: JsonFields,
) -> Result<Json<TokenPair>, Problem> {
    let presented = body.text("refresh_token", 1..=256);
    body.finish()?;
    Ok(Json(app.auth.renew(&presented).await?))
}

/// Closes the session of the token.
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    app.auth.logout(caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Closes the caller's sessions on every device.
pub(super) async fn logout_all(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    app.auth.logout_all(caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's sessions on every device.
pub(super) async fn sessions(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: QueryFields,
) -> Result<Response, Problem> {
    let part = query.page();
    query.finish()?;
    let sessions = app.auth.sessions(caller).await?;
    let total = sessions.len() as i64;
    let first = usize::try_from(part.offset()).unwrap_or(usize::MAX);
    let items: Vec<_> = sessions
        .into_iter()
        .skip(first)
        .take(part.limit as usize)
        .collect();
    Ok(Json(part.with(items, total)).into_response())
}
