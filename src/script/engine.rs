//! An engine of one thread: a QuickJS runtime with its limits and the modules in it.

use std::cell::Cell;
use std::time::Instant;

use rquickjs::function::Args;
use rquickjs::{
    CatchResultExt as _, CaughtError, Context, Ctx, Function, Module as JsModule, Object,
    Persistent, Runtime, Value as JsValue,
};

use super::convert::{from_js, into_js};
use super::{
    Exported, Fault, FaultKind, MEMORY, Module, Place, STACK, Surroundings, TIME, globals,
};
use crate::expr::Value;
use crate::source::listed;

/// The start of QuickJS's message for an unknown module, whose name follows.
const UNKNOWN_MODULE: &str = "ReferenceError: could not load module '";

thread_local! {
    /// When the present call must end.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
    static IS_OVERDUE: Cell<bool> = const { Cell::new(false) };
}

/// A QuickJS runtime with the modules of a scenario.
pub(super) struct Engine {
    /// Before the runtime, which must outlive them.
    functions: Vec<Persistent<Function<'static>>>,
    names: Vec<String>,
    context: Context,
    #[expect(dead_code, reason = "keeps the runtime alive, and is dropped last")]
    runtime: Runtime,
}

impl Engine {
    /// The functions that modules export.
    pub(super) fn exports(modules: &[Module]) -> Result<Vec<Exported>, Vec<Fault>> {
        let (mut engine, faults) = Self::open(modules).map_err(|fault| vec![fault])?;
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut exports = Vec::new();
        for (module, name) in engine.names.clone().iter().enumerate() {
            let found = engine.limited(|ctx| {
                let namespace = namespace(ctx, name)?;
                let mut found = Vec::new();
                for key in namespace.keys::<String>() {
                    let key = key?;
                    if namespace.get::<_, JsValue<'_>>(&*key)?.is_function() && key != "default" {
                        found.push(key);
                    }
                }
                Ok(found)
            });
            let found = found.map_err(|fault| vec![fault])?;
            exports.extend(found.into_iter().map(|name| Exported { name, module }));
        }
        Ok(exports)
    }

    /// An engine that is ready to call these functions of modules that were read before.
    pub(super) fn start(modules: &[Module], functions: &[Exported]) -> Result<Self, Fault> {
        let (mut engine, faults) = Self::open(modules)?;
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        for function in functions {
            let module = &modules[function.module].name;
            let persistent = engine.limited(|ctx| {
                let found: Function<'_> = namespace(ctx, module)?.get(&*function.name)?;
                Ok(Persistent::save(ctx, found))
            })?;
            engine.functions.push(persistent);
        }
        Ok(engine)
    }

    /// A runtime in which all modules were evaluated, and the faults of those that could not be.
    fn open(modules: &[Module]) -> Result<(Self, Vec<Fault>), Fault> {
        let broken =
            |error: rquickjs::Error| Fault::thrown(format!("QuickJS does not start: {error}"));
        let runtime = Runtime::new().map_err(broken)?;
        runtime.set_memory_limit(MEMORY);
        runtime.set_max_stack_size(STACK);
        runtime.set_interrupt_handler(Some(Box::new(|| {
            let is_overdue = DEADLINE
                .get()
                .is_some_and(|deadline| Instant::now() > deadline);
            if is_overdue {
                IS_OVERDUE.set(true);
            }
            is_overdue
        })));
        let context = Context::full(&runtime).map_err(broken)?;
        let mut engine = Self {
            functions: Vec::new(),
            names: modules.iter().map(|module| module.name.clone()).collect(),
            context,
            runtime,
        };
        // What a module does when it is read is the same on each thread.
        globals::enter(Surroundings { seed: 0, now: 0.0 });
        engine.limited(globals::install)?;
        let mut faults = engine.declare(modules);
        if faults.is_empty() {
            for module in modules {
                let evaluated = engine.limited(|ctx| {
                    let import = JsModule::import(ctx, &*module.name)?;
                    import.finish::<JsValue<'_>>().map(|_| ())
                });
                faults.extend(evaluated.err());
            }
        }
        Ok((engine, faults))
    }

    /// Declares all modules, and returns the faults of those that cannot be.
    fn declare(&mut self, modules: &[Module]) -> Vec<Fault> {
        let mut left: Vec<&Module> = modules.iter().collect();
        loop {
            let mut faults = Vec::new();
            let before = left.len();
            // A module can only be declared after those that it imports, so those that fail are tried again.
            left.retain(|&module| {
                let declared = self.limited(|ctx| {
                    JsModule::declare(ctx.clone(), &*module.name, &*module.text).map(|_| ())
                });
                let is_left = declared.is_err();
                faults.extend(declared.err().map(|fault| self.named_import(fault, module)));
                is_left
            });
            if left.is_empty() || left.len() == before {
                return faults;
            }
        }
    }

    /// A fault of a module that imports an unknown one: in plain words, and with the place of the name.
    fn named_import(&self, fault: Fault, module: &Module) -> Fault {
        let unknown = fault.message.strip_prefix(UNKNOWN_MODULE);
        let Some(unknown) = unknown.and_then(|rest| rest.strip_suffix('\'')) else {
            return fault;
        };
        let mut known: Vec<&str> = globals::K6.iter().map(|(name, _)| *name).collect();
        let others = self.names.iter().filter(|name| **name != module.name);
        known.extend(others.map(String::as_str));
        let mut lines = module.text.lines().zip(1..);
        let place = lines.find_map(|(text, line)| {
            // QuickJS leaves out the `./` before a name.
            let written = ["'", "\"", "'./", "\"./"].map(|start| {
                let quote = &start[..1];
                text.find(&format!("{start}{unknown}{quote}"))
            });
            let at = written.into_iter().flatten().next()?;
            Some(Place {
                module: self.names.iter().position(|name| *name == module.name)?,
                name: module.name.clone(),
                line,
                column: text[..at].chars().count() as u32 + 2,
            })
        });
        Fault {
            message: format!(
                "there is no module `{unknown}`; a module may import {}",
                listed(&known)
            ),
            place,
            kind: fault.kind,
        }
    }

    pub(super) fn call(
        &mut self,
        function: usize,
        arguments: &[Value],
        surroundings: Surroundings,
    ) -> Result<Value, Fault> {
        let called = self.functions.get(function).cloned();
        globals::enter(surroundings);
        self.limited(|ctx| {
            let Some(called) = called else {
                return Err(rquickjs::Error::Unknown);
            };
            let called = called.restore(ctx)?;
            let mut passed = Args::new(ctx.clone(), arguments.len());
            for argument in arguments {
                passed.push_arg(into_js(ctx, argument)?)?;
            }
            let returned: JsValue<'_> = called.call_arg(passed)?;
            let returned = match returned.as_promise() {
                Some(promise) => promise.finish()?,
                None => returned,
            };
            from_js(ctx, returned)
        })
    }

    /// Runs something with the limits, and turns what it throws into a fault.
    fn limited<T>(
        &mut self,
        run: impl for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<T>,
    ) -> Result<T, Fault> {
        DEADLINE.set(Some(Instant::now() + TIME));
        IS_OVERDUE.set(false);
        let names = &self.names;
        let result = self
            .context
            .with(|ctx| run(&ctx).catch(&ctx).map_err(|caught| fault(caught, names)));
        DEADLINE.set(None);
        if IS_OVERDUE.get() {
            let place = result.as_ref().err().and_then(|fault| fault.place.clone());
            return Err(Fault {
                message: format!("it runs longer than {} ms", TIME.as_millis()),
                place,
                kind: FaultKind::Limit,
            });
        }
        result
    }
}

