//! Compares `/openapi.json` with the service: its routes, its answers, its bounds.

mod answers;
mod bounds;
mod document;
mod routes;
mod schema;

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use target_app::{Config, Secret};

use crate::folio::{Answer, Folio, settings, small};
use schema::{faults, resolved};

const TOKEN: &str = "open-sesame";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Response headers that are present only in some answers.
const OCCASIONAL: [&str; 2] = ["traceparent", "Idempotent-Replay"];

/// A Folio without limits, and its API document.
struct Described {
    folio: Folio,
    document: Value,
    token: String,
}

/// One method of one path of the document.
struct Operation<'a> {
    method: Method,
    path: &'a str,
    described: &'a Value,
    of_path: &'a Value,
}

/// A request built from the document's examples; the fields here override them.
#[derive(Default)]
struct Call {
    /// Values of `{…}` in the path.
    path: Option<String>,
    /// Query parameters, before the required ones.
    query: Vec<(String, String)>,
    body: Option<Value>,
    token: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl Described {
    async fn start() -> Self {
        let config = Config {
            admin_token: Some(Secret::new(TOKEN)),
            settings: settings(&["admission.rate=off", "monitor.every=50ms"]),
            ..small()
        };
        let folio = Folio::start(&config).await;
        let document = folio.get("/openapi.json").await.json();
        let token = folio.token(1).await;
        Self {
            folio,
            document,
            token,
        }
    }

    fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document["paths"].as_object().expect("paths");
        let mut operations = Vec::new();
        for (path, of_path) in paths {
            for method in METHODS {
                if let Some(described) = of_path.get(method) {
                    let method = method.to_uppercase().parse().expect("a method");
                    operations.push(Operation {
                        method,
                        path,
                        described,
                        of_path,
                    });
                }
            }
        }
        assert!(operations.len() > 40, "{} operations", operations.len());
        operations
    }

    /// Parameters of an operation that are `within` the path, the query or the headers.
    fn parameters<'a>(&'a self, operation: &Operation<'a>, within: &str) -> Vec<&'a Value> {
        let lists =
            [operation.of_path, operation.described].map(|owner| owner["parameters"].as_array());
        let all = lists.into_iter().flatten().flatten();
        all.map(|parameter| resolved(&self.document, parameter))
            .filter(|parameter| parameter["in"] == within)
            .collect()
    }

    /// The schema of the operation's body, if it has one.
    fn body_schema<'a>(&'a self, operation: &Operation<'a>) -> Option<&'a Value> {
        let schema = operation
            .described
            .pointer("/requestBody/content/application~1json/schema")?;
        Some(resolved(&self.document, schema))
    }

    async fn call(&self, operation: &Operation<'_>, call: Call) -> Answer {
        let mut path = operation.path.to_owned();
        for parameter in self.parameters(operation, "path") {
            let value = call
                .path
                .clone()
                .unwrap_or_else(|| text(&parameter["example"]));
            let place = format!("{{{}}}", text(&parameter["name"]));
            path = path.replace(&place, &value);
        }
        let mut query = call.query;
        for parameter in self.parameters(operation, "query") {
            let name = text(&parameter["name"]);
            if parameter["required"] == true && query.iter().all(|(set, _)| *set != name) {
                query.push((name, text(&parameter["example"])));
            }
        }
        for (place, (name, value)) in query.iter().enumerate() {
            path.push(if place == 0 { '?' } else { '&' });
            path.extend([name, "=", value]);
        }
        // The event stream never ends.
        let is_endless = operation.id() == "follow";
        let method = if is_endless {
            Method::HEAD
        } else {
            operation.method.clone()
        };
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("traceparent", trace);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        for parameter in self.parameters(operation, "header") {
            if parameter["required"] == true {
                request = request.header(text(&parameter["name"]), text(&parameter["example"]));
            }
        }
        let opens = |scheme| {
            let security = operation.described["security"]
                .as_array()
                .expect("security");
            security.iter().any(|one| one.get(scheme).is_some())
        };
        let token = call.token.as_deref();
        let token = token.or(opens("session").then_some(&*self.token));
        if let Some(token) = token.or(opens("admin").then_some(TOKEN)) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = call
            .body
            .or_else(|| Some(self.body_schema(operation)?["examples"][0].clone()));
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.folio
            .send(request.body(body).expect("a request"))
            .await
    }

    /// Asserts that the document describes the answer.
    fn assert_described(&self, operation: &Operation<'_>, answer: &Answer) {
        let id = operation.id();
        let status = answer.status.as_u16().to_string();
        let response = operation.described["responses"].get(&status);
        let response = response.unwrap_or_else(|| panic!("{id}: {status} {:?}", answer.body));
        let response = resolved(&self.document, response);
        for (name, described) in response["headers"].as_object().expect("headers") {
            let schema = &resolved(&self.document, described)["schema"];
            let value = answer.header(name);
            if value.is_empty() {
                assert!(
                    OCCASIONAL.contains(&name.as_str()),
                    "{id}: {status} without {name}"
                );
                continue;
            }
            let value = match schema["type"].as_str() {
                Some("integer") => json!(answer.number(name)),
                _ => json!(value),
            };
            let found = faults(&self.document, schema, &value);
            assert!(found.is_empty(), "{id}: {name} of {status}: {found:#?}");
        }
        let Some(content) = response.get("content") else {
            assert!(answer.body.is_empty(), "{id}: {status} {:?}", answer.body);
            return;
        };
        let kind = answer.header("content-type");
        let described = content.get(kind);
        let described = described.unwrap_or_else(|| panic!("{id}: {status} is of type {kind}"));
        if kind.ends_with("json") {
            let found = faults(&self.document, &described["schema"], &answer.json());
            assert!(found.is_empty(), "{id}: {status}: {found:#?}");
        }
    }
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.described["operationId"].as_str().expect("an id")
    }
}

/// A value as text of a path, a query or a header.
fn text(value: &Value) -> String {
    match value {
        Value::Null => panic!("there is no example"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
