//! Combines the sources of settings; all errors of all sources are reported together.

use std::fmt;

use serde_json::{Map, Value};

use super::file::File;
use super::{Settings, Stack, bounds};

/// Prefix of settings in the environment.
const PREFIX: &str = "FOLIO_";
/// Variables with the prefix that are not settings.
const RESERVED: [&str; 2] = ["FOLIO_ADMIN_TOKEN", "FOLIO_CONFIG"];

/// Minimum similarity of a name to be suggested as the intended one, 0 to 1.
const ALIKE: f64 = 0.7;

/// An invalid setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// The setting in the spelling of its source: `cache.mode`, `FOLIO_CACHE_MODE`, `folio.yaml:3: cache.mode`.
    pub setting: String,
    /// The expected and the found value.
    pub message: String,
}

/// All invalid settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// At least one.
    pub faults: Vec<SettingFault>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, SettingFault { setting, message }) in self.faults.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(out, "{separator}{setting}: {message}")?;
        }
        Ok(())
    }
}

impl Settings {
    /// Applies the sources in order, starting from a stack: a YAML file as its name and text, environment variables,
    /// `path=value` assignments.
    ///
    /// Variables that do not begin with `FOLIO_` are ignored. Fails with the faults of all sources.
    pub fn layered(
        stack: Stack,
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        assignments: &[String],
    ) -> Result<Self, SettingsError> {
        let mut layers = Layers::over(&Self::of(stack));
        if let Some((name, text)) = file {
            layers.lay_file(name, text);
        }
        for (variable, text) in environment {
            layers.lay_variable(&variable, &text);
        }
        for assignment in assignments {
            layers.lay_assignment(assignment);
        }
        layers.finish()
    }

    /// Applies the nested `changes` to the settings: `{"cache": {"mode": "off"}}`.
    pub fn patched(&self, changes: &Value) -> Result<Self, SettingsError> {
        let mut layers = Layers::over(self);
        layers.lay_nested(changes, str::to_owned);
        layers.finish()
    }

    /// Whether the value of `setting`, spelled as a path or as a variable, may be secret and must not be shown.
    pub fn holds_secret(setting: &str) -> bool {
        let path = setting.strip_prefix(PREFIX).and_then(path_of_variable);
        bounds::of(path.unwrap_or(setting)).is_some_and(bounds::Bounds::is_secret)
    }
}

/// Settings that are changed one path at a time.
struct Layers {
    /// The settings as nested JSON; always valid, except for rules that involve two settings.
    tree: Value,
    faults: Vec<SettingFault>,
}

impl Layers {
    fn over(settings: &Settings) -> Self {
        Self {
            tree: tree(settings),
            faults: Vec::new(),
        }
    }

    fn lay_file(&mut self, name: &str, text: &str) {
        match File::read(text) {
            Ok(file) if file.document.is_null() => {}
            Ok(File { document, lines }) => {
                self.lay_nested(&document, |path| match lines.get(path) {
                    Some(line) => format!("{name}:{line}: {path}"),
                    None => name.to_owned(),
                });
            }
            Err(error) => self.fault(name, format!("expected YAML: {error}")),
        }
    }

    /// Applies a tree of groups; `spelled` converts a path to the source's spelling.
    fn lay_nested(&mut self, changes: &Value, spelled: impl Fn(&str) -> String) {
        let Value::Object(changes) = changes else {
            let message = "expected settings in groups, such as {\"cache\": {\"mode\": \"off\"}}";
            return self.fault(&spelled(""), message.to_owned());
        };
        for (name, value) in changes {
            match value {
                Value::Object(group) if bounds::members(name).next().is_some() => {
                    for (member, value) in group {
                        let path = format!("{name}.{member}");
                        self.set(&path, &spelled(&path), value);
                    }
                }
                _ => self.set(name, &spelled(name), value),
            }
        }
    }

