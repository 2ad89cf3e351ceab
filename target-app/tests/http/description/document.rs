//! Checks the document itself: references, names, examples and headers.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::schema::{faults, resolved};
use crate::folio::{Folio, request, small};

/// Calls `visit` for every object of the document.
fn each_object<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    match value {
        Value::Object(members) => {
            visit(value);
            members
                .values()
                .for_each(|member| each_object(member, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| each_object(item, visit)),
        _ => {}
    }
}

#[tokio::test]
async fn every_reference_resolves_and_every_component_is_used() {
    let folio = Folio::start(&small()).await;
    let document = folio.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut used = BTreeSet::new();
    each_object(&document, &mut |object| {
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            resolved(&document, object);
            used.insert(reference.to_owned());
        }
    });
    for (kind, components) in document["components"].as_object().expect("components") {
        for name in components.as_object().expect("by name").keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(
                used.contains(&reference) || kind == "securitySchemes",
                "{reference}"
            );
        }
    }
}

#[tokio::test]
async fn examples_and_defaults_are_of_their_schemas() {
    let folio = Folio::start(&small()).await;
    let document = folio.get("/openapi.json").await.json();
    let mut count = 0;
    each_object(&document, &mut |object| {
        let listed = object
            .get("examples")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let own = listed
            .chain(object.get("default"))
            .map(|example| (object, example));
        let beside = object.get("schema").zip(object.get("example"));
        for (schema, example) in own.chain(beside) {
            let found = faults(&document, schema, example);
            assert!(found.is_empty(), "{example}: {found:#?}");
            count += 1;
        }
    });
    assert!(count > 60, "{count} were looked at");
}

#[tokio::test]
async fn operations_have_unique_names_tags_and_security() {
    let folio = Folio::start(&small()).await;
    let document = folio.get("/openapi.json").await.json();
    let tags = document["tags"].as_array().expect("tags").iter();
    let tags: BTreeSet<_> = tags.map(|tag| tag["name"].to_string()).collect();
    let schemes = document["components"]["securitySchemes"].as_object();
    let schemes = schemes.expect("security schemes");
    let mut names = BTreeSet::new();
    each_object(&document["paths"], &mut |object| {
        if let Some(name) = object.get("operationId") {
            assert!(names.insert(name.to_string()), "{name} is there twice");
            assert!(tags.contains(&object["tags"][0].to_string()), "{name}");
            assert!(object["summary"].is_string(), "{name}");
            let security = object["security"].as_array().expect("security").iter();
            for scheme in security
                .filter_map(Value::as_object)
                .flat_map(|one| one.keys())
            {
                assert!(schemes.contains_key(scheme), "{name}: {scheme}");
            }
        }
    });
    assert!(names.len() > 40, "{} operations", names.len());
}

#[tokio::test]
async fn a_current_copy_of_the_document_gets_304() {
    let folio = Folio::start(&small()).await;
    let first = folio.get("/openapi.json").await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.header("content-type"), "application/json");
    let mut again = request(Method::GET, "/openapi.json", None, Body::empty());
    let tag = first.headers["etag"].clone();
    again.headers_mut().insert("if-none-match", tag.clone());
    let again = folio.send(again).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.body.is_empty());
    assert_eq!(again.headers["etag"], tag);

    let mut packed = request(Method::GET, "/openapi.json", None, Body::empty());
    let accepted = "br".parse().expect("a header");
    packed.headers_mut().insert("accept-encoding", accepted);
    let packed = folio.send(packed).await;
    assert_eq!(packed.header("content-encoding"), "br");
    assert!(packed.body.len() * 4 < first.body.len());
}
