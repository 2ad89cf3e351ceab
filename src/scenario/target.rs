//! What a scenario loads.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// Base URLs of further targets, by name.
pub type Targets = BTreeMap<String, Url>;

/// The target of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Folio, which Gander starts on a free port for the run.
    Bundled,
    /// A running service: scheme, host, port and an optional base path.
    Url(Url),
    /// A program that Gander starts on a free port for the run.
    Command(TargetCommand),
}

/// A program that serves HTTP on a port of 127.0.0.1 which Gander chooses.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetCommand {
    /// The program and its arguments; at least one.
    pub words: Vec<PortText>,
    /// The folder in which it runs.
    pub cwd: PathBuf,
    /// Environment variables besides those of Gander, by name. Values may be secret.
    pub env: Vec<(String, PortText)>,
    /// The path that answers with a status from 200 to 299 once it is ready; `None` means that accepting a connection
    /// is enough.
    pub ready: Option<String>,
    /// The time limit for getting ready.
    pub ready_within: Duration,
}

impl TargetCommand {
    /// The program and its arguments on this port.
    pub fn words_at(&self, port: u16) -> Vec<String> {
        self.words.iter().map(|word| word.at(port)).collect()
    }
}

/// The command line as a shell would read it, with `${port}` as written.
impl fmt::Display for TargetCommand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, word) in self.words.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            let text = word.as_written();
            // The port needs no quotes, so that `${port}` stays readable.
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:@%+,".contains(c);
            if !text.is_empty() && word.at(0).chars().all(is_plain) {
                write!(out, "{space}{text}")?;
            } else {
                write!(out, "{space}'{}'", text.replace('\'', "'\\''"))?;
            }
        }
        Ok(())
    }
}

/// Without the environment, which may be secret.
impl fmt::Debug for TargetCommand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        out.debug_struct("TargetCommand")
            .field("words", &self.to_string())
            .field("cwd", &self.cwd)
            .field("env", &names)
            .field("ready", &self.ready)
            .field("ready_within", &self.ready_within)
            .finish()
    }
}

/// A text in which `${port}` stands for the port, and `$${` for a literal `${`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortText {
    /// The text between the ports: n ports are between n + 1 parts.
    parts: Vec<String>,
}

impl PortText {
    const PORT: &str = "${port}";

    /// Reads a text; the error is the `${…}` in it that is not the port.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                part.push_str(before);
                part.push_str("${");
                rest = &from[2..];
            } else if let Some(after) = from.strip_prefix(Self::PORT) {
                part.push_str(before);
                parts.push(std::mem::take(&mut part));
                rest = after;
            } else {
                let end = from.find('}').map_or(from.len(), |end| end + 1);
                return Err(from[..end].to_owned());
            }
        }
        part.push_str(rest);
        parts.push(part);
        Ok(Self { parts })
    }

    /// The text for this port.
    pub fn at(&self, port: u16) -> String {
        self.parts.join(&port.to_string())
    }

    /// The text with `${port}`.
    pub fn as_written(&self) -> String {
        self.parts.join(Self::PORT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_inserted_and_an_escape_is_not() {
        for (text, expected) in [
            ("--port=${port}", Ok("--port=80")),
            ("${port}:${port}", Ok("80:80")),
            ("$${port}", Ok("${port}")),
            ("a$b", Ok("a$b")),
            ("", Ok("")),
            ("${user.id}x", Err("${user.id}")),
            ("${", Err("${")),
        ] {
            let found = PortText::parse(text).map(|text| text.at(80));
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }

    #[test]
    fn a_command_is_shown_as_a_shell_reads_it() {
        let words = ["./server", "--port=${port}", "it's", "a b", ""];
        let command = TargetCommand {
            words: words
                .map(|word| PortText::parse(word).expect("a text"))
                .into(),
            cwd: PathBuf::new(),
            env: vec![("KEY".to_owned(), PortText::parse("canary").expect("a text"))],
            ready: None,
            ready_within: Duration::from_secs(1),
        };
        let shown = "./server --port=${port} 'it'\\''s' 'a b' ''";
        assert_eq!(command.to_string(), shown);
        assert!(!format!("{command:?}").contains("canary"));
    }
}
