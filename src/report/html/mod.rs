//! `report.html`: a single file that explains itself, without network or scripts.
//!
//! tera inserts every text and number with autoescaping. Only charts made here, the style sheet, and the summary's
//! JSON (with `<` escaped) are inserted as markup.

mod capacity;
mod custom;
mod failures;
mod guide;
mod kept;
mod page;
mod slowest;
mod steps;
mod tables;
mod tiles;

use tera::{Context, Tera};

use super::model::Report;
use super::{RenderError, Renderer};
use page::Page;

pub(super) use page::conclusion;
pub(super) use tables::{signed_percent, standing};

const TEMPLATE: &str = include_str!("../templates/report.html");
/// The table of the slowest requests, which the page and the details of steps show.
const SLOW: &str = include_str!("../templates/slow.html");
pub(super) const STYLE: &str = include_str!("../templates/report.css");

/// Writes `report.html`.
#[derive(Debug)]
pub struct ReportHtml;

impl Renderer for ReportHtml {
    fn file_name(&self) -> &'static str {
        "report.html"
    }

    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError> {
        let mut tera = Tera::new();
        // tera decides by the file name to escape values.
        tera.add_raw_templates([("slow.html", SLOW), ("report.html", TEMPLATE)])?;
        let context = Context::from_serialize(&Page::of(report)?)?;
        Ok(tera.render("report.html", &context)?.into_bytes())
    }
}
