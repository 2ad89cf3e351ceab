//! Background tasks: submission, status, and the administration of dead letters.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use crate::auth::Caller;
use crate::error::{FieldFault, Problem};
use crate::input::{JsonFields, Segment};
use crate::settings::Span;
use crate::state::App;
use crate::tasks::{MOST_ARGUMENTS, SubmitError, TaskId, TaskPriority, TaskRequest, TaskStatus};

/// Maximum delay of a task.
const LONGEST_DELAY: Duration = Duration::from_hours(1);
/// Maximum bytes of an idempotency key.
const LONGEST_KEY: usize = 128;
/// Value of `Retry-After`: a full queue moves within a second, and a stopping service needs about that long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// `{"kind", "priority"?, "args"?, "delay"?, "idempotency_key"?}` submits a task (202).
pub(super) async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut body: JsonFields,
) -> Result<impl IntoResponse, Problem> {
    let kind = body.text("kind", 1..=40);
    let priority = priority(&mut body);
    let args = args(&mut body);
    let delay = delay(&mut body);
    let key = key(&mut body);
    body.finish()?;
    let order = TaskRequest {
        kind,
        priority,
        args,
        delay,
    };
    let (id, state) = app.tasks.submit_for(caller.user_id, order, key).await?;
    let location = format!("/api/v1/tasks/{id}");
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(json!({ "id": id, "state": state })),
    ))
}

/// One of the caller's tasks; other users' tasks answer 404.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segment(id): Segment,
) -> Result<Json<TaskStatus>, Problem> {
    let status = app.tasks.status(known(&id)?, caller.user_id).await;
    status.map(Json).ok_or_else(|| Problem::not_found("task"))
}

/// The dead letters, oldest first.
pub(super) async fn dead(State(app): State<Arc<App>>) -> Json<Value> {
    let dead = app.tasks.dead();
    Json(json!({ "total": dead.len(), "items": dead }))
}

/// Retries a dead letter with a new set of attempts (202).
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
) -> Result<impl IntoResponse, Problem> {
    let id = known(&id)?;
    app.tasks.retry(id)?;
    Ok((
        StatusCode::ACCEPTED,
        Json(json!({ "id": id, "state": "retrying" })),
    ))
}

impl From<SubmitError> for Problem {
    fn from(refused: SubmitError) -> Self {
        let field = |field: &'static str| {
            Self::invalid(vec![FieldFault {
                field: field.into(),
                message: refused.to_string(),
            }])
        };
        match &refused {
            SubmitError::Kind { .. } => field("kind"),
            SubmitError::Arguments(_) => field("args"),
            SubmitError::KeyTaken => field("idempotency_key"),
            SubmitError::Full => Self::unavailable("the task queue is full", RETRY_AFTER),
            SubmitError::Draining => Self::unavailable("the service is stopping", RETRY_AFTER),
            SubmitError::Unknown => Self::not_found("task"),
        }
    }
}

/// Parses a task id from a path; an invalid one answers 404.
fn known(id: &str) -> Result<TaskId, Problem> {
    id.parse().map_err(|_| Problem::not_found("task"))
}

fn priority(body: &mut JsonFields) -> TaskPriority {
    let found = body.optional("priority");
    let Some(found) = found else {
        return TaskPriority::default();
    };
    let priority = found.as_str().and_then(TaskPriority::named);
    priority.unwrap_or_else(|| {
        body.refuse("priority", "critical, high, normal or low", &found);
        TaskPriority::default()
    })
}

fn args(body: &mut JsonFields) -> Value {
    match body.optional("args") {
        None => Value::Object(Map::new()),
        Some(args) if args.is_object() && args.to_string().len() <= MOST_ARGUMENTS => args,
        Some(args) => {
            let expected = format!("an object of at most {MOST_ARGUMENTS} bytes");
            body.refuse("args", &expected, &args);
            Value::Null
        }
    }
}

fn delay(body: &mut JsonFields) -> Duration {
    let Some(found) = body.optional("delay") else {
        return Duration::ZERO;
    };
    let delay = found.as_str().and_then(|text| text.parse().ok());
    let delay = delay.filter(|&Span(delay)| delay <= LONGEST_DELAY);
    let Span(delay) = delay.unwrap_or_else(|| {
        body.refuse("delay", "a duration of at most 1h, such as 5s", &found);
        Span::default()
    });
    delay
}

fn key(body: &mut JsonFields) -> Option<String> {
    match body.optional("idempotency_key")? {
        Value::String(key) if (1..=LONGEST_KEY).contains(&key.len()) => Some(key),
        found => {
            let expected = format!("a string of 1 to {LONGEST_KEY} bytes");
            body.refuse("idempotency_key", &expected, &found);
            None
        }
    }
}

#[cfg(test)]
mod tests;
