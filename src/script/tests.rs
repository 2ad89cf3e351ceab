use std::time::Instant;

use serde_json::json;

use super::*;

const SURROUNDINGS: Surroundings = Surroundings {
    seed: 7,
    now: 1_700_000_000_123.0,
};

fn scripts(text: &str) -> Scripts {
    Scripts::new(vec![module("helpers.js", text)]).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn module(name: &str, text: &str) -> Module {
    Module {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

/// The value of an expression of JavaScript.
fn returned(expression: &str) -> Result<Value, Fault> {
    let scripts = scripts(&format!("export const f = (x) => {expression};"));
    scripts.call(0, &[Value::Null], SURROUNDINGS)
}

fn passed(value: &Value, body: &str) -> Result<Value, Fault> {
    let scripts = scripts(&format!("export function f(x) {{ {body} }}"));
    scripts.call(0, std::slice::from_ref(value), SURROUNDINGS)
}

#[test]
fn exported_functions_are_found_and_nothing_else() {
    let scripts = scripts(
        "export function b() {}\nexport const a = () => 1, limit = 5;\nfunction hidden() {}\nexport default () => 0;",
    );
    let names: Vec<&str> = scripts.functions().iter().map(|f| &*f.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn values_are_the_same_after_a_way_there_and_back() {
    for text in [
        "null",
        "true",
        "7",
        "-9007199254740991",
        "9007199254740993",
        "123456789012345678901234567890",
        "1.5",
        "\"ü 🦆 \\u0000\"",
        "[1,[\"a\",{}],null]",
        r#"{"b":[1.25],"a":{"c":false}}"#,
    ] {
        let value = Value::from_json(text).expect(text);
        assert_eq!(passed(&value, "return x;"), Ok(value), "{text}");
    }
    let id = Value::from_json("9007199254740993").expect("a number");
    assert_eq!(passed(&id, "return typeof x;"), Ok("bigint".into()));
    assert_eq!(
        passed(&id, "return x + 1n;"),
        Ok(Value::from(9_007_199_254_740_994_i64))
    );
    let price = Value::from_json("10.50").expect("a number");
    assert_eq!(passed(&price, "return x;"), Ok(json!(10.5).into()));
}

#[test]
fn what_a_function_returns_becomes_a_value_or_a_fault() {
    for (expression, expected) in [
        ("undefined", json!(null)),
        ("2 ** 31", json!(2_147_483_648_i64)),
        ("1 / 3", json!(1.0 / 3.0)),
        ("new Date(0)", json!("1970-01-01T00:00:00.000Z")),
        ("({ a: undefined, f() {}, b: 1 })", json!({"b": 1})),
        ("Promise.resolve(5)", json!(5)),
        (
            "(async () => { await null; return 'later'; })()",
            json!("later"),
        ),
        (
            "new (class { constructor() { this.x = 1; } })()",
            json!({"x": 1}),
        ),
    ] {
        assert_eq!(returned(expression), Ok(expected.into()), "{expression}");
    }
    for (expression, message) in [
        ("0 / 0", "TypeError: the returned number is NaN"),
        (
            "'\\ud800'",
            "TypeError: the returned text is not valid Unicode",
        ),
        ("() => 1", "TypeError: a function cannot be returned"),
        ("Symbol('x')", "TypeError: a symbol cannot be returned"),
        ("new Promise(() => {})", "its promise is never resolved"),
        (
            "(() => { const a = []; a.push(a); return a; })()",
            "TypeError: the returned value has a million parts, or contains itself",
        ),
        ("(() => { throw 'no key'; })()", "it throws no key"),
        ("sha256()", "TypeError: write `sha256(x[,encoding])`"),
        (
            "base64_decode('*')",
            "TypeError: no value for `base64_decode(x)`: it is not base64: Invalid symbol 42, offset 0.",
        ),
    ] {
        let fault = returned(expression).expect_err(expression);
        assert_eq!(fault.message, message, "{expression}");
    }
}

#[test]
fn a_fault_names_its_place() {
    let scripts = scripts(
        "function check(key) {\n  if (!key) {\n    throw new TypeError('no key');\n  }\n}\nexport function sign(key) { return check(key); }\n",
    );
    let fault = scripts
        .call(0, &["".into()], SURROUNDINGS)
        .expect_err("no key");
    assert_eq!(fault.to_string(), "helpers.js:3:15: TypeError: no key");
    let fault = Scripts::new(vec![
        module("good.js", "export const a = 1;"),
        module("bad.js", "export function f() {\n  return ];\n}"),
        module("worse.js", "export let;"),
    ])
    .expect_err("two syntax errors");
    let places: Vec<String> = fault.iter().map(ToString::to_string).collect();
    assert_eq!(places.len(), 2, "{places:?}");
    assert!(places[0].starts_with("bad.js:2:"), "{places:?}");
    assert!(places[0].contains("SyntaxError"), "{places:?}");
    assert!(places[1].starts_with("worse.js:1:"), "{places:?}");
}

#[test]
fn a_module_that_does_not_end_or_throws_is_refused() {
    for (text, message) in [
        ("for (;;) {}", "it runs longer than 100 ms"),
        ("null.x", "TypeError: cannot read property 'x' of null"),
        (
            "import { x } from './other.js';",
            "there is no module `other.js`; a module may import `k6/crypto`, `k6/encoding`",
        ),
        (
            "import fs from 'fs';",
            "there is no module `fs`; a module may import `k6/crypto`, `k6/encoding`",
        ),
    ] {
        let faults = Scripts::new(vec![module("helpers.js", text)]).expect_err(text);
        assert_eq!(faults[0].message, message, "{text}");
        let is_import = text.starts_with("import");
        let line = faults[0].place.as_ref().map(|place| place.line);
        assert!(!is_import || line == Some(1), "{:?}", faults[0].place);
    }
}

#[test]
fn modules_import_each_other_and_the_functions_of_k6() {
    let scripts = Scripts::new(vec![
        module("main.js", "import { key } from './key.js';\nimport crypto, { hmac as mac } from 'k6/crypto';\nimport encoding from 'k6/encoding';\n\
            export const sign = (text) => [crypto.hmac('sha256', key, text, 'hex'), mac('sha1', key, text, 'base64'), encoding.b64encode(text), crypto.md5(text, 'hex'), \
            crypto.createHMAC('sha256', key).update('what do ya want ').update('for nothing?').digest('hex'), \
            crypto.createHash('md5').update(text).digest()];"),
        module("key.js", "export const key = 'Jefe';"),
    ])
    .expect("two modules");
    let signed = scripts.call(0, &["what do ya want for nothing?".into()], SURROUNDINGS);
    let expected = json!([
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "7/zfauXrL6LSdBbV8YTfnCWafHk=",
        "d2hhdCBkbyB5YSB3YW50IGZvciBub3RoaW5nPw==",
        "d03cb659cbf9192dcd066272249f8412",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "d03cb659cbf9192dcd066272249f8412",
    ]);
    assert_eq!(signed, Ok(expected.into()));
}

#[test]
fn bytes_are_refused_instead_of_hashed_as_something_else() {
    let scripts = scripts(
        "import crypto from 'k6/crypto';\nimport encoding from 'k6/encoding';\n\
         export const a = () => crypto.sha256(new Uint8Array([1, 2]).buffer, 'hex');\n\
         export const b = () => encoding.b64encode(new Uint8Array([1, 2]));\n\
         export const c = () => [new Float64Array(2)];\n\
         export const d = () => Array.from(new Uint8Array([1, 2]));\n",
    );
    for function in 0..3 {
        let fault = scripts
            .call(function, &[], SURROUNDINGS)
            .expect_err("bytes");
        assert!(fault.message.contains("bytes"), "{fault}");
    }
    assert_eq!(scripts.call(3, &[], SURROUNDINGS), Ok(json!([1, 2]).into()));
}

#[test]
fn each_limit_ends_a_call_and_the_next_one_is_not_affected() {
    let scripts = scripts(
        "let calls = 0;\nexport const a_good = () => ++calls;\n\
         export const endless = () => { for (;;) {} };\n\
         export const greedy = () => { const a = []; for (;;) a.push(new Array(10_000).fill(a.length)); };\n\
         export const long = () => 'x'.repeat(2 ** 30 - 100);\n\
         export const deep = () => deep() + 1;\n\
         export const caught = () => { for (;;) { try { for (;;) {} } catch {} } };\n\
         export const searching = () => /(a+)+$/.test('a'.repeat(40) + 'b');\n\
         export const pending = () => new Promise(() => { const again = () => { Promise.resolve().then(again); }; again(); });\n",
    );
    for (index, function) in scripts.functions().iter().enumerate().skip(1) {
        assert_eq!(scripts.call(0, &[], SURROUNDINGS), Ok(1_i64.into()));
        let began = Instant::now();
        let fault = scripts
            .call(index, &[], SURROUNDINGS)
            .expect_err(&function.name);
        let is_expected = match &*function.name {
            "deep" => fault.message.starts_with("it calls itself too deeply"),
            "long" => fault.message == "it needs more than 32 MiB of memory",
            "greedy" => {
                fault.message == "it needs more than 32 MiB of memory"
                    || fault.message == "it runs longer than 100 ms"
            }
            _ => fault.message == "it runs longer than 100 ms",
        };
        assert!(is_expected, "{}: {fault}", function.name);
        assert_eq!(fault.kind, FaultKind::Limit, "{}", function.name);
        assert!(
            began.elapsed().as_secs() < 5,
            "{} took {:?}",
            function.name,
            began.elapsed()
        );
    }
}

/// QuickJS does not look at the time in these loops of its own.
#[test]
fn a_long_search_inside_the_engine_is_refused() {
    for (expression, reason) in [
        (
            "new Array(2 ** 32 - 1).indexOf(1)",
            "RangeError: an array may have at most 4000000 items here",
        ),
        (
            "Array.prototype.includes.call({ length: 2 ** 50 }, 1)",
            "RangeError: an array may have at most 4000000 items here",
        ),
        (
            "[].concat(new Array(2 ** 32 - 1))",
            "RangeError: an array may have at most 4000000 items here",
        ),
        (
            "'a'.repeat(8e6).indexOf('a'.repeat(4e6) + 'b')",
            "RangeError: these texts are too long to search",
        ),
    ] {
        let fault = returned(expression).expect_err(expression);
        assert_eq!(fault.message, reason, "{expression}");
    }
    let usual =
        "[3, 1, 2].sort().concat([4]).indexOf(4) + ['a', 'b'].map((x) => x).join('').indexOf('b')";
    assert_eq!(returned(usual), Ok(4_i64.into()));
}

#[test]
fn the_clock_and_random_numbers_are_those_of_the_run() {
    let scripts = scripts(
        "export const drawn = () => [Math.random(), Math.random()];\n\
         export const time = () => [Date.now(), new Date().toISOString(), Date.UTC(2000, 0), new Date(5).getTime(), new Date() instanceof Date];\n\
         export const reach = () => [typeof performance, typeof fetch, typeof require, typeof process, typeof std, typeof os];\n",
    );
    let call = |function: usize, seed: u64| {
        let surroundings = Surroundings {
            seed,
            ..SURROUNDINGS
        };
        scripts.call(function, &[], surroundings).expect("a value")
    };
    assert_eq!(call(0, 1), call(0, 1));
    assert_ne!(call(0, 1), call(0, 2));
    let expected = json!([
        "undefined",
        "undefined",
        "undefined",
        "undefined",
        "undefined",
        "undefined"
    ]);
    assert_eq!(call(1, 1), expected.into());
    let expected = json!([
        1_700_000_000_123_i64,
        "2023-11-14T22:13:20.123Z",
        946_684_800_000_i64,
        5,
        true
    ]);
    assert_eq!(call(2, 1), expected.into());
}

#[test]
fn scripts_of_two_scenarios_do_not_mix() {
    let (one, two) = (
        scripts("export const f = () => 1;"),
        scripts("export const f = () => 2;"),
    );
    for _ in 0..3 {
        assert_eq!(one.call(0, &[], SURROUNDINGS), Ok(1_i64.into()));
        assert_eq!(two.call(0, &[], SURROUNDINGS), Ok(2_i64.into()));
    }
}
