//! What all pages of a site share: the frame around them, the style of reports, and one script that filters tables.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tera::{Context, Tera};

use crate::report::RenderError;
use crate::report::html::STYLE;

const FRAME: &str = include_str!("../templates/site.html");
const HOME: &str = include_str!("../templates/site_home.html");
const SCENARIO: &str = include_str!("../templates/site_scenario.html");
const OWN_STYLE: &str = include_str!("../templates/site.css");
const SCRIPT: &str = include_str!("../templates/site.js");

/// The parts that all pages share.
#[derive(Debug, Serialize)]
pub(super) struct Frame {
    css: String,
    gander: &'static str,
    script: &'static str,
    /// The page's policy allows the script with this hash and no other.
    script_sha256: String,
    /// The way from the page to the site's folder.
    up: &'static str,
}

impl Frame {
    pub(super) fn new(up: &'static str) -> Self {
        let script = SCRIPT.trim();
        Self {
            css: format!("{STYLE}{OWN_STYLE}"),
            gander: env!("CARGO_PKG_VERSION"),
            script,
            script_sha256: BASE64_STANDARD.encode(Sha256::digest(script)),
            up,
        }
    }
}

/// The template of a page.
#[derive(Debug, Clone, Copy)]
pub(super) enum Template {
    Home,
    Scenario,
}

pub(super) fn render(template: Template, page: &impl Serialize) -> Result<Vec<u8>, RenderError> {
    let (name, text) = match template {
        Template::Home => ("home.html", HOME),
        Template::Scenario => ("scenario.html", SCENARIO),
    };
    let mut tera = Tera::new();
    tera.add_raw_templates(vec![("site.html", FRAME), (name, text)])?;
    let context = Context::from_serialize(page)?;
    Ok(tera.render(name, &context)?.into_bytes())
}