    fn lay_variable(&mut self, variable: &str, text: &str) {
        let Some(name) = variable.strip_prefix(PREFIX) else {
            return;
        };
        if RESERVED.contains(&variable) {
            return;
        }
        if let Some(path) = path_of_variable(name) {
            return self.set(path, variable, &scalar(text));
        }
        let path = name.to_ascii_lowercase().replacen('_', ".", 1);
        let spelled = |path: &str| {
            let name = path.to_ascii_uppercase().replace('.', "_");
            format!("{PREFIX}{name}")
        };
        self.fault(variable, unknown(&path, spelled));
    }

    fn lay_assignment(&mut self, assignment: &str) {
        match assignment.split_once('=') {
            Some((path, text)) if !path.trim().is_empty() => {
                self.set(path.trim(), path.trim(), &scalar(text.trim()));
            }
            _ => self.fault(
                assignment,
                "expected path=value, such as cache.mode=off".to_owned(),
            ),
        }
    }

    /// Sets `path` if `value` is valid; `spelled` is its name in error messages.
    fn set(&mut self, path: &str, spelled: &str, value: &Value) {
        let Some(bounds) = bounds::of(path) else {
            return self.fault(spelled, unknown(path, str::to_owned));
        };
        if let Some(message) = bounds.refuse(value) {
            return self.fault(spelled, message);
        }
        let place = path
            .split('.')
            .try_fold(&mut self.tree, |tree, name| tree.get_mut(name));
        if let Some(place) = place {
            *place = value.clone();
        }
    }

    fn fault(&mut self, setting: &str, message: String) {
        self.faults.push(SettingFault {
            setting: setting.to_owned(),
            message,
        });
    }

    fn finish(mut self) -> Result<Settings, SettingsError> {
        match serde_json::from_value(self.tree) {
            Ok(settings) => {
                self.faults.extend(bounds::check_together(&settings));
                if self.faults.is_empty() {
                    return Ok(settings);
                }
            }
            // A test checks the bounds of every switch; this handles one that the test missed.
            Err(error) => self.faults.push(SettingFault {
                setting: "the settings".to_owned(),
                message: error.to_string(),
            }),
        }
        Err(SettingsError {
            faults: self.faults,
        })
    }
}

/// The switch of a variable, given without its prefix.
fn path_of_variable(name: &str) -> Option<&'static str> {
    let wanted = name.to_ascii_lowercase();
    bounds::paths().find(|path| path.replace('.', "_") == wanted)
}

/// Suggestions for `path`, which is not a switch; `spelled` converts a path to the source's spelling.
fn unknown(path: &str, spelled: impl Fn(&str) -> String) -> String {
    let group = path.split_once('.').map_or(path, |(group, _)| group);
    let members: Vec<_> = bounds::members(group).collect();
    if let (true, [first, ..]) = (group == path, &members[..]) {
        let example = spelled(&format!("{group}.{first}"));
        return format!(
            "expected one of the settings in this group, such as {example}; found a value for the whole group"
        );
    }
    let itself = bounds::paths().find(|known| *known == group);
    let instead = match itself.or_else(|| nearest(path)) {
        Some(near) => format!("did you mean {}?", spelled(near)),
        None if members.is_empty() => format!("the groups are {}", groups().join(", ")),
        None => format!("{group} has {}", members.join(", ")),
    };
    format!("unknown setting; {instead}")
}

/// The most similar switch to `path`, if it is similar enough.
fn nearest(path: &str) -> Option<&'static str> {
    let alike = |known: &str| strsim::normalized_damerau_levenshtein(known, path);
    bounds::paths()
        .max_by(|one, other| alike(one).total_cmp(&alike(other)))
        .filter(|known| alike(known) >= ALIKE)
}

/// The top-level names.
fn groups() -> Vec<&'static str> {
    let mut groups: Vec<_> = bounds::paths()
        .map(|path| path.split_once('.').map_or(path, |(group, _)| group))
        .collect();
    groups.dedup();
    groups
}

/// The settings as nested JSON.
fn tree(settings: &Settings) -> Value {
    serde_json::to_value(settings).unwrap_or_else(|_| Value::Object(Map::new()))
}

/// A value from the environment or the command line: JSON if it parses as JSON, else text.
fn scalar(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
