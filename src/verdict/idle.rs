//! Steps that never ran: a run can pass without testing them.

use std::collections::BTreeMap;

use super::{Ending, Warning};
use crate::plan::{Series, SeriesId, Subject, is_auth_step};
use crate::record::{Counts, Totals};

/// The steps of a run, by unique names.
#[derive(Debug, Clone)]
pub(super) struct Steps(Vec<(SeriesId, String)>);

impl Steps {
    pub(super) fn of(series: &[Series]) -> Self {
        let steps = || {
            let ids = (0..).map(SeriesId).zip(series);
            ids.filter(|(_, series)| series.subject == Subject::Requests)
                .filter(|(_, series)| !is_auth_step(&series.name))
        };
        let mut flows: BTreeMap<&str, u32> = BTreeMap::new();
        for (_, series) in steps() {
            *flows.entry(&series.name).or_default() += 1;
        }
        let named = steps().map(|(id, series)| match flows.get(&*series.name) {
            Some(2..) => (id, format!("{} / {}", series.flow, series.name)),
            _ => (id, series.name.clone()),
        });
        Self(named.collect())
    }

    /// The requests of all steps.
    pub(super) fn counts(&self, totals: &Totals) -> Counts {
        let mut sum = Counts::default();
        for (id, _) in &self.0 {
            sum += &totals.series(*id).counts;
        }
        sum
    }

    /// Steps that sent no request in measured time, if the run sent any and was not stopped early.
    pub(super) fn warning(&self, totals: &Totals, ending: &Ending) -> Option<Warning> {
        let is_whole = ending.is_complete && ending.stop.is_none();
        if !is_whole || totals.counts(Subject::Requests).ended == 0 {
            return None;
        }
        let is_idle = |id: SeriesId| {
            let counts = &totals.series(id).counts;
            counts.ended + counts.interrupted == 0
        };
        let idle = self.0.iter().filter(|(id, _)| is_idle(*id));
        let steps: Vec<String> = idle.map(|(_, name)| name.clone()).collect();
        (!steps.is_empty()).then_some(Warning::NeverRan { steps })
    }
}
