//! Checks that the service enforces the bounds in the document, with values on both sides of each bound.

use serde_json::{Value, json};
use target_app::Settings;

use super::schema::resolved;
use super::{Call, Described, Operation};

/// Values at the bounds of `schema` and beyond; a schema without bounds has none.
struct Tries {
    good: Vec<Value>,
    bad: Vec<Value>,
}

impl Tries {
    fn of(schema: &Value) -> Self {
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_i64);
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let text = |length: i64| json!("a".repeat(length as usize));
        let list = |length: i64| json!(vec!["a"; length as usize]);
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            good.extend(values.iter().cloned());
            bad.push(json!("bogus"));
        }
        if let Some(least) = bound("minimum") {
            good.push(json!(least));
            bad.push(json!(least - 1));
        }
        if let Some(most) = bound("maximum") {
            good.push(json!(most));
            bad.push(json!(most + 1));
        }
        if let Some(least) = bound("minLength") {
            good.push(text(least));
            bad.push(text(least - 1));
        }
        if let Some(most) = bound("maxLength") {
            good.push(text(most));
            bad.push(text(most + 1));
        }
        if let Some(most) = bound("maxItems").filter(|_| schema["items"]["type"] == "string") {
            good.push(list(most));
            bad.push(list(most + 1));
        }
        Self { good, bad }
    }
}

impl Described {
    /// The fields that the service reports as invalid; empty if it accepts the request or rejects it for another
    /// reason.
    async fn at_fault(&self, operation: &Operation<'_>, call: Call) -> Vec<String> {
        let answer = self.call(operation, call).await;
        self.assert_described(operation, &answer);
        if answer.status == 422 {
            answer.faults(422)
        } else {
            Vec::new()
        }
    }
}

#[tokio::test]
async fn query_parameters_have_their_documented_bounds() {
    let service = Described::start().await;
    let mut count = 0;
    for operation in service.operations() {
        for parameter in service.parameters(&operation, "query") {
            let name = parameter["name"].as_str().expect("a name");
            let schema = resolved(&service.document, &parameter["schema"]);
            let Tries { good, bad } = Tries::of(schema);
            for (values, is_good) in [(good, true), (bad, false)] {
                for value in values {
                    let query = vec![(name.to_owned(), super::text(&value))];
                    let faults = service
                        .at_fault(
                            &operation,
                            Call {
                                query,
                                ..Call::default()
                            },
                        )
                        .await;
                    let is_named = faults.iter().any(|field| field == name);
                    assert_ne!(is_named, is_good, "{}: {name}={value}", operation.id());
                    count += 1;
                }
            }
        }
    }
    assert!(count > 60, "{count} were tried");
}

#[tokio::test]
async fn body_fields_have_their_documented_bounds() {
    let service = Described::start().await;
    let mut count = 0;
    for operation in service.operations() {
        let Some(schema) = service.body_schema(&operation) else {
            continue;
        };
        // Settings are nested, and where exactly one field is allowed, any other field is reported under the allowed
        // one.
        if operation.id() == "changeConfiguration" || schema.get("minProperties").is_some() {
            continue;
        }
        let example = &schema["examples"][0];
        for (name, schema) in schema["properties"].as_object().expect("properties") {
            let Tries { mut good, mut bad } = Tries::of(resolved(&service.document, schema));
            // Neither arbitrary letters nor an arbitrary amount is valid here.
            if operation.id() == "register" && name == "email" || operation.id() == "payOrder" {
                good.clear();
            }
            bad.push(json!(false));
            for (values, is_good) in [(good, true), (bad, false)] {
                for value in values {
                    let mut body = example.clone();
                    body[name] = value;
                    let sent = body[name].to_string();
                    let call = Call {
                        body: Some(body),
                        ..Call::default()
                    };
                    let is_named = service.at_fault(&operation, call).await.contains(name);
                    assert_ne!(is_named, is_good, "{}: {name} {sent:.40}", operation.id());
                    count += 1;
                }
            }
        }
        for name in schema["properties"].as_object().expect("properties").keys() {
            let required = schema["required"].as_array().into_iter().flatten();
            let is_required = required.into_iter().any(|required| required == name);
            let mut body = example.clone();
            body.as_object_mut().expect("an object").remove(name);
            let call = Call {
                body: Some(body),
                ..Call::default()
            };
            let is_named = service.at_fault(&operation, call).await.contains(name);
            assert_eq!(is_named, is_required, "{} without {name}", operation.id());
        }
    }
    assert!(count > 60, "{count} were tried");
}

#[tokio::test]
async fn all_settings_are_documented_with_their_bounds() {
    let service = Described::start().await;
    let shown = service
        .folio
        .get_as(super::TOKEN, "/admin/config")
        .await
        .json();
    let schema = &service.document["components"]["schemas"]["ConfigurationChanges"];
    // Moves bounds that depend on other settings as far away as possible.
    let wide = json!({ "pool": { "auto_least": 1, "auto_most": 1_000 }, "cache": { "l2_connections": 1_000, "l2_connections_least": 0 } });
    let settings = Settings::default().patched(&wide).expect("valid settings");
    let faults = |changes: &Value| match settings.patched(changes) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .faults
            .into_iter()
            .map(|fault| fault.setting)
            .collect(),
    };
    let mut count = 0;
    for (group, schema) in schema["properties"].as_object().expect("groups") {
        let schema = resolved(&service.document, schema);
        let Some(switches) = schema.get("properties").and_then(Value::as_object) else {
            assert!(faults(&json!({ group: "bogus" })).contains(group));
            continue;
        };
        let there = shown[group].as_object().expect("a group");
        assert_eq!(switches.len(), there.len(), "{group}");
        for (switch, schema) in switches {
            assert!(there.contains_key(switch), "{group}.{switch}");
            let path = format!("{group}.{switch}");
            let Tries { good, mut bad } = Tries::of(resolved(&service.document, schema));
            bad.push(json!({}));
            for value in good {
                let found = faults(&json!({ group: { switch: value } }));
                assert!(!found.contains(&path), "{path} {value}");
            }
            for value in bad {
                let found = faults(&json!({ group: { switch: value } }));
                assert!(found.contains(&path), "{path} {value}");
                count += 1;
            }
        }
    }
    assert!(count > 150, "{count} were tried");
}
