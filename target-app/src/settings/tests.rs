//! Valid sources of settings, and the error messages for invalid ones.

use serde_json::{Value, json};

use super::{CacheMode, Compression, Settings, Span, Stack, bounds};

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn later_layers_win() {
    let file = (
        "folio.yaml",
        "cache: { mode: l1, l1_items: 7 }\ncompression: gzip\n",
    );
    let environment = variables(&[("FOLIO_CACHE_L1_ITEMS", "8"), ("PATH", "/bin")]);
    let assignments = ["cache.ttl=3s".to_owned(), "db.hold_ms=50".to_owned()];
    let settings =
        Settings::layered(Stack::Before, Some(file), environment, &assignments).expect("valid");
    assert_eq!(settings.cache.mode, CacheMode::L1);
    assert_eq!(settings.cache.l1_items, 8);
    assert_eq!(settings.cache.ttl, Span::seconds(3));
    assert_eq!(settings.compression, Compression::Gzip);
    assert_eq!((settings.db.hold_ms, settings.pool.size), (50, 25));
}

#[test]
fn off_in_a_file_is_a_mode_and_no_boolean() {
    let text = "cache: { mode: off }\ncompression: off\nedge: { enabled: false }\n";
    let file = ("folio.yaml", text);
    let settings = Settings::layered(Stack::After, Some(file), [], &[]).expect("valid");
    assert_eq!(settings.cache.mode, CacheMode::Off);
    assert_eq!(settings.compression, Compression::Off);
    assert!(!settings.edge.enabled);
}

#[test]
fn every_fault_names_its_setting_the_expected_and_the_found_value() {
    let patch = json!({
        "cache": { "mode": "l3", "l1_items": "many", "jitter": null, "ttl": 5, "tll": "3s" },
        "cash": {},
        "pool": { "timeout": "-1s", "size": 50.5, "pre_ping": "yes", "overflow": 1001 },
        "db": { "shards": 3 },
        "compression": { "mode": "br" },
        "compression.mode": "br",
        "edge": 3
    });
    let error = Settings::default()
        .patched(&patch)
        .expect_err("many faults");
    let told: Vec<_> = error
        .faults
        .iter()
        .map(|fault| format!("{}: {}", fault.setting, fault.message))
        .collect();
    let duration = "expected a duration such as 250us, 5ms, 1.5s, 2m or 8h, from 1ms to 8760h";
    for expected in [
        "cache.mode: expected off, l1, l2 or l1l2, found \"l3\"",
        "cache.l1_items: expected a whole number from 1 to 10000000, found \"many\"",
        "cache.jitter: expected a number from 0 to 1, found nothing (null)",
        &format!("cache.ttl: {duration}, found 5"),
        "cache.tll: unknown setting; did you mean cache.ttl?",
        "cash: unknown setting; the groups are cache, pool, db, admission, breaker, compression, auth, tasks, edge, \
         monitor",
        &format!("pool.timeout: {duration}, found \"-1s\""),
        "pool.size: expected a whole number from 1 to 1000, found 50.5",
        "pool.pre_ping: expected true or false, found \"yes\"",
        "pool.overflow: expected a whole number from 0 to 1000, found 1001",
        "db.shards: unknown setting; db has indexes, loading, rtt_ms, hold_ms, slow_ms, timeout",
        "compression.mode: unknown setting; did you mean compression?",
        "compression: expected off, gzip, br or auto, found a group of settings",
        "edge: expected one of the settings in this group, such as edge.enabled; found a value for the whole group",
    ] {
        assert!(
            told.iter().any(|told| told == expected),
            "{expected}\n{told:#?}"
        );
    }
    assert_eq!(told.len(), 14);
}

