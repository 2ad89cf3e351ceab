//! Values of YAML texts, and errors of invalid ones.

use std::fmt::Write as _;

use crate::expr::Value;
use crate::source::{Content, Diagnostic, FileId, Node, parse};

fn tree(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let root = parse(text, FileId::default(), &mut problems);
    (root, problems)
}

fn json(text: &str) -> String {
    let (root, problems) = tree(text);
    assert_eq!(problems, [], "{text}");
    Value::from(&root.expect("a tree")).to_string()
}

#[test]
fn plain_scalars_are_typed_and_quoted_ones_are_text() {
    assert_eq!(
        json(
            "[1, -2, 1.50, 0x1f, true, null, ~, '1', \"true\", 1e3, .5, 5m, 1.2.3, 123456789012345678901]"
        ),
        r#"[1,-2,1.50,31,true,null,null,"1","true",1e3,0.5,"5m","1.2.3",123456789012345678901]"#
    );
}

#[test]
fn every_key_and_value_has_its_place() {
    let (root, _) = tree("load:\n  users: 'a b'\n");
    let root = root.expect("a tree");
    let users = root
        .get("load")
        .and_then(|load| load.get("users"))
        .expect("users");
    assert_eq!(
        (users.span.line, users.span.column, users.span.length),
        (2, 10, 5)
    );
    assert!(matches!(&users.value, Content::Scalar(scalar) if scalar.offset == Some(1)));
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    assert_eq!(
        json("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\n"),
        r#"{"a":{"p":1,"q":2},"b":{"p":1,"q":2},"c":{"q":3,"p":1}}"#
    );
}

#[test]
fn a_bomb_of_a_thousand_million_values_is_refused_at_once() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let alias = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(bomb, "a{level}: &a{level} [{alias}]");
    }
    let began = std::time::Instant::now();
    let (root, problems) = tree(&bomb);
    // Expanding it would take minutes; refusing it takes milliseconds, even on a busy machine.
    assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
    assert!(root.is_none());
    assert!(
        problems[0].message.contains("aliases expanded"),
        "{problems:?}"
    );
}

#[test]
fn long_texts_copied_by_aliases_and_deep_chains_are_refused() {
    let long = format!(
        "a: &a '{}'\nb: [{}]\n",
        "x".repeat(100_000),
        vec!["*a"; 1_000].join(",")
    );
    assert!(tree(&long).0.is_none());
    let mut chain = String::from("a0: &a0 [x]\n");
    for level in 1..100 {
        let _ = writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1);
    }
    let (root, problems) = tree(&chain);
    assert!(root.is_none());
    assert!(problems[0].message.contains("nest deeper"), "{problems:?}");
    assert!(tree(&"[".repeat(10_000)).0.is_none());
    assert!(tree("a: &a [*a]").0.is_none());
}
