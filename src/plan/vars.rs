//! Draws the variables of `vars` whose values are expressions: once a run, from its seed.

use std::sync::Arc;

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

use super::Workload;
use crate::expr::{Ambient, Context, Missing, StoredValue};
use crate::scenario::{Diagnostic, SlotId, Template, Value, Variable};
use crate::script::{Scripts, Surroundings};

/// The stream of these random numbers, which no user has.
const STREAM: u128 = 0x7661_7273_5f6f_665f_7468_655f_7275_6e00;

/// Gives each variable that has an expression its value, in the order of the file. Every segment of a run draws the same
/// values, unless an expression reads the clock.
pub(super) fn draw(workload: &mut Workload) -> Vec<Diagnostic> {
    let mut drawing = Drawing {
        seed: workload.seed,
        variables: std::mem::take(&mut workload.variables),
        scripts: Arc::clone(&workload.scripts),
        random: Pcg64Mcg::new(STREAM ^ u128::from(workload.seed) << 8),
    };
    let mut problems = Vec::new();
    for slot in 0..drawing.variables.len() {
        let Some(drawn) = drawing.variables[slot].drawn.clone() else {
            continue;
        };
        match drawn.value(&mut drawing) {
            Ok(value) => drawing.variables[slot].initial = Some(value),
            Err(missing) => {
                let name = &drawing.variables[slot].name;
                let message = format!("`{name}` cannot be drawn: {missing}");
                problems.push(Diagnostic::new(Some(drawn.span), message));
            }
        }
    }
    workload.variables = drawing.variables;
    problems
}

/// The text of a template that needs no user, or the reason why there is none.
pub(super) fn rendered(workload: &Workload, template: &Template) -> Result<String, Missing> {
    let mut drawing = Drawing {
        seed: workload.seed,
        variables: workload.variables.clone(),
        scripts: Arc::clone(&workload.scripts),
        random: Pcg64Mcg::new(STREAM ^ u128::from(workload.seed) << 8),
    };
    let mut text = String::new();
    template.render(&mut drawing, &mut text)?;
    Ok(text)
}

/// The variables so far.
struct Drawing {
    seed: u64,
    variables: Vec<Variable>,
    scripts: Arc<Scripts>,
    random: Pcg64Mcg,
}

impl Context for Drawing {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        self.variables[slot.0 as usize].initial.as_ref()
    }

    fn column(&self, _: usize, _: usize) -> Option<StoredValue<'_>> {
        None
    }

    fn random(&mut self) -> u64 {
        self.random.next_u64()
    }

    fn user(&self) -> u64 {
        0
    }

    fn iteration(&self) -> u64 {
        0
    }

    fn slot_name(&self, slot: SlotId) -> &str {
        &self.variables[slot.0 as usize].name
    }

    fn column_name(&self, _: usize, _: usize) -> String {
        String::new()
    }

    fn script(&mut self, function: usize, arguments: &[Value]) -> Result<Value, String> {
        let surroundings = Surroundings {
            seed: self.random(),
            now: self.now().timestamp_millis() as f64,
        };
        let returned = self.scripts.call(function, arguments, surroundings);
        returned.map_err(|fault| fault.to_string())
    }

    fn ambient(&self, ambient: Ambient) -> Option<Value> {
        match ambient {
            Ambient::RunSeed => Some(self.seed.into()),
            Ambient::IterationId
            | Ambient::IterationNumber
            | Ambient::UserId
            | Ambient::FlowName
            | Ambient::RunId
            | Ambient::RunSegment
            | Ambient::RunElapsed
            | Ambient::RequestMethod
            | Ambient::RequestPath
            | Ambient::RequestQuery
            | Ambient::RequestHost
            | Ambient::RequestBody
            | Ambient::RequestTimestamp
            | Ambient::RequestTimestampMs
            | Ambient::RequestDate
            | Ambient::RequestSignature => None,
        }
    }
}
