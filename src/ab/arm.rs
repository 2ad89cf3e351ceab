//! One arm of a comparison, read from `--a KEY=VALUE…` or `--b KEY=VALUE…`.

use std::path::Path;

use super::Side;
use crate::scenario::NOT_KEPT;
use crate::source::{did_you_mean, listed, nearest};

/// The keys of an arm, as they are written.
const KEYS: [&str; 9] = [
    "target",
    "target_profile",
    "target_set.PATH",
    "set.PATH",
    "command",
    "cwd",
    "env.NAME",
    "ready",
    "ready_within",
];

/// The settings of one arm. They apply after the options that both arms share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arm {
    /// `target=URL` or `target=bundled`.
    pub target: Option<String>,
    /// `target_profile=full`, the profile of the bundled target.
    pub target_profile: Option<String>,
    /// `target_set.PATH=VALUE`, each as `PATH=VALUE`: settings of the bundled target.
    pub target_set: Vec<String>,
    /// `set.PATH=VALUE`, each as path and value: changes to the scenario.
    pub set: Vec<(String, String)>,
    /// Keys of a target that Gander starts, each with its value: `command`, `cwd`, `ready`, `ready_within`, and `env.NAME`
    /// as `env` and the name.
    pub command: Vec<(Vec<String>, String)>,
}

impl Arm {
    /// True if this is one of its changes as [`Scenario::overridden`] shows it, without its value.
    ///
    /// [`Scenario::overridden`]: crate::scenario::Scenario::overridden
    pub fn hides(&self, change: &str) -> bool {
        let Some(path) = change.strip_suffix(NOT_KEPT) else {
            return false;
        };
        let of_target = path.strip_prefix("target.");
        self.set.iter().any(|(own, _)| own == path)
            || self
                .command
                .iter()
                .any(|(keys, _)| Some(&*keys.join(".")) == of_target)
    }

    /// True if it sets this key of a target that Gander starts.
    pub fn names(&self, key: &str) -> bool {
        self.command.iter().any(|(keys, _)| keys[0] == key)
    }
}

/// Reads both arms; the error lists everything that is wrong with either, without values, which may be secret.
///
/// A command of an arm runs in the folder `here` unless the arm names another with `cwd`, which is relative to `here`
/// too, because both are written on the command line.
pub fn read_arms(a: &[String], b: &[String], here: &Path) -> Result<[Arm; 2], Vec<String>> {
    let mut wrong = Vec::new();
    let mut read = |side, words: &[String]| {
        let mut arm = Arm::default();
        for word in words {
            if let Err(message) = add(&mut arm, word, here) {
                wrong.push(format!("--{side} {}: {message}", shown(word)));
            }
        }
        if let Err(message) = complete(&mut arm, here) {
            wrong.push(format!("--{side}: {message}"));
        }
        arm
    };
    let arms = [read(Side::A, a), read(Side::B, b)];
    if wrong.is_empty() {
        Ok(arms)
    } else {
        Err(wrong)
    }
}

/// The word without its value.
fn shown(word: &str) -> String {
    match word.split_once('=') {
        Some((key, _)) => format!("{key}=…"),
        None => word.to_owned(),
    }
}

fn add(arm: &mut Arm, word: &str, here: &Path) -> Result<(), String> {
    let (key, value) = word
        .split_once('=')
        .ok_or("expected KEY=VALUE, such as target=http://127.0.0.1:8080")?;
    let (key, value) = (key.trim(), value.trim());
    let (head, rest) = match key.split_once('.') {
        Some((head, rest)) => (head, Some(rest)),
        None => (key, None),
    };
    let once = |is_taken: bool| {
        if is_taken {
            Err(format!("`{key}` is given twice"))
        } else {
            Ok(())
        }
    };
    match (head, rest) {
        ("target", None) => {
            once(arm.target.is_some())?;
            arm.target = Some(value.to_owned());
        }
        ("target_profile", None) => {
            once(arm.target_profile.is_some())?;
            arm.target_profile = Some(value.to_owned());
        }
        ("target_set", Some(path)) if !path.is_empty() => {
            arm.target_set.push(format!("{path}={value}"));
        }
        ("set", Some(path)) if !path.is_empty() => {
            arm.set.push((path.to_owned(), value.to_owned()));
        }
        ("env", Some(name)) if !name.is_empty() => {
            arm.command
                .push((vec!["env".to_owned(), name.to_owned()], value.to_owned()));
        }
        ("cwd", None) => {
            once(arm.names(key))?;
            let folder = here.join(value).display().to_string();
            arm.command.push((vec![key.to_owned()], folder));
        }
        ("command" | "ready" | "ready_within", None) => {
            once(arm.names(key))?;
            arm.command.push((vec![key.to_owned()], value.to_owned()));
        }
        ("target_set" | "set", None | Some("")) => {
            return Err(format!(
                "expected a path after `{head}.`, such as `{head}.http.timeout`"
            ));
        }
        ("env", None | Some("")) => return Err("expected a name after `env.`".to_owned()),
        _ => return Err(unknown(key, head)),
    }
    Ok(())
}

