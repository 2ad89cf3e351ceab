//! Functions of one's own: the exported functions of ECMAScript modules, which expressions call.
//!
//! QuickJS runs them, one engine for each thread that calls one. They reach no file and no network. A call that takes
//! more time, memory or stack than its limits ends with a [`Fault`], which names the place in the module.

mod convert;
mod engine;
mod globals;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::engine::Engine;
use crate::expr::Value;

/// The maximum memory of an engine, in bytes.
pub const MEMORY: usize = 32 << 20;

/// The maximum duration of a call.
pub const TIME: Duration = Duration::from_millis(100);

/// The maximum stack of a call, in bytes; a thread that runs users has 2 MiB.
const STACK: usize = 256 << 10;

/// The modules of a scenario and the functions that they export.
#[derive(Debug, Default)]
pub struct Scripts {
    /// Distinguishes them from those of other scenarios; 0 for none.
    id: u64,
    modules: Vec<Module>,
    functions: Vec<Exported>,
}

/// A module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its path as the scenario names it, which other modules import.
    pub name: String,
    /// Its source text.
    pub text: String,
}

/// An exported function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// The index of its module.
    pub module: usize,
}

/// The reason why a module or a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The reason.
    pub message: String,
    /// The place in a module, if it is known.
    pub place: Option<Place>,
    /// Whether a limit ended it.
    kind: FaultKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultKind {
    /// An exception, or a value that cannot be converted.
    Thrown,
    /// A limit; the engine may be left in any state.
    Limit,
}

/// A place in a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The index of the module.
    pub module: usize,
    /// The module's name.
    pub name: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}:{}: ", place.name, place.line, place.column)?;
        }
        f.write_str(&self.message)
    }
}

/// What a call takes from the run.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// The seed of `Math.random`.
    pub seed: u64,
    /// The time of `Date`, in milliseconds since 1970; it stands still during a call.
    pub now: f64,
}

impl Scripts {
    /// Reads modules and finds the functions that they export. Several faults are possible: one for each module.
    pub fn new(modules: Vec<Module>) -> Result<Self, Vec<Fault>> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut scripts = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            modules,
            functions: Vec::new(),
        };
        scripts.functions = Engine::exports(&scripts.modules)?;
        Ok(scripts)
    }

    /// The modules.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The exported functions, in the order of the modules and their names.
    pub fn functions(&self) -> &[Exported] {
        &self.functions
    }

    /// Calls the function of this index.
    pub fn call(
        &self,
        function: usize,
        arguments: &[Value],
        surroundings: Surroundings,
    ) -> Result<Value, Fault> {
        thread_local! {
            static ENGINE: RefCell<Option<(u64, Engine)>> = const { RefCell::new(None) };
        }
        ENGINE.with_borrow_mut(|kept| {
            let engine = match kept {
                Some((id, engine)) if *id == self.id => engine,
                Some(_) | None => {
                    // The old one goes first, so that there are never two.
                    *kept = None;
                    let engine = Engine::start(&self.modules, &self.functions)?;
                    &mut kept.insert((self.id, engine)).1
                }
            };
            let result = engine.call(function, arguments, surroundings);
            if matches!(&result, Err(fault) if fault.kind == FaultKind::Limit) {
                *kept = None;
            }
            result
        })
    }
}
