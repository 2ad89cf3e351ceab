//! `trace_context` of `http`, and `trace_url`.

use url::Url;

use crate::format::tables::http::{self, trace_context as table};
use crate::format::tables::scenario::TRACE_URL;
use crate::format::{Fields, Problems};
use crate::scenario::{TRACE_ID, TraceSampling};
use crate::source::{Content, Node, brief, user_info};

/// Reads `trace_context:`; true means every request is sampled, false that none sends trace context.
pub(super) fn context(fields: &Fields<'_>, problems: &mut Problems) -> Option<TraceSampling> {
    let node = fields.get(&http::TRACE_CONTEXT);
    let Some(node) = node.filter(|node| matches!(node.value, Content::Map(_))) else {
        let is_on = problems.value(fields, &http::TRACE_CONTEXT)?;
        return Option::filter(Some(TraceSampling::ALL), |_| is_on);
    };
    let fields = problems.fields(node, &table::TABLE)?;
    match fields.get(&table::SAMPLED) {
        Some(node) => sampled(node, problems),
        None => Some(TraceSampling::ALL),
    }
}

fn sampled(node: &Node, problems: &mut Problems) -> Option<TraceSampling> {
    const WHAT: &str = "a percentage above 0 and at most 100, such as 10%";
    let text = problems.scalar(node, WHAT)?.text.as_str();
    let percent = text.trim().strip_suffix('%');
    let percent = percent.and_then(|percent| percent.trim().replace('_', "").parse::<f64>().ok());
    let sampling = percent.and_then(|percent| TraceSampling::of(percent / 100.0));
    if sampling.is_none() {
        problems.expected(WHAT, node);
    }
    sampling
}

/// Reads `trace_url:`.
pub(super) fn url(fields: &Fields<'_>, problems: &mut Problems) -> Option<String> {
    const WHAT: &str = "a URL such as https://tempo.test/trace/${trace_id}";
    let node = fields.get(&TRACE_URL)?;
    let text = problems.scalar(node, WHAT)?.text.trim();
    let shown = || brief(&user_info::masked(text));
    if !text.contains(TRACE_ID) {
        let message = format!("`trace_url` has no `{TRACE_ID}` in it: found `{}`", shown());
        let hint = format!("write `{TRACE_ID}` where the id of the trace belongs");
        problems.report_with(node.span, message, hint);
        return None;
    }
    let without_id = text.replace(TRACE_ID, "0");
    let complaint = match Url::parse(&without_id) {
        Err(error) => format!("`{}` is not a URL: {error}", shown()),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            format!(
                "`trace_url` must start with http:// or https://, found `{}`",
                shown()
            )
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "`trace_url` may not contain credentials, because the report shows it".to_owned()
        }
        Ok(_) if without_id.contains("${") => {
            format!("`trace_url` inserts only `{TRACE_ID}`, found `{}`", shown())
        }
        // The scheme in lower case.
        Ok(url) => {
            let rest = &text[text.find("://").unwrap_or_default()..];
            return Some(format!("{}{rest}", url.scheme()));
        }
    };
    problems.report_with(node.span, complaint, format!("write it as {WHAT}"));
    None
}
