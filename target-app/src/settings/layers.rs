//! Laying one source of settings over another; everything wrong with a layer is told at once.

use std::fmt;

use serde_json::{Map, Value};

use super::{Settings, Stack, bounds};

/// What stands before a setting in the environment.
const PREFIX: &str = "FOLIO_";
/// Variables with the prefix that are no settings.
const RESERVED: [&str; 2] = ["FOLIO_ADMIN_TOKEN", "FOLIO_CONFIG"];

/// How much of a name must agree for it to be taken for a slip of the pen, 0 to 1.
const ALIKE: f64 = 0.7;

/// One setting that will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting, as its source spells it: `cache.mode`, `FOLIO_CACHE_MODE`.
    pub setting: String,
    /// What was expected and what was found.
    pub message: String,
}

/// Every setting of a layer that will not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// At least one.
    pub faults: Vec<Fault>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, Fault { setting, message }) in self.faults.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(out, "{separator}{setting}: {message}")?;
        }
        Ok(())
    }
}

impl Settings {
    /// Lays the sources over the side of the stack: a YAML text, environment variables, `path=value` assignments.
    ///
    /// Variables that do not begin with `FOLIO_` are passed over. Fails with all faults of the first layer that has any.
    pub fn layered(
        stack: Stack,
        file: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
        assignments: &[String],
    ) -> Result<Self, SettingsError> {
        let mut settings = Self::of(stack);
        if let Some(text) = file {
            // Only `true` and `false`: `off` is the name of a mode.
            let options = serde_yaml::options! { strict_booleans: true };
            let document: Value =
                serde_yaml::from_str_with_options(text, options).map_err(|error| {
                    SettingsError {
                        faults: vec![Fault {
                            setting: "the file".to_owned(),
                            message: format!("expected YAML: {error}"),
                        }],
                    }
                })?;
            // An empty file is no change.
            if !document.is_null() {
                settings = settings.patched(&document)?;
            }
        }
        settings = settings.with_environment(environment)?;
        settings.with_assignments(assignments)
    }

    /// The settings with the nested `changes` laid over them: `{"cache": {"mode": "off"}}`.
    pub fn patched(&self, changes: &Value) -> Result<Self, SettingsError> {
        let mut layer = Layer::over(self);
        let Value::Object(groups) = changes else {
            layer.fault("", "expected an object of settings".to_owned());
            return layer.finish();
        };
        for (name, value) in groups {
            match (layer.known.get(name.as_str()), value) {
                (Some(Value::Object(_)), Value::Object(members)) => {
                    for (member, value) in members {
                        let path = format!("{name}.{member}");
                        layer.set(&path, &path, value);
                    }
                }
                _ => layer.set(name, name, value),
            }
        }
        layer.finish()
    }

    fn with_environment(
        &self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut layer = Layer::over(self);
        for (variable, text) in environment {
            let Some(name) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            if RESERVED.contains(&variable.as_str()) {
                continue;
            }
            let wanted = name.to_ascii_lowercase();
            let path = layer
                .paths
                .iter()
                .find(|path| path.replace('.', "_") == wanted);
            if let Some(path) = path.cloned() {
                layer.set(&path, &variable, &scalar(&text));
            } else {
                let message = match layer.nearest(&wanted.replacen('_', ".", 1)) {
                    Some(near) => {
                        let near = near.to_ascii_uppercase().replace('.', "_");
                        format!("there is no such setting; did you mean {PREFIX}{near}?")
                    }
                    None => "there is no such setting".to_owned(),
                };
                layer.fault(&variable, message);
            }
        }
        layer.finish()
    }

    fn with_assignments(&self, assignments: &[String]) -> Result<Self, SettingsError> {
        let mut layer = Layer::over(self);
        for assignment in assignments {
            match assignment.split_once('=') {
                Some((path, text)) => layer.set(path.trim(), path.trim(), &scalar(text.trim())),
                None => layer.fault(assignment, "expected path=value".to_owned()),
            }
        }
        layer.finish()
    }
}

/// Settings being changed one path at a time.
struct Layer {
    settings: Settings,
    /// The tree of what there is, to tell groups from values.
    known: Value,
    /// Every setting as `group.name`.
    paths: Vec<String>,
    faults: Vec<Fault>,
}