#[test]
fn variables_and_assignments_are_refused_by_their_own_names() {
    let variables = variables(&[
        ("FOLIO_CACHE_MODES", "off"),
        ("FOLIO_POOL_SIZE", "-1"),
        ("FOLIO_CACHE", "off"),
    ]);
    let assignments = ["cache.mode=".to_owned(), "=off".to_owned()];
    let error =
        Settings::layered(Stack::After, None, variables, &assignments).expect_err("five faults");
    let told = error.to_string();
    for expected in [
        "FOLIO_CACHE_MODES: unknown setting; did you mean FOLIO_CACHE_MODE?",
        "FOLIO_POOL_SIZE: expected a whole number from 1 to 1000, found -1",
        "FOLIO_CACHE: expected one of the settings in this group, such as FOLIO_CACHE_MODE",
        "cache.mode: expected off, l1, l2 or l1l2, found \"\"",
        "=off: expected path=value, such as cache.mode=off",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
}

#[test]
fn faults_of_a_file_have_line_numbers_and_join_those_of_other_sources() {
    let told = |text: &str| {
        let file = Some(("folio.yaml", text));
        let variables = variables(&[("FOLIO_POOL_SIZE", "0")]);
        let error = Settings::layered(Stack::After, file, variables, &[]).expect_err(text);
        assert_eq!(
            error.faults.last().map(|fault| &*fault.setting),
            Some("FOLIO_POOL_SIZE")
        );
        error.to_string()
    };
    for (text, expected) in [
        (
            "# one\ncache:\n  mode: l3\n",
            "folio.yaml:3: cache.mode: expected off, l1, l2 or l1l2, found \"l3\"",
        ),
        (
            "cache: { jitter: .nan }",
            "folio.yaml:1: cache.jitter: expected a number from 0 to 1, found \".nan\"",
        ),
        (
            "cache:\n",
            "folio.yaml:1: cache: expected one of the settings in this group, such as cache.mode",
        ),
        (
            "pool: { size: 99999999999999999999999 }",
            "folio.yaml:1: pool.size: expected a whole number from 1 to 1000",
        ),
        (
            "tasks:\n  queue: 1e300",
            "folio.yaml:2: tasks.queue: expected a whole number from 1 to 1000000, found 1e+300",
        ),
        (
            "cache: { mode: l1, mode: l2 }",
            "folio.yaml: expected YAML: ",
        ),
        ("[cache]", "folio.yaml: expected settings in groups"),
        ("off", "folio.yaml: expected settings in groups"),
        ("cache: {", "folio.yaml: expected YAML: "),
        (
            "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b]",
            "folio.yaml:1: a: ",
        ),
    ] {
        let told = told(text);
        assert!(told.contains(expected), "{text}\n{expected}\n{told}");
    }
}

#[test]
fn rules_between_two_settings_are_checked_after_all_sources() {
    let file = Some(("folio.yaml", "pool: { auto_least: 200 }\n"));
    let most = |most: &str| [format!("pool.auto_most={most}")];
    let settings = Settings::layered(Stack::After, file, [], &most("300")).expect("valid");
    assert_eq!(
        (settings.pool.auto_least, settings.pool.auto_most),
        (200, 300)
    );
    let error = Settings::layered(Stack::After, file, [], &most("199")).expect_err("a fault");
    assert_eq!(
        error.to_string(),
        "pool.auto_least: expected at most the value of pool.auto_most, 199; found 200"
    );
    let waits = ["tasks.backoff=1m".to_owned()];
    let error = Settings::layered(Stack::After, None, [], &waits).expect_err("a fault");
    assert_eq!(
        error.to_string(),
        "tasks.backoff: expected at most the value of tasks.backoff_most, 30s; found 1m"
    );
    let provider = ["edge.provider=http".to_owned()];
    let error = Settings::layered(Stack::After, None, [], &provider).expect_err("no URL");
    assert_eq!(error.faults[0].setting, "edge.purge_url");
}

#[test]
fn error_messages_contain_no_secrets() {
    for (path, value) in [
        ("admission.api_keys", json!("canary")),
        ("admission.api_keys", json!(["good", "canary with a space"])),
        ("admission.api_keys", json!([""])),
        // The placeholder of `GET /admin/config`, sent back: as a key it would be known to everybody.
        ("admission.api_keys", json!(["[redacted]"])),
        ("monitor.webhook", json!("https://me:canary@127.0.0.1/")),
        ("edge.purge_url", json!("canary")),
    ] {
        assert!(Settings::holds_secret(path));
        let (group, name) = path.split_once('.').expect("a group");
        let error = Settings::default()
            .patched(&json!({ group: { name: value } }))
            .expect_err(path);
        assert_eq!(error.faults[0].setting, path);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    assert!(Settings::holds_secret("FOLIO_MONITOR_WEBHOOK"));
    assert!(!Settings::holds_secret("FOLIO_POOL_SIZE") && !Settings::holds_secret("pool.size"));
}

#[test]
fn every_switch_has_bounds_and_takes_its_own_default() {
    let settings = Settings::default();
    let Ok(Value::Object(groups)) = serde_json::to_value(&settings) else {
        panic!("expected groups");
    };
    let mut there: Vec<_> = groups
        .iter()
        .flat_map(|(name, value)| match value.as_object() {
            Some(members) => members
                .keys()
                .map(|member| format!("{name}.{member}"))
                .collect(),
            None => vec![name.clone()],
        })
        .collect();
    let mut known: Vec<_> = bounds::paths().map(str::to_owned).collect();
    there.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, there);
    let again = Settings::of(Stack::Before).patched(&Value::Object(groups));
    assert_eq!(again, Ok(settings));
}

#[test]
fn a_patch_changes_only_its_settings() {
    let settings = Settings::default()
        .patched(&json!({ "cache": { "jitter": 0 }, "edge": { "enabled": false } }))
        .expect("valid");
    assert!(settings.cache.jitter.abs() < f64::EPSILON && !settings.edge.enabled);
    let mut back = settings;
    back.cache.jitter = 0.1;
    back.edge.enabled = true;
    assert_eq!(back, Settings::default());
}
