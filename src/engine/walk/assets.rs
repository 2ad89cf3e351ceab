//! `assets`: loads what the last page embeds.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::Uri;

use super::parallel::{Dispatcher, Job, prepare};
use crate::engine::judge::LARGE;
use crate::engine::state::Values;
use crate::engine::trial::Note;
use crate::expr::ResponsePart;
use crate::outcome::Outcome;
use crate::scenario::embedded;
use crate::scenario::program::Assets;
use crate::transport::Destination;

/// The maximum number of assets of a page; the others are not loaded.
const MAX_ASSETS: usize = 1_000;

/// Sends a request for each asset that the page names, in the order of the page, each URL once.
pub(in crate::engine) async fn run<W: Dispatcher>(
    walker: &mut W,
    assets: &Assets<W::Request>,
) -> ControlFlow<W::Break> {
    let page = match page(walker) {
        Ok(page) => page,
        Err(reason) => return walker.failed_step("assets", Outcome::Step, reason),
    };
    let found = if page.html.len() > LARGE {
        let shared = Arc::clone(walker.shared());
        shared.offload(|| embedded(&page.html)).await
    } else {
        embedded(&page.html)
    };
    let found = match found {
        Ok(found) => found,
        Err(reason) => {
            let reason = format!("the last response is {reason}");
            return walker.failed_step("assets", Outcome::Step, reason);
        }
    };
    let mut jobs: Vec<Job<'_, W::Request>> = Vec::new();
    let base = found.base.and_then(|base| destination(&page.uri, &base));
    let base = base.as_ref().unwrap_or(&page.uri);
    let mut seen = HashSet::new();
    for link in &found.links {
        let Some(uri) = destination(base, link) else {
            continue;
        };
        if assets.same_host && uri.authority() != page.uri.authority() {
            continue;
        }
        if !seen.insert(uri.to_string()) {
            continue;
        }
        if seen.len() > MAX_ASSETS {
            walker.log(format!(
                "assets: the page {} has more than {MAX_ASSETS}; the others are not loaded",
                page.uri.path()
            ));
            break;
        }
        let number = jobs.len();
        jobs.extend(prepare(walker, &assets.request, number, Some(uri))?);
    }
    let (named, requests) = (found.links.len(), jobs.len());
    walker.tell(|_| {
        let text = format!("the page names {named}, {requests} of which are requested");
        Note::plain("assets", text)
    });
    walker.send_all(jobs, assets.at_once as usize).await
}

/// The last response.
struct Page {
    uri: Uri,
    html: String,
}

fn page<W: Dispatcher>(walker: &mut W) -> Result<Page, String> {
    let values = walker.values();
    if let Some(kind) = content_type(values) {
        return Err(format!("the last response is {kind}, not HTML"));
    }
    let uri = values.response(&ResponsePart::Url)?.clone().into_text();
    let uri = uri
        .parse()
        .map_err(|_| format!("`{uri}` is not a valid URL of a page"))?;
    let html = values.response(&ResponsePart::Body)?.clone().into_text();
    Ok(Page { uri, html })
}

/// The type of the last response, if it has one that is not HTML.
fn content_type(values: &dyn Values) -> Option<String> {
    let header = ResponsePart::Header("content-type".into());
    let kind = values.response(&header).ok()?.clone().into_text();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_html = matches!(&*kind, "text/html" | "application/xhtml+xml" | "");
    (!is_html).then_some(kind)
}

/// The destination of a link; `None` for what is not loaded by HTTP, such as `data:`.
fn destination(page: &Uri, link: &str) -> Option<Uri> {
    let destination = Destination::of(page, link.trim()).ok()?;
    Some(destination.uri)
}
