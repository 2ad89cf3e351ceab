//! `functions:`: the modules whose functions expressions call.

use std::sync::Arc;

use crate::expr::is_function;
use crate::format::Problems;
use crate::format::tables::scenario as table;
use crate::script::{Fault, Module, Scripts};
use crate::source::{Content, Diagnostic, FileId, Files, Node, Sources, Span};

/// Reads the modules of a scenario and adds their texts to its files. `None` after an error, which is reported.
pub(super) fn read(
    root: &Node,
    files: &Files,
    sources: &mut Sources,
    problems: &mut Problems,
) -> Option<Arc<Scripts>> {
    let Some(node) = root.get(table::FUNCTIONS.key) else {
        return Some(Arc::default());
    };
    let listed = match &node.value {
        Content::List(items) => items.as_slice(),
        Content::Scalar(_) | Content::Map(_) => std::slice::from_ref(node),
    };
    let mut modules = Vec::new();
    let mut ids = Vec::new();
    for node in listed {
        let Some(scalar) = problems.scalar(node, "the path of a JavaScript file") else {
            continue;
        };
        let name = scalar.text.trim().trim_start_matches("./").to_owned();
        match files.read_text(&name, node.span) {
            Ok((path, text)) => {
                ids.push(sources.add(path, text.clone()));
                modules.push(Module { name, text });
            }
            Err(refusal) => problems.report_perhaps_with(node.span, refusal.message, refusal.hint),
        }
    }
    if modules.len() < listed.len() {
        return None;
    }
    let names: Vec<String> = modules.iter().map(|module| module.name.clone()).collect();
    match Scripts::new(modules) {
        Ok(scripts) => {
            check_names(&scripts, &ids, problems);
            Some(Arc::new(scripts))
        }
        Err(faults) => {
            let faults = faults.into_iter();
            problems.add(faults.map(|fault| diagnostic(fault, &ids, &names, node)));
            None
        }
    }
}

/// Reports functions with the name of a built-in one, or of one of another module.
fn check_names(scripts: &Scripts, ids: &[FileId], problems: &mut Problems) {
    for (index, function) in scripts.functions().iter().enumerate() {
        let name = &function.name;
        let place = |module: usize| {
            let text = &scripts.modules()[module].text;
            let (line, column) = place_of(text, name);
            Span {
                file: ids[module],
                line,
                column,
                length: name.chars().count() as u32,
            }
        };
        let at = place(function.module);
        let earlier = scripts.functions()[..index]
            .iter()
            .find(|earlier| earlier.name == *name);
        let problem = if is_function(name) {
            Diagnostic::new(Some(at), format!("`{name}` is a built-in function"))
        } else if let Some(earlier) = earlier {
            Diagnostic::new(Some(at), format!("two modules export `{name}`"))
                .with_related(place(earlier.module), "the other one")
        } else {
            continue;
        };
        problems.add(vec![problem.with_hint("give the function another name")]);
    }
}

/// The line and the column at which a module defines or exports a name; its beginning if they are not found.
fn place_of(text: &str, name: &str) -> (u32, u32) {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    for (index, line) in text.lines().enumerate() {
        let is_definition = ["export", "function", "const", "let", "var"]
            .iter()
            .any(|word| line.trim_start().starts_with(word));
        let found = line.match_indices(name).find(|(at, _)| {
            let after = line[at + name.len()..].chars().next();
            let before = line[..*at].chars().next_back();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        });
        if let Some((at, _)) = found.filter(|_| is_definition) {
            return (index as u32 + 1, line[..at].chars().count() as u32 + 1);
        }
    }
    (1, 1)
}

/// The diagnostic of a fault, at its place in the module.
fn diagnostic(fault: Fault, ids: &[FileId], names: &[String], node: &Node) -> Diagnostic {
    let Some(place) = fault.place else {
        let names = names.join(", ");
        return Diagnostic::new(
            Some(node.span),
            format!("cannot read {names}: {}", fault.message),
        );
    };
    let span = Span {
        file: ids[place.module],
        line: place.line,
        column: place.column,
        length: 1,
    };
    Diagnostic::new(Some(span), fault.message)
}
