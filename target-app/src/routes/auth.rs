//! Logging in, staying in, seeing where, and leaving.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::input::{JsonFields, QueryFields};
use crate::auth::{Caller, Token, TokenPair};
use crate::error::Problem;
use crate::state::App;

/// `{"email", "password", "device"}` for a pair of tokens.
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
    let user_id = user_id.filter(|_| matches);
    let user_id =
        user_id.ok_or_else(|| Problem::unauthorized("the email or the password is wrong"))?;
    let tokens = TokenPair::draw()?;
    app.store
        .open_session(user_id, &device, &tokens.session())
        .await?;
    Ok(Json(tokens))
}

/// `{"refresh_token"}`, once, for the next pair.
pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    mut body: JsonFields,
) -> Result<Json<TokenPair>, Problem> {
    let presented = Token::presented(body.text("refresh_token", 1..=256));
    body.finish()?;
    let tokens = TokenPair::draw()?;
    if app
        .store
        .renew_session(&presented.hash(), &tokens.session())
        .await?
    {
        Ok(Json(tokens))
    } else {
        Err(Problem::unauthorized(
            "the refresh token is unknown, was used before or has run out",
        ))
    }
}

/// Closes the session of the token that was sent.
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    app.store.close_session(caller.session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The sessions of the caller, on every device.
pub(super) async fn sessions(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: QueryFields,
) -> Result<Response, Problem> {
    let part = query.page();
    query.finish()?;
    let page = app
        .store
        .sessions(caller.user_id, caller.session_id, part)
        .await?;
    Ok(Json(page).into_response())
}
