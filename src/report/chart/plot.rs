//! The base of a chart: axes, grid, lines, areas, labels and hover texts, on top of plotters' SVG.
//!
//! plotters uses whole units; a unit here is a tenth of a pixel, so lines are smooth.

use std::fmt::Write as _;
use std::io;

use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Cross, Rectangle, Text, TriangleMarker};
use plotters::prelude::SVGBackend;
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontFamily, FontStyle, IntoTextStyle, ShapeStyle, TextStyle};

use super::axis::Axis;
use super::ink::{Ink, with_classes};
use crate::report::RenderError;

/// Units per pixel.
const SCALE: i32 = 10;

type Fallible = Result<(), RenderError>;
type PlotError = DrawingAreaErrorKind<io::Error>;

fn failed(error: &PlotError) -> RenderError {
    RenderError::Chart(error.to_string())
}

/// A chart's size and margins in pixels, and its texts.
#[derive(Debug, Clone)]
pub(super) struct Sheet<'a> {
    /// An id that is unique on the page: letters, digits and dashes.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

impl<'a> Sheet<'a> {
    /// A chart of the full page width.
    pub(super) const fn wide(
        id: &'a str,
        title: &'a str,
        description: &'a str,
        height: i32,
    ) -> Self {
        Self {
            id,
            title,
            description,
            width: 1_080,
            height,
            left: 66,
            right: 84,
            top: 22,
            bottom: 26,
        }
    }
}

/// A range of the x axis and its hover text.
#[derive(Debug, Clone)]
pub(super) struct Readout {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) text: String,
    /// The page that a click opens.
    pub(super) link: Option<String>,
}

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    Dot,
    Cross,
    Triangle,
}

/// A chart being drawn; x and y use the axes' numbers.
pub(super) struct Plot<'a> {
    root: DrawingArea<SVGBackend<'a>, Shift>,
    chart: ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    y: Axis,
    x: Axis,
}

