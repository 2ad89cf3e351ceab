//! `compare.json`: the comparison for programs. Times are microseconds; a change of a time or a rate is relative (0.1 is
//! +10 %), one of a share is a difference.

use serde::Serialize;

use crate::compare::{Comparison, Design, Part, Row, RunFacts, Scale, Worse};
use crate::report::RenderError;

use super::{Compared, words};

/// The name of the schema; a change that can break a reader gets a new number.
pub const COMPARE_SCHEMA: &str = "gander.compare/1";

/// The schema itself, as JSON Schema.
pub const COMPARE_JSON_SCHEMA: &str = include_str!("compare.schema.json");

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    title: &'a str,
    answer: &'static str,
    exit_code: u8,
    reason: &'a str,
    design: &'static str,
    confidence: f64,
    a: SideDocument<'a>,
    b: SideDocument<'a>,
    differences: Vec<DifferenceDocument<'a>>,
    is_comparable: bool,
    gates: Vec<RowDocument<'a>>,
    figures: Vec<RowDocument<'a>>,
    steps: Vec<RowDocument<'a>>,
    slots: Vec<SlotDocument<'a>>,
    shift: Vec<ShiftDocument>,
    errors: Vec<ErrorDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct SideDocument<'a> {
    name: &'a str,
    runs: &'a [RunFacts],
}

#[derive(Debug, Serialize)]
struct DifferenceDocument<'a> {
    condition: &'a str,
    a: &'a str,
    b: &'a str,
}

/// A row of a comparison.
#[derive(Debug, Serialize)]
pub(in crate::report) struct RowDocument<'a> {
    figure: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    scale: Scale,
    worse: Worse,
    a: Option<f64>,
    b: Option<f64>,
    change: Option<f64>,
    interval: Option<[f64; 2]>,
    p: f64,
    tolerance: f64,
    verdict: &'static str,
    is_not_worse: bool,
    detectable: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
}

#[derive(Debug, Serialize)]
struct SlotDocument<'a> {
    figure: &'a str,
    change: f64,
    p: f64,
    is_noticeable: bool,
}

#[derive(Debug, Serialize)]
struct ShiftDocument {
    quantile: f64,
    change: f64,
    interval: Option<[f64; 2]>,
}

#[derive(Debug, Serialize)]
struct ErrorDocument<'a> {
    step: &'a str,
    class: &'a str,
    a: u64,
    b: u64,
    is_new: bool,
    example: Option<&'a str>,
}

/// The document's bytes.
///
/// # Errors
/// A number has no JSON form.
pub fn document(compared: &Compared) -> Result<Vec<u8>, RenderError> {
    let comparison = &compared.comparison;
    let errors = compared.errors();
    let document = Document {
        schema: COMPARE_SCHEMA,
        title: &compared.title,
        answer: comparison.answer.name(),
        exit_code: comparison.answer.exit().code(),
        reason: &comparison.reason,
        design: match comparison.design {
            Design::Groups => "groups",
            Design::Pairs { .. } => "pairs",
        },
        confidence: comparison.confidence,
        a: SideDocument {
            name: &compared.a.name,
            runs: &comparison.a,
        },
        b: SideDocument {
            name: &compared.b.name,
            runs: &comparison.b,
        },
        differences: comparison
            .conditions
            .differences
            .iter()
            .map(|difference| DifferenceDocument {
                condition: difference.condition,
                a: &difference.a,
                b: &difference.b,
            })
            .collect(),
        is_comparable: comparison.conditions.void.is_none(),
        gates: RowDocument::all(&comparison.gates),
        figures: RowDocument::all(&comparison.others),
        steps: RowDocument::all(&comparison.steps),
        slots: slots(comparison),
        shift: shift(comparison),
        errors: errors
            .iter()
            .map(|row| ErrorDocument {
                step: &row.step,
                class: &row.class,
                a: row.a,
                b: row.b,
                is_new: row.is_new(),
                example: row.example.as_deref(),
            })
            .collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

impl<'a> RowDocument<'a> {
    pub(in crate::report) fn all(rows: &'a [Row]) -> Vec<Self> {
        rows.iter().map(Self::of).collect()
    }

    fn of(row: &'a Row) -> Self {
        let (flow, step) = match &row.figure.part {
            Part::Step { flow, step } => (Some(&**flow), Some(&**step)),
            Part::Run | Part::Threshold => (None, None),
        };
        let is_clear = row.change != crate::compare::Change::Inconclusive;
        Self {
            figure: &row.figure.name,
            flow,
            step,
            scale: row.figure.scale,
            worse: row.figure.worse,
            a: row.a,
            b: row.b,
            change: row.told_change(),
            interval: row
                .told_bounds()
                .map(|bounds| [bounds.low, bounds.high])
                .filter(|ends| ends.iter().all(|end| end.is_finite())),
            p: row.p,
            tolerance: row.limit,
            verdict: row.change.name(),
            is_not_worse: row.is_not_worse(),
            detectable: row.detectable.filter(|size| size.is_finite()),
            needs: row.need.filter(|_| !is_clear).map(|need| need.to_string()),
            explanation: (!is_clear)
                .then(|| words::needs(row))
                .filter(|text| !text.is_empty()),
        }
    }
}

fn slots(comparison: &Comparison) -> Vec<SlotDocument<'_>> {
    comparison
        .slots
        .iter()
        .map(|slot| SlotDocument {
            figure: &slot.figure.name,
            change: slot.figure.scale.told(slot.effect.change),
            p: slot.effect.p_value(),
            is_noticeable: slot.is_noticeable(),
        })
        .collect()
}

fn shift(comparison: &Comparison) -> Vec<ShiftDocument> {
    let known = comparison.shift.iter().flatten();
    known
        .map(|shift| ShiftDocument {
            quantile: shift.quantile,
            change: shift.change,
            interval: shift
                .bounds
                .map(|bounds| [bounds.low, bounds.high])
                .filter(|ends| ends.iter().all(|end| end.is_finite())),
        })
        .collect()
}
