//! Checks that every route is described and every description is routed. The routes are read from the router's source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use axum::body::Body;
use axum::http::StatusCode;

use super::{Call, Described, METHODS, TOKEN};
use crate::folio::request;

/// Adds the routes in the sources below `directory` to `routes`, as `GET /path`, except those of tests and of the lab.
fn read(directory: &Path, routes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.expect("a name");
        if path.is_dir() {
            if !matches!(name, "tests" | "lab") {
                read(&path, routes);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") && name != "tests.rs" {
            let source = fs::read_to_string(&path).expect("a source");
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            for other in [".nest(", ".nest_service(", ".route_service("] {
                assert!(
                    !source.contains(other),
                    "{name} has routes that are not read here"
                );
            }
            for call in source.split(".route(").skip(1) {
                routes.extend(routes_of(call));
            }
        }
    }
}

/// The routes that `"/path", get(…).post(…))` adds to a router; other calls named `route` add none.
fn routes_of(call: &str) -> Vec<String> {
    let Some((path, rest)) = call
        .trim_start()
        .strip_prefix('"')
        .and_then(|call| call.split_once('"'))
    else {
        return Vec::new();
    };
    let mut depth = 1;
    let end = rest.find(|letter| {
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    let handlers = &rest[..end.expect("the end of the call")];
    let known = METHODS.iter().filter(|method| {
        let starts = [format!(" {method}("), format!(".{method}(")];
        starts.iter().any(|start| handlers.contains(start))
    });
    let routes: Vec<_> = known
        .map(|method| format!("{} {path}", method.to_uppercase()))
        .collect();
    assert!(
        !routes.is_empty(),
        "{path} has a method that is not known here: {handlers}"
    );
    routes
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let service = Described::start().await;
    let mut routed = BTreeSet::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut routed,
    );
    let operations = service.operations();
    let described = operations
        .iter()
        .map(|operation| format!("{} {}", operation.method, operation.path));
    assert_eq!(described.collect::<BTreeSet<_>>(), routed);
}

#[tokio::test]
async fn every_operation_is_routed_and_other_methods_are_not() {
    let service = Described::start().await;
    let no_resource = "there is no such resource";
    for operation in service.operations() {
        let answer = service.call(&operation, Call::default()).await;
        assert_ne!(
            answer.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{}",
            operation.id()
        );
        if answer.status == StatusCode::NOT_FOUND {
            assert_ne!(answer.json()["detail"], no_resource, "{}", operation.id());
        }
        service.assert_described(&operation, &answer);
    }
    for (path, of_path) in service.document["paths"].as_object().expect("paths") {
        let place = path.replace("{id}", "1").replace("{name}", "index.html");
        for method in METHODS {
            if of_path.get(method).is_none() {
                let method = method.to_uppercase().parse().expect("a method");
                // Administration does not list its methods.
                let asked = request(method, &place, Some(TOKEN), Body::empty());
                let answer = service.folio.send(asked).await;
                assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            }
        }
    }
    service.folio.get("/api/v1/none").await.faults(404);
}
