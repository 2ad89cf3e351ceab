//! `report.html`: one file that explains itself, with no network and no script.
//!
//! Every word and number is put in place by tera with autoescaping on; the only markup that goes in as it is are charts
//! made here, the style sheet, and the summary's JSON with `<` escaped.

mod failures;
mod guide;
mod page;
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
const STYLE: &str = include_str!("../templates/report.css");

/// Writes `report.html`.
#[derive(Debug)]
pub struct ReportHtml;

impl Renderer for ReportHtml {
    fn file_name(&self) -> &'static str {
        "report.html"
    }

    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError> {
        let mut tera = Tera::new();
        // The name decides that values are escaped.
        tera.add_raw_template("report.html", TEMPLATE)?;
        let context = Context::from_serialize(&Page::of(report)?)?;
        Ok(tera.render("report.html", &context)?.into_bytes())
    }
}