/// The exports of a module that was evaluated.
fn namespace<'js>(ctx: &Ctx<'js>, module: &str) -> rquickjs::Result<Object<'js>> {
    JsModule::import(ctx, module)?.finish()
}

impl Fault {
    fn thrown(message: String) -> Self {
        Self {
            message,
            place: None,
            kind: FaultKind::Thrown,
        }
    }
}

fn fault(caught: CaughtError<'_>, names: &[String]) -> Fault {
    match caught {
        CaughtError::Exception(exception) => {
            let name: String = exception.as_object().get("name").unwrap_or_default();
            let message = exception.message().unwrap_or_default();
            let stack = exception.stack().unwrap_or_default();
            let (message, kind) = match (&*name, &*message) {
                ("InternalError", "out of memory") => (out_of_memory(), FaultKind::Limit),
                ("RangeError" | "InternalError", message) if message.contains("stack") => (
                    format!("it calls itself too deeply ({message})"),
                    FaultKind::Limit,
                ),
                ("", message) => (message.to_owned(), FaultKind::Thrown),
                (name, "") => (name.to_owned(), FaultKind::Thrown),
                (name, message) => (format!("{name}: {message}"), FaultKind::Thrown),
            };
            Fault {
                message,
                place: stack.lines().find_map(|line| place(line, names)),
                kind,
            }
        }
        // Without memory for an exception, null is thrown.
        CaughtError::Value(value) if value.is_null() => Fault {
            kind: FaultKind::Limit,
            ..Fault::thrown(out_of_memory())
        },
        CaughtError::Value(value) => {
            let shown = value.as_string().and_then(|text| text.to_string().ok());
            let shown = shown.unwrap_or_else(|| format!("a value of type {}", value.type_name()));
            Fault::thrown(format!("it throws {shown}"))
        }
        CaughtError::Error(rquickjs::Error::WouldBlock) => {
            Fault::thrown("its promise is never resolved".to_owned())
        }
        CaughtError::Error(error) => Fault::thrown(error.to_string()),
    }
}

fn out_of_memory() -> String {
    format!("it needs more than {} MiB of memory", MEMORY >> 20)
}

/// The place in a line of a stack: `    at sign (helpers.js:3:15)`, `    at helpers.js:2:1`.
fn place(line: &str, names: &[String]) -> Option<Place> {
    let line = line.trim().strip_prefix("at ")?;
    let written = match line.rsplit_once('(') {
        Some((_, place)) => place.strip_suffix(')')?,
        None => line,
    };
    let mut parts = written.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let module = names.iter().position(|known| known == name)?;
    Some(Place {
        module,
        name: name.to_owned(),
        line,
        column,
    })
}
