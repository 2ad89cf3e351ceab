//! `repeat`, `while`, `until`, `foreach`: runs steps several times.

use std::ops::ControlFlow::{self, Continue};

use tokio::time::Instant;

use super::{Walker, think, told, within};
use crate::expr::{Missing, below};
use crate::outcome::Outcome;
use crate::scenario::program::{Each, Items, Loop, MAX_PASSES, Passes};
use crate::scenario::{Condition, Step, Template, Value};

/// Runs the passes of a loop; a value that it needs and that is missing ends it.
pub(super) async fn run<W: Walker>(
    walker: &mut W,
    step: &Step<W::Request>,
    repeated: &Loop<W::Request>,
) -> ControlFlow<W::Break> {
    match &repeated.passes {
        Passes::Times(times) => counted(walker, step, repeated, *times).await,
        Passes::Count(count) => match passes_of(walker, count) {
            Ok(times) => counted(walker, step, repeated, times).await,
            Err(missing) => walker.missing_value(step, missing),
        },
        Passes::While { condition, max } => {
            for pass in 0..max.unwrap_or(MAX_PASSES as u32) {
                match condition.holds(walker.values()) {
                    Ok(true) => self::pass(walker, step, repeated, pass).await?,
                    Ok(false) => {
                        back_to(walker, step);
                        walker.tell(|values| told::condition("while", condition, false, values));
                        return Continue(());
                    }
                    Err(missing) => return walker.missing_value(step, missing),
                }
            }
            if max.is_some() {
                return Continue(());
            }
            let detail = format!("the condition of `while` still holds after {MAX_PASSES} passes");
            walker.failed_step("while", Outcome::Step, detail)
        }
        Passes::Until { .. } => until(walker, step, repeated).await,
        Passes::Each(each) => match items(walker, each) {
            Ok(items) => {
                for (pass, item) in (0..).zip(items) {
                    keep(walker, each, pass, item);
                    self::pass(walker, step, repeated, pass).await?;
                }
                Continue(())
            }
            Err(missing) => walker.missing_value(step, missing),
        },
    }
}

/// Sets the variables of a pass.
pub(super) fn keep<W: Walker>(walker: &mut W, each: &Each, pass: u32, item: Value) {
    walker.values().keep(each.item, item);
    if let Some(index) = each.index {
        walker.values().keep(index, Value::from(u64::from(pass)));
    }
}

async fn counted<W: Walker>(
    walker: &mut W,
    step: &Step<W::Request>,
    repeated: &Loop<W::Request>,
    times: u32,
) -> ControlFlow<W::Break> {
    for pass in 0..times {
        self::pass(walker, step, repeated, pass).await?;
    }
    Continue(())
}

/// Runs one pass, after the pause that belongs before it.
async fn pass<W: Walker>(
    walker: &mut W,
    step: &Step<W::Request>,
    repeated: &Loop<W::Request>,
    pass: u32,
) -> ControlFlow<W::Break> {
    walker.may_continue()?;
    if let (Some(pause), 1..) = (&repeated.pause, pass) {
        think::run(walker, pause).await?;
    }
    if repeated.passes != Passes::Times(1) {
        back_to(walker, step);
        walker.tell(|values| told::pass(&repeated.passes, pass, values));
    }
    within(walker, &repeated.steps).await?;
    // A loop without I/O must still give the other users of this thread their turn.
    tokio::task::coop::consume_budget().await;
    Continue(())
}

async fn until<W: Walker>(
    walker: &mut W,
    step: &Step<W::Request>,
    repeated: &Loop<W::Request>,
) -> ControlFlow<W::Break> {
    let Passes::Until {
        condition,
        max,
        every,
    } = &repeated.passes
    else {
        return Continue(());
    };
    for pass in 0..*max {
        let began = Instant::now();
        self::pass(walker, step, repeated, pass).await?;
        match holds(walker, condition) {
            Ok(is_met) => {
                back_to(walker, step);
                walker.tell(|values| told::condition("until", condition, is_met, values));
                if is_met {
                    return Continue(());
                }
            }
            Err(missing) => return walker.missing_value(step, missing),
        }
        if let Some(every) = every.filter(|_| pass + 1 < *max) {
            walker.pause(every.saturating_sub(began.elapsed())).await?;
        }
    }
    let passes = if *max == 1 { "pass" } else { "passes" };
    let detail = format!("the condition of `until` is still false after {max} {passes}");
    walker.failed_step("until", Outcome::Until, detail)
}

/// The loop goes on after the steps of a pass.
fn back_to<W: Walker>(walker: &mut W, step: &Step<W::Request>) {
    if let Some(trail) = walker.trail() {
        trail.back_to(step.span);
    }
}

fn holds<W: Walker>(walker: &mut W, condition: &Condition) -> Result<bool, Missing> {
    condition.holds(walker.values())
}

/// The value of `repeat`.
pub(super) fn passes_of<W: Walker>(walker: &mut W, count: &Template) -> Result<u32, Missing> {
    let value = count.evaluate(walker.values())?;
    let text = value.into_text();
    let number = text.trim().parse::<f64>().ok();
    let number = number.filter(|n| n.fract() == 0.0 && (0.0..=MAX_PASSES as f64).contains(n));
    number.map(|number| number as u32).ok_or_else(|| Missing {
        name: count.source.to_string(),
        note: Some(format!(
            "`repeat` needs a whole number from 0 to {MAX_PASSES}, found `{text}`"
        )),
    })
}

/// The items of `foreach`, in the order of the passes.
pub(super) fn items<W: Walker>(walker: &mut W, each: &Each) -> Result<Vec<Value>, Missing> {
    let mut items = match &each.items {
        Items::Written(items) => {
            let values = items.iter().map(|item| item.evaluate(walker.values()));
            values.collect::<Result<_, _>>()?
        }
        Items::Value(list) => match list.evaluate(walker.values())? {
            Value::List(items) => items,
            other => {
                return Err(Missing {
                    name: list.source.to_string(),
                    note: Some(format!("`foreach` needs a list, found `{other}`")),
                });
            }
        },
    };
    if each.is_shuffled {
        // Fisher and Yates (1938).
        for last in (1..items.len()).rev() {
            let other = below(last as u64 + 1, walker.values().random());
            items.swap(last, other as usize);
        }
    }
    Ok(items)
}
