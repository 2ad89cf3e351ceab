//! `GET` and `PATCH /admin/config`: the current settings and their changes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::error::{FieldFault, Problem};
use crate::input::JsonFields;
use crate::settings::Settings;
use crate::state::App;

const REDACTED: &str = "[redacted]";
/// Settings whose values are redacted.
const HIDDEN: [&str; 3] = ["/admission/api_keys", "/edge/purge_url", "/monitor/webhook"];

/// The current configuration with secrets redacted. Everything except `started` can be patched in the same format.
pub(super) async fn show(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    shown(&app)
}

/// Applies nested changes to the settings: all of them, or none if one is invalid.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    changes: JsonFields,
) -> Result<Json<Value>, Problem> {
    let changes = Value::Object(changes.into_object()?);
    refuse_redacted(&changes)?;
    app.change_settings(&changes).await?;
    shown(&app)
}

fn shown(app: &App) -> Result<Json<Value>, Problem> {
    let settings = Settings::clone(&app.settings.load());
    let api_keys: Vec<_> = settings
        .admission
        .api_keys
        .iter()
        .map(|_| REDACTED)
        .collect();
    let purge_url = settings.edge.purge_url.as_deref().map(without_secrets);
    let webhook = settings.monitor.webhook.as_deref().map(without_secrets);
    let mut tree = serde_json::to_value(&settings).map_err(|error| Problem::internal(&error))?;
    tree["admission"]["api_keys"] = json!(api_keys);
    tree["edge"]["purge_url"] = json!(purge_url);
    tree["monitor"]["webhook"] = json!(webhook);
    let started = &app.started;
    tree["started"] = json!({
        "profile": started.profile,
        "documents": started.documents,
        "users": started.users,
        "seed": started.seed,
        "lab": app.lab.is_some(),
        "admin_token": REDACTED,
        "version": env!("CARGO_PKG_VERSION"),
    });
    Ok(Json(tree))
}

/// Rejects the placeholder of [`show`] as a value: as a key it would be known to everybody.
fn refuse_redacted(changes: &Value) -> Result<(), Problem> {
    let faults = HIDDEN.iter().filter(|path| {
        let sent = changes.pointer(path).map(Value::to_string);
        // A user name in a URL has its brackets escaped.
        sent.is_some_and(|sent| sent.contains(REDACTED) || sent.contains("%5Bredacted%5D"))
    });
    let faults: Vec<_> = faults
        .map(|path| FieldFault {
            field: path[1..].replace('/', ".").into(),
            message: format!("expected the value itself, found its placeholder {REDACTED}"),
        })
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid(faults))
    }
}

/// A URL without its possibly secret parts: user, password, path (many receivers expect their token there) and query.
fn without_secrets(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else {
        return REDACTED.to_owned();
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user
        && url
            .set_username(REDACTED)
            .and(url.set_password(None))
            .is_err()
    {
        return REDACTED.to_owned();
    }
    if url.path() != "/" {
        url.set_path(REDACTED);
    }
    if url.query().is_some() {
        url.set_query(Some(REDACTED));
    }
    url.into()
}

impl From<crate::settings::SettingsError> for Problem {
    fn from(error: crate::settings::SettingsError) -> Self {
        let faults = error.faults.into_iter().map(|fault| FieldFault {
            field: fault.setting.into(),
            message: fault.message,
        });
        Self::invalid(faults.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_parts_of_a_url_are_not_shown() {
        let shown = without_secrets("http://me:canary@127.0.0.1:9/canary3/hook?key=canary2");
        assert!(!shown.contains("canary"), "{shown}");
        assert!(shown.contains("@127.0.0.1:9/[redacted]?"), "{shown}");
        assert_eq!(
            without_secrets("http://127.0.0.1:9/"),
            "http://127.0.0.1:9/"
        );
    }
}