impl Layer {
    fn over(settings: &Settings) -> Self {
        let known = tree(settings);
        let mut paths = Vec::new();
        for (name, value) in known.as_object().into_iter().flatten() {
            match value.as_object() {
                Some(members) => {
                    paths.extend(members.keys().map(|member| format!("{name}.{member}")));
                }
                None => paths.push(name.clone()),
            }
        }
        Self {
            settings: settings.clone(),
            known,
            paths,
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, setting: &str, message: String) {
        self.faults.push(Fault {
            setting: setting.to_owned(),
            message,
        });
    }

    /// Sets `path` when the value will do; `spelled` is what a fault is told under.
    fn set(&mut self, path: &str, spelled: &str, value: &Value) {
        if !self.paths.iter().any(|known| known == path) {
            let message = match self.nearest(path) {
                Some(near) => format!("there is no such setting; did you mean {near}?"),
                None => "there is no such setting".to_owned(),
            };
            return self.fault(spelled, message);
        }
        let mut changed = tree(&self.settings);
        let place = path
            .split('.')
            .try_fold(&mut changed, |tree, name| tree.get_mut(name));
        if let Some(place) = place {
            // A key that looks like a number is still a key, and a whole number will do for a fraction.
            *place = value.clone();
        }
        match serde_json::from_value::<Settings>(changed) {
            Err(error) => self.fault(spelled, format!("{error}")),
            Ok(settings) => match bounds::check(path, value) {
                Some(message) => self.fault(spelled, message),
                None => self.settings = settings,
            },
        }
    }

    /// The setting that is spelled most like `path`, if any is.
    fn nearest(&self, path: &str) -> Option<&str> {
        let alike = |known: &str| strsim::normalized_damerau_levenshtein(known, path);
        let nearest = self
            .paths
            .iter()
            .max_by(|one, other| alike(one).total_cmp(&alike(other)));
        nearest
            .map(String::as_str)
            .filter(|known| alike(known) >= ALIKE)
    }

    fn finish(mut self) -> Result<Settings, SettingsError> {
        self.faults.extend(bounds::check_together(&self.settings));
        if self.faults.is_empty() {
            Ok(self.settings)
        } else {
            Err(SettingsError {
                faults: self.faults,
            })
        }
    }
}

/// The settings as nested JSON.
fn tree(settings: &Settings) -> Value {
    serde_json::to_value(settings).unwrap_or_else(|_| Value::Object(Map::new()))
}

/// A value as the environment and the command line spell it: JSON where it is JSON, else text.
fn scalar(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{CacheMode, Compression};
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn later_layers_win() {
        let file = "cache: { mode: l1, l1_items: 7 }\ncompression: gzip\n";
        let environment = variables(&[("FOLIO_CACHE_L1_ITEMS", "8"), ("PATH", "/bin")]);
        let assignments = ["cache.ttl=3s".to_owned(), "db.hold_ms=50".to_owned()];
        let settings =
            Settings::layered(Stack::Before, Some(file), environment, &assignments).expect("valid");
        assert_eq!(settings.cache.mode, CacheMode::L1);
        assert_eq!(settings.cache.l1_items, 8);
        assert_eq!(settings.cache.ttl, super::super::Span::seconds(3));
        assert_eq!(settings.compression, Compression::Gzip);
        assert_eq!((settings.db.hold_ms, settings.pool.size), (50, 25));
    }

    #[test]
    fn off_in_a_file_is_a_mode_and_no_boolean() {
        let file = "cache: { mode: off }\ncompression: off\nedge: { enabled: false }\n";
        let settings = Settings::layered(Stack::After, Some(file), [], &[]).expect("valid");
        assert_eq!(settings.cache.mode, CacheMode::Off);
        assert_eq!(settings.compression, Compression::Off);
        assert!(!settings.edge.enabled);
    }

    #[test]
    fn every_fault_is_told_with_the_name_its_source_uses() {
        let patch = json!({
            "cache": { "mode": "l3", "l1_items": 0, "tll": "3s" },
            "cash": {},
            "pool": { "timeout": "soon" },
            "compression": { "mode": "br" },
            "edge": 3
        });
        let error = Settings::default()
            .patched(&patch)
            .expect_err("five faults");
        let told = error.to_string();
        for part in [
            "cache.mode: unknown variant `l3`, expected one of `off`, `l1`, `l2`, `l1l2`",
            "cache.l1_items: expected 1 to 10000000, found 0",
            "cache.tll: there is no such setting; did you mean cache.ttl?",
            "cash: there is no such setting",
            "pool.timeout: expected a duration such as",
            "compression: ",
            "edge: ",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        let error = Settings::default()
            .with_environment(variables(&[
                ("FOLIO_CACHE_MODES", "off"),
                ("FOLIO_POOL_SIZE", "-1"),
            ]))
            .expect_err("two faults");
        assert_eq!(error.faults[0].setting, "FOLIO_CACHE_MODES");
        let told = &error.faults[0].message;
        assert!(told.ends_with("did you mean FOLIO_CACHE_MODE?"), "{told}");
        assert_eq!(error.faults[1].setting, "FOLIO_POOL_SIZE");
    }

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let settings = Settings::default()
            .patched(&json!({ "cache": { "jitter": 0 }, "edge": { "enabled": false } }))
            .expect("valid");
        assert!(settings.cache.jitter.abs() < f64::EPSILON && !settings.edge.enabled);
        let mut back = settings;
        back.cache.jitter = 0.1;
        back.edge.enabled = true;
        assert_eq!(back, Settings::default());
    }
}