/// Draws a chart: grid and axes, then `body`, then the hover areas on top.
pub(super) fn draw(
    sheet: &Sheet<'_>,
    x: Axis,
    y: Axis,
    readouts: &[Readout],
    body: impl FnOnce(&mut Plot<'_>) -> Fallible,
) -> Result<String, RenderError> {
    let mut svg = String::new();
    let mut hits = String::new();
    {
        let size = ((sheet.width * SCALE) as u32, (sheet.height * SCALE) as u32);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let chart = ChartBuilder::on(&root)
            .margin_top(sheet.top * SCALE)
            .margin_right(sheet.right * SCALE)
            .set_label_area_size(LabelAreaPosition::Left, sheet.left * SCALE)
            .set_label_area_size(LabelAreaPosition::Bottom, sheet.bottom * SCALE)
            .build_cartesian_2d(x.from..x.to, y.from..y.to)
            .map_err(|error| failed(&error))?;
        let mut plot = Plot { root, chart, y, x };
        body(&mut plot)?;
        for readout in readouts {
            plot.hit(readout, &mut hits);
        }
        plot.root.present().map_err(|error| failed(&error))?;
    }
    Ok(finish(sheet, &svg, &hits))
}

impl Plot<'_> {
    /// Thin lines and labels at the ticks, and the base line. Drawn after areas and before lines.
    pub(super) fn axes(&mut self) -> Fallible {
        let (x, y) = (self.x.clone(), self.y.clone());
        for tick in &y.ticks {
            self.path(&[(x.from, tick.at), (x.to, tick.at)], Ink::Grid, 10)?;
            let (left, row) = self.place(x.from, tick.at);
            self.text(
                &tick.label,
                (left - 80, row),
                Ink::Text,
                (HPos::Right, VPos::Center),
            )?;
        }
        let mut last_end = i32::MIN;
        for tick in &x.ticks {
            let (column, bottom) = self.place(tick.at, y.from);
            let half = tick.label.chars().count() as i32 * 33;
            self.path(
                &[
                    (tick.at, y.from),
                    (tick.at, y.from + (y.to - y.from) * 0.015),
                ],
                Ink::Axis,
                10,
            )?;
            if column - half > last_end + 60 {
                self.text(
                    &tick.label,
                    (column, bottom + 80),
                    Ink::Text,
                    (HPos::Center, VPos::Top),
                )?;
                last_end = column + half;
            }
        }
        self.path(&[(x.from, y.from), (x.to, y.from)], Ink::Axis, 10)
    }

    /// A line through the points; it is interrupted where values are missing, and a single point is a dot.
    pub(super) fn line(&mut self, points: &[(f64, Option<f64>)], ink: Ink, width: u32) -> Fallible {
        let few = points.len() <= 40;
        for run in points.split(|(_, y)| y.is_none()) {
            let run: Vec<(f64, f64)> = run
                .iter()
                .filter_map(|(x, y)| y.map(|y| (*x, y.clamp(self.y.from, self.y.to))))
                .collect();
            if run.len() > 1 {
                self.path(&run, ink, width)?;
            }
            if run.len() == 1 || few {
                self.chart
                    .draw_series(run.into_iter().map(|at| {
                        Circle::new(at, 10 + width, ShapeStyle::from(&ink.colour()).filled())
                    }))
                    .map_err(|error| failed(&error))?;
            }
        }
        Ok(())
    }

    /// A dot at each point.
    pub(super) fn dots(&mut self, points: impl Iterator<Item = (f64, f64)>, ink: Ink) -> Fallible {
        const RADIUS: u32 = 45;
        let style = ShapeStyle::from(&ink.colour()).filled();
        self.chart
            .draw_series(points.map(|at| Circle::new(at, RADIUS, style)))
            .map(|_| ())
            .map_err(|error| failed(&error))
    }

    /// A point as a shape.
    pub(super) fn symbol(&mut self, at: (f64, f64), symbol: Symbol, ink: Ink) -> Fallible {
        const SIZE: u32 = 42;
        let style = ShapeStyle::from(&ink.colour()).filled();
        let place = self.place(at.0, at.1);
        match symbol {
            Symbol::Dot => self.root.draw(&Circle::new(place, SIZE, style)),
            Symbol::Cross => self
                .root
                .draw(&Cross::new(place, SIZE, style.stroke_width(22))),
            Symbol::Triangle => self
                .root
                .draw(&TriangleMarker::new(place, SIZE + 12, style)),
        }
        .map_err(|error| failed(&error))
    }

    /// A line, without regard to lines below it.
    pub(super) fn path(&mut self, points: &[(f64, f64)], ink: Ink, width: u32) -> Fallible {
        let style = ShapeStyle::from(&ink.colour()).stroke_width(width);
        self.chart
            .draw_series(LineSeries::new(points.iter().copied(), style))
            .map(|_| ())
            .map_err(|error| failed(&error))
    }

    /// A filled box between two corners.
    pub(super) fn fill(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink) -> Fallible {
        let style = ShapeStyle::from(&ink.colour()).filled();
        self.chart
            .plotting_area()
            .draw(&Rectangle::new([from, to], style))
            .map_err(|error| failed(&error))
    }

    /// A filled band over the full height, clipped to the axis.
    pub(super) fn band(&mut self, from: f64, to: f64, ink: Ink) -> Fallible {
        let (from, to) = (from.max(self.x.from), to.min(self.x.to));
        if from >= to {
            return Ok(());
        }
        self.fill((from, self.y.from), (to, self.y.to), ink)
    }

    /// A short vertical line above the chart with a label.
    pub(super) fn mark(&mut self, at: f64, label: &str) -> Fallible {
        let (from, to) = (self.y.from, self.y.to);
        self.path(&[(at, from), (at, to)], Ink::Axis, 8)?;
        let place = self.place(at, to);
        self.text(
            label,
            (place.0, place.1 - 50),
            Ink::Text,
            (HPos::Left, VPos::Bottom),
        )
    }

    /// A label inside the chart.
    pub(super) fn note(&mut self, at: (f64, f64), label: &str, ink: Ink) -> Fallible {
        let (column, row) = self.place(at.0, at.1);
        self.text(label, (column, row), ink, (HPos::Left, VPos::Bottom))
    }

    /// Labels at the right end of the lines, moved apart so that they do not overlap.
    pub(super) fn end_labels(&mut self, labels: &[(f64, String, Ink)]) -> Fallible {
        const APART: i32 = 140;
        let right = self.place(self.x.to, self.y.from).0;
        let mut placed: Vec<(i32, &str, Ink)> = labels
            .iter()
            .map(|(y, label, ink)| {
                let y = y.clamp(self.y.from, self.y.to);
                (self.place(self.x.to, y).1, label.as_str(), *ink)
            })
            .collect();
        placed.sort_by_key(|(row, ..)| *row);
        for index in 1..placed.len() {
            placed[index].0 = placed[index].0.max(placed[index - 1].0 + APART);
        }
        // The lowest label may be below the chart now: move labels up from there.
        let mut lowest = self.place(self.x.to, self.y.from).1;
        for label in placed.iter_mut().rev() {
            label.0 = label.0.min(lowest);
            lowest = label.0 - APART;
        }
        for (row, label, ink) in placed {
            self.text(label, (right + 80, row), ink, (HPos::Left, VPos::Center))?;
        }
        Ok(())
    }

    /// A label at a position in units, anchored.
    fn text(&mut self, label: &str, at: (i32, i32), ink: Ink, anchor: (HPos, VPos)) -> Fallible {
        let colour = ink.colour();
        let style: TextStyle<'_> = (FontFamily::SansSerif, 143, FontStyle::Normal)
            .into_text_style(&self.root)
            .color(&colour)
            .pos(Pos::new(anchor.0, anchor.1));
        self.root
            .draw(&Text::new(label.to_owned(), at, style))
            .map_err(|error| failed(&error))
    }

    /// True if a height is inside the chart.
    pub(super) fn shows(&self, y: f64) -> bool {
        (self.y.from..=self.y.to).contains(&y)
    }

    /// A label in the left margin.
    pub(super) fn row_label(&mut self, y: f64, label: &str, ink: Ink) -> Fallible {
        let (left, row) = self.place(self.x.from, y);
        self.text(label, (left - 80, row), ink, (HPos::Right, VPos::Center))
    }

    fn place(&self, x: f64, y: f64) -> (i32, i32) {
        self.chart.backend_coord(&(x, y))
    }

    fn hit(&self, readout: &Readout, out: &mut String) {
        let (left, top) = self.place(readout.from, self.y.to);
        let (right, bottom) = self.place(readout.to, self.y.from);
        // The table has the same links, so the keyboard need not visit each point.
        let (open, close) = match &readout.link {
            Some(link) => (
                format!("<a href=\"{}\" tabindex=\"-1\">", escape(link)),
                "</a>",
            ),
            None => (String::new(), ""),
        };
        let _ = writeln!(
            out,
            "{open}<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>{close}",
            (right - left).max(1),
            bottom - top,
            escape(&readout.text)
        );
    }
}

/// The document with its size as a view box, its texts for screen readers, and classes for its colours.
fn finish(sheet: &Sheet<'_>, svg: &str, hits: &str) -> String {
    let body = svg
        .split_once('>')
        .map_or("", |(_, rest)| rest)
        .trim()
        .trim_end_matches("</svg>");
    let id = sheet.id;
    let readouts = if hits.is_empty() {
        String::new()
    } else {
        format!("<g class=\"hits\" fill=\"none\" pointer-events=\"all\">\n{hits}</g>\n")
    };
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>{}\n{readouts}</svg>",
        sheet.width * SCALE,
        sheet.height * SCALE,
        escape(sheet.title),
        escape(sheet.description),
        with_classes(body)
    )
}

/// Escapes text for XML.
pub(in crate::report) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
