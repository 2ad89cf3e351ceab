//! `assets`: the files that a page embeds.

use http::Method;

use super::request::{NAME, SILENT, TAGS, labels};
use super::{IF, StepKind, childless, none};
use crate::format::tables::assets::{HTML, PARALLEL, SAME_HOST, TABLE as OPTIONS, TYPE};
use crate::format::tables::http::TIMEOUT;
use crate::format::{Field, Mapping};
use crate::scenario::program::Assets;
use crate::scenario::validate::auth;
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::validate::http::timeouts;
use crate::scenario::{Action, Body, BodyCoding, Request, Template};
use crate::source::{Content, Entry, Node};

/// The name of the step without `name`.
const USUAL_NAME: &str = "assets";

const ASSETS: Field = Field::new(
    "assets",
    TYPE,
    "html",
    "`html` loads the assets of the last response as a browser loads those of a page: scripts, style sheets, icons, \
     images and posters of videos; of a `srcset` the image for a screen with one pixel per CSS pixel. A mapping changes \
     the options.",
)
.required()
.home("loading assets is a step: an item under `steps:` of a flow, after the request for the page");

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["assets"],
    read,
    captures: none,
    children: childless,
};

static TABLE: Mapping = Mapping {
    name: "page assets",
    what: "a step that loads assets",
    doc: "Loads what the last page embeds: `GET` for each link in the order of the page, each URL once, several at the \
        same time, like a browser with an empty cache. The requests share one series. `<base>` is followed; `data:` \
        URLs, frames, and what scripts or style sheets would load are not. At most 1000 assets are loaded.",
    fields: &[ASSETS, NAME, TAGS, SILENT, TIMEOUT, IF],
    example: "assets: html\nname: assets of the start page\n",
    rest: "assets: html\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let is_html = matches!(&head.value.value, Content::Scalar(text) if text.text == HTML);
    let (at_once, same_host) = if is_html {
        (PARALLEL.default_text().parse().ok(), Some(true))
    } else if let Content::Map(_) = head.value.value {
        let options = compiler.problems.fields(&head.value, &OPTIONS)?;
        let at_once = compiler.problems.value(&options, &PARALLEL);
        (at_once, compiler.problems.value(&options, &SAME_HOST))
    } else {
        compiler.problems.expected(
            "`html`, or a mapping with `parallel` or `same_host`",
            &head.value,
        );
        return None;
    };
    let name = match fields.get(&NAME) {
        Some(node) => compiler.problems.fixed_name(node, "a step's name"),
        None => Some(USUAL_NAME),
    };
    let defaults = compiler.timeouts;
    let timeouts = fields
        .get(&TIMEOUT)
        .map_or(defaults, |node| timeouts(node, defaults, compiler.problems));
    let labels = labels(&fields, compiler);
    let is_silent = compiler.problems.value(&fields, &SILENT);
    let request = Request {
        name: name?.to_owned(),
        method: Method::GET,
        // Each asset has its own.
        url: Template::from_literal("/"),
        written: "assets of the page".to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        header_cases: Vec::new(),
        cookies: Vec::new(),
        body: Body::Empty,
        coding: BodyCoding::Identity,
        auth: auth::of_request(None, compiler),
        timeouts,
        redirects: None,
        failed: compiler.failed.clone(),
        is_silent: is_silent.unwrap_or_default(),
        tags: labels,
        checks: Vec::new(),
        captures: Vec::new(),
        records: Vec::new(),
        span: head.key_span,
    };
    Some(Action::Assets(Box::new(Assets {
        request,
        at_once: at_once?,
        same_host: same_host?,
    })))
}
