//! `assets`: loads what the last page embeds.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::Uri;

use super::parallel::{Dispatcher, Job, prepare};
use crate::expr::ResponsePart;
use crate::outcome::Outcome;
use crate::scenario::program::Assets;
use crate::scenario::{LARGEST_HTML, embedded};
use crate::transport::Destination;
use crate::units::ByteSize;

/// The largest page that is parsed on the users' own thread, in about a millisecond.
const LARGE: usize = 64 << 10;

/// The maximum number of assets of a page; the others are not loaded.
const MAX_ASSETS: usize = 1_000;

/// Sends a request for each asset that the page names, in the order of the page, each URL once.
pub(in crate::engine) async fn run<W: Dispatcher>(
    walker: &mut W,
    assets: &Assets<W::Request>,
) -> ControlFlow<W::Break> {
    let page = match page(walker) {
        Ok(page) => page,
        Err(reason) => return walker.failed_step("assets", Outcome::Unsendable, reason),
    };
    let found = if page.html.len() > LARGE {
        let shared = Arc::clone(walker.shared());
        shared.offload(|| embedded(&page.html)).await
    } else {
        embedded(&page.html)
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
        if seen.len() < MAX_ASSETS && seen.insert(uri.to_string()) {
            jobs.extend(prepare(walker, &assets.request, Some(uri))?);
        }
    }
    walker.send_all(jobs, assets.at_once as usize).await
}

/// The last response.
struct Page {
    uri: Uri,
    html: String,
}

fn page<W: Dispatcher>(walker: &mut W) -> Result<Page, String> {
    let values = walker.values();
    let uri = values.response(&ResponsePart::Url)?.clone().into_text();
    let uri = uri
        .parse()
        .map_err(|_| format!("the page's URL `{uri}` is not one"))?;
    let html = values.response(&ResponsePart::Body)?.clone().into_text();
    if html.len() > LARGEST_HTML {
        let (size, most) = (ByteSize(html.len() as u64), ByteSize(LARGEST_HTML as u64));
        return Err(format!(
            "the page has {size}; at most {most} are parsed as HTML"
        ));
    }
    Ok(Page { uri, html })
}

/// The destination of a link; `None` for what is not loaded by HTTP, such as `data:`.
fn destination(page: &Uri, link: &str) -> Option<Uri> {
    let destination = Destination::of(page, link.trim()).ok()?;
    Some(destination.uri)
}