fn unknown(key: &str, head: &str) -> String {
    let hint = match nearest(head, KEYS.map(|key| key.split('.').next().unwrap_or(key))) {
        Some(known) => {
            let written = KEYS.iter().find(|key| key.split('.').next() == Some(known));
            did_you_mean(written.unwrap_or(&known))
        }
        // A key of the scenario.
        None => format!(
            "the keys are {}; a key of the scenario is `set.{key}`",
            listed(&KEYS)
        ),
    };
    format!("`{key}` is not a key of an arm; {hint}")
}

fn complete(arm: &mut Arm, here: &Path) -> Result<(), String> {
    if arm.target.is_some() && !arm.command.is_empty() {
        return Err("`target` names what runs already, and `command`, `cwd`, `env`, `ready` are for a target that Gander \
                    starts: give one of them"
            .to_owned());
    }
    if arm.names("command") && !arm.names("cwd") {
        arm.command
            .push((vec!["cwd".to_owned()], here.display().to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Arm, Vec<String>> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        read_arms(&words, &[], Path::new("/here")).map(|[a, _]| a)
    }

    #[test]
    fn every_key_goes_where_it_belongs() {
        let arm = read(&[
            "target_profile=full",
            "target_set.cache.mode=off",
            "set.http.headers.x=a=b",
            "command=./server --port ${port}",
            "env.A.B=1",
            "ready=/health",
        ])
        .expect("valid");
        let pair = |key: &str, value: &str| {
            (
                key.split('/').map(str::to_owned).collect::<Vec<_>>(),
                value.to_owned(),
            )
        };
        assert_eq!(
            arm,
            Arm {
                target: None,
                target_profile: Some("full".to_owned()),
                target_set: vec!["cache.mode=off".to_owned()],
                set: vec![("http.headers.x".to_owned(), "a=b".to_owned())],
                command: vec![
                    pair("command", "./server --port ${port}"),
                    pair("env/A.B", "1"),
                    pair("ready", "/health"),
                    pair("cwd", "/here"),
                ],
            }
        );
        let inner = read(&["command=x", "cwd=in"]).expect("valid").command;
        assert_eq!(inner[1], pair("cwd", "/here/in"));
        let bundled = read(&["target=bundled"]).expect("valid");
        assert_eq!(bundled.target.as_deref(), Some("bundled"));
    }

    #[test]
    fn everything_wrong_with_both_arms_is_told_without_values() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let a = words(&["tarfet=canary", "target", "env.=canary", "set=canary"]);
        let b = words(&[
            "http.timeout=canary",
            "target=canary",
            "target=canary",
            "command=canary",
        ]);
        let wrong = read_arms(&a, &b, Path::new("/")).expect_err("invalid");
        let expected = [
            "--a tarfet=…: `tarfet` is not a key of an arm; did you mean `target`?",
            "--a target: expected KEY=VALUE",
            "--a env.=…: expected a name",
            "--a set=…: expected a path after `set.`",
            "--b http.timeout=…: `http.timeout` is not a key of an arm; the keys are",
            "--b target=…: `target` is given twice",
            "--b: `target` names what runs already",
        ];
        assert_eq!(wrong.len(), expected.len(), "{wrong:#?}");
        for (found, expected) in wrong.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
            assert!(!found.contains("canary"), "{found}");
        }
    }
}
