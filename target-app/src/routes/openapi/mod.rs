//! `GET /openapi.json`: the API document in `OpenAPI` 3.1, for clients, generators and people.
//!
//! It is written by hand, as `base.yaml` and a YAML file per area: requests are validated field by field here, so there
//! are no types from which schemas could be derived. Each file declares the common parts of its operations (tag,
//! problems, parameters, security) once. Tests compare the document with the service: every route, every bound, every
//! example and every answer.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::assets::shows;
use super::documents::json as json_body;
use crate::error::Problem;

const BASE: &str = include_str!("base.yaml");
/// The areas, in the order of the document.
const AREAS: [&str; 11] = [
    include_str!("catalogue.yaml"),
    include_str!("learning.yaml"),
    include_str!("auth.yaml"),
    include_str!("orders.yaml"),
    include_str!("tasks.yaml"),
    include_str!("assets.yaml"),
    include_str!("service.yaml"),
    include_str!("monitor.yaml"),
    include_str!("admin.yaml"),
    include_str!("database.yaml"),
    include_str!("settings.yaml"),
];
/// The keys of a path that are operations.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Headers of every response.
const HEADERS: [&str; 3] = ["X-Request-Id", "Server-Timing", "traceparent"];
/// Parameters of every path.
const PARAMETERS: [&str; 2] = ["RequestId", "Traceparent"];

/// Built at the first request; it depends only on the YAML files.
static DESCRIPTION: LazyLock<Result<Description, DescriptionError>> =
    LazyLock::new(Description::assemble);

/// The document as it is sent.
struct Description {
    body: Bytes,
    tag: HeaderValue,
}

/// An error in the YAML files.
#[derive(Debug, thiserror::Error)]
enum DescriptionError {
    #[error("invalid YAML in the API document: {0}")]
    Part(#[from] serde_yaml::Error),
    #[error("cannot serialise the API document: {0}")]
    Whole(#[from] serde_json::Error),
    #[error("the entity tag of the API document is not a valid header value: {0}")]
    Tag(#[from] header::InvalidHeaderValue),
}

/// One YAML file of the document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiArea {
    tag: Option<Map<String, Value>>,
    /// Names of shared parameters of every path of the area.
    #[serde(default)]
    parameters: Vec<String>,
    /// Statuses of the problems that every operation of the area may return.
    #[serde(default)]
    problems: Vec<u16>,
    /// Security of operations that declare none.
    #[serde(default)]
    security: Vec<Value>,
    #[serde(default)]
    paths: Map<String, Value>,
    #[serde(default)]
    schemas: Map<String, Value>,
}

/// `GET /openapi.json`
pub(super) async fn description(headers: HeaderMap) -> Result<Response, Problem> {
    let Description { body, tag } = DESCRIPTION
        .as_ref()
        .map_err(|flaw| Problem::internal(flaw))?;
    let mut response = if shows(&headers, tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json_body(body.clone())
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag.clone());
    let cache_control = HeaderValue::from_static("no-cache");
    headers.insert(header::CACHE_CONTROL, cache_control);
    Ok(response)
}

impl Description {
    fn assemble() -> Result<Self, DescriptionError> {
        let body = Bytes::from(serde_json::to_vec(&document()?)?);
        let digest: [u8; 32] = Sha256::digest(&body).into();
        let digest = digest
            .iter()
            .take(8)
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let tag = HeaderValue::try_from(format!("\"{digest:016x}\""))?;
        Ok(Self { body, tag })
    }
}

fn document() -> Result<Value, DescriptionError> {
    let mut document: Value = read(BASE)?;
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    let (mut tags, mut paths, mut schemas) = (Vec::new(), Map::new(), Map::new());
    for text in AREAS {
        let mut area: ApiArea = read(text)?;
        area.complete();
        tags.extend(area.tag.map(Value::Object));
        paths.extend(area.paths);
        schemas.extend(area.schemas);
    }
    document["tags"] = tags.into();
    document["paths"] = paths.into();
    let components = &mut document["components"];
    if let Some(shared) = components["schemas"].as_object_mut() {
        shared.extend(schemas);
    }
    if let Some(responses) = components["responses"].as_object_mut() {
        responses.values_mut().for_each(give_headers);
    }
    Ok(document)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, DescriptionError> {
    // Only `true` and `false` are booleans: `off` is the name of a mode.
    let options = serde_yaml::options! { strict_booleans: true };
    Ok(serde_yaml::from_str_with_options(text, options)?)
}

impl ApiArea {
    /// Adds the common parts of the area to each of its operations.
    fn complete(&mut self) {
        let name = self.tag.as_ref().and_then(|tag| tag.get("name")).cloned();
        for path in self.paths.values_mut() {
            let shared = PARAMETERS.into_iter();
            let shared = shared.chain(self.parameters.iter().map(String::as_str));
            let shared = shared.map(|name| reference("parameters", name));
            if let Some(parameters) = list(path, "parameters") {
                parameters.extend(shared);
            }
            for method in METHODS {
                let Some(operation) = path.get_mut(method) else {
                    continue;
                };
                operation["tags"] = json!([name]);
                if operation.get("security").is_none() {
                    operation["security"] = self.security.clone().into();
                }
                give_problems(operation, &self.problems);
            }
        }
    }
}

/// Adds the problems of the operation and of its area to the operation's responses.
fn give_problems(operation: &mut Value, of_area: &[u16]) {
    let own = operation
        .as_object_mut()
        .and_then(|operation| operation.remove("problems"));
    let own = own.as_ref().and_then(Value::as_array).into_iter().flatten();
    let statuses: Vec<_> = own
        .map(Value::to_string)
        .chain(of_area.iter().map(u16::to_string))
        .collect();
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.values_mut().for_each(give_headers);
        for status in statuses {
            let problem = reference("responses", &format!("Problem{status}"));
            responses.entry(status).or_insert(problem);
        }
    }
}

fn give_headers(response: &mut Value) {
    for name in HEADERS {
        response["headers"][name] = reference("headers", name);
    }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// The list under `name`, created if it is missing.
fn list<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Vec<Value>> {
    let object = object.as_object_mut()?;
    object
        .entry(name)
        .or_insert_with(|| json!([]))
        .as_array_mut()
}
