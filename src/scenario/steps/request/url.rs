//! The URL of a request: a path, a path on another target, or a complete URL.

use url::Url;

use crate::expr::TemplateSegment;
use crate::format::Problems;
use crate::scenario::Template;
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Content, Node, brief, did_you_mean, nearest, user_info};

/// Compiles the URL; a path on another target becomes a complete URL.
pub(in crate::scenario) fn url(node: &Node, compiler: &mut Compiler<'_>) -> Option<Template> {
    let template = compiler.url(node, "a path such as /users, or a URL")?;
    let template = match target(&template.source).map(str::len) {
        Some(length) => on_target(template, length, node, compiler)?,
        None => template,
    };
    check_url(&template, node, compiler.problems).then_some(template)
}

/// The name of the target in `name:/path`.
fn target(written: &str) -> Option<&str> {
    let (name, path) = written.split_once(':')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    (is_name && path.starts_with('/') && !path.starts_with("//")).then_some(name)
}

/// The URL with the base URL of its target, whose name has this length, in place of the name.
fn on_target(
    mut template: Template,
    length: usize,
    node: &Node,
    compiler: &mut Compiler<'_>,
) -> Option<Template> {
    let name = &template.source[..length];
    let Some(base) = compiler.targets.get(name) else {
        let known = compiler.targets.keys().map(String::as_str);
        let hint = match nearest(name, known) {
            Some(near) => did_you_mean(&format!("{near}:")),
            None => format!("add it at the top level: `targets: {{ {name}: https://… }}`"),
        };
        let message = format!("there is no target `{}`", brief(name));
        compiler.problems.report_with(node.span, message, hint);
        return None;
    };
    let base = base.as_str().trim_end_matches('/');
    let with_base = |text: &str| format!("{base}{}", &text[length + 1..]).into_boxed_str();
    template.source = with_base(&template.source);
    if let Some(TemplateSegment::Literal(text)) = template.segments.first_mut() {
        *text = with_base(text);
    }
    Some(template)
}

/// The URL as written in the file, without `user:password@`.
pub(in crate::scenario) fn written(node: &Node) -> String {
    let Content::Scalar(scalar) = &node.value else {
        return String::new();
    };
    let text = scalar.written.as_deref().unwrap_or(&scalar.text);
    match user_info::find(text) {
        Some(found) => format!("{}{}", &text[..found.start], &text[found.end..]),
        None => text.to_owned(),
    }
}

/// The characters of a template outside `${…}`.
fn outside_expressions(written: &str) -> impl Iterator<Item = char> {
    written
        .split("${")
        .enumerate()
        .flat_map(|(index, part)| match (index, part.split_once('}')) {
            (0, _) => part.chars(),
            (_, Some((_, rest))) => rest.chars(),
            (_, None) => "".chars(),
        })
}

/// True if the URL can be resolved: an absolute path, an absolute URL, or an expression that renders one of them.
fn check_url(template: &Template, node: &Node, problems: &mut Problems) -> bool {
    let written = &*template.source;
    if template
        .literal()
        .is_some_and(|url| user_info::find(url).is_some())
    {
        problems.report_with(
            node.span,
            "a URL may not contain credentials",
            "give them as `auth: { basic: { user: …, password: … } }`, which no report shows",
        );
        return false;
    }
    if written.starts_with("${") {
        return true;
    }
    if outside_expressions(written).any(|c| c.is_control() || c == ' ') {
        problems.report_with(
            node.span,
            "a URL may not contain spaces or control characters",
            "write a space as `%20`, or put the value under `query:`",
        );
        return false;
    }
    if written.contains('#') {
        problems.report(node.span, "a fragment (`#…`) is never sent; remove it");
        return false;
    }
    if written.starts_with('/') && !written.starts_with("//") {
        return true;
    }
    if !written.starts_with("http://") && !written.starts_with("https://") {
        problems.report_with(
            node.span,
            format!(
                "`{}` is neither a path nor a URL",
                brief(&user_info::masked(written))
            ),
            "a path starts with `/`, a URL with http:// or https://",
        );
        return false;
    }
    // Only a literal URL can be parsed now; a rendered one is checked when it is sent.
    if let Some(literal) = template.literal()
        && let Err(error) = Url::parse(literal)
    {
        problems.report(
            node.span,
            format!("`{}` is not a URL: {error}", brief(literal)),
        );
        return false;
    }
    true
}
