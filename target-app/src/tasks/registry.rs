//! The function registry: maps the name of a task kind to a typed asynchronous function.
//!
//! Arguments are parsed once, at submission, so that a waiting task cannot have invalid arguments.

use std::borrow::Cow;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::TaskId;

/// The attempt that a function is called for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// The task, the same in every attempt.
    pub(crate) task: TaskId,
    /// From one; continues when a dead task is retried.
    pub(crate) number: u32,
}

/// The reason why an attempt failed. The displayed text is shown to the task's owner; the cause goes to the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A retry may succeed.
    #[error("{shown}")]
    Transient {
        shown: Cow<'static, str>,
        #[source]
        cause: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A retry would fail too.
    #[error("{0}")]
    Permanent(Cow<'static, str>),
    /// The function panicked.
    #[error("the task panicked")]
    Panicked,
    /// The attempt exceeded its time limit.
    #[error("the attempt took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Arguments of a task function.
pub(crate) trait Arguments: DeserializeOwned + Send + Sync + 'static {
    /// The error in arguments that have the right types, if there is one.
    fn fault(&self) -> Option<String> {
        None
    }
}

/// The submitters of a kind: users, or only Folio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Any user.
    Clients,
    /// Only Folio itself.
    Service,
}

/// The maximum share of the queue and of the workers that a kind may use, so that a slow kind leaves room for others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskShare {
    /// Maximum unfinished tasks of the kind.
    pub(crate) unfinished: usize,
    /// Maximum concurrent tasks of the kind.
    pub(crate) running: usize,
}

/// The future of an attempt.
pub(super) type AttemptFuture = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;
/// A function bound to its arguments; can be called for any number of attempts.
pub(super) type Job = Arc<dyn Fn(Attempt) -> AttemptFuture + Send + Sync>;

/// A task kind.
pub(super) struct TaskKind {
    pub(super) name: &'static str,
    pub(super) audience: Audience,
    pub(super) share: TaskShare,
    bind: Box<dyn Fn(Value) -> Result<Job, String> + Send + Sync>,
}

/// Every kind in the order of registration; the index identifies a kind.
#[derive(Default)]
pub(crate) struct Registry {
    kinds: Vec<TaskKind>,
}

impl Failure {
    /// A transient failure without a cause to log.
    pub(crate) fn transient(shown: impl Into<Cow<'static, str>>) -> Self {
        Self::Transient {
            shown: shown.into(),
            cause: None,
        }
    }

    /// A failure whose cause is hidden from the task's owner.
    pub(crate) fn because(
        shown: &'static str,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Transient {
            shown: shown.into(),
            cause: Some(cause.into()),
        }
    }

    /// Whether a retry is useless.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Permanent(_))
    }
}

impl TaskShare {
    /// No limit.
    pub(crate) const WHOLE: Self = Self {
        unfinished: usize::MAX,
        running: usize::MAX,
    };
}

impl TaskKind {
    /// Binds the function to arguments; `null` counts as no arguments.
    pub(super) fn bind(&self, args: Value) -> Result<Job, String> {
        (self.bind)(args)
    }
}

impl Registry {
    /// Registers `function` under `name`; an existing name keeps its function.
    pub(crate) fn register<A, R, F>(
        &mut self,
        name: &'static str,
        audience: Audience,
        share: TaskShare,
        function: impl Fn(Arc<A>, Attempt) -> F + Send + Sync + 'static,
    ) where
        A: Arguments,
        R: Serialize,
        F: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        let function = Arc::new(function);
        let bind = move |args: Value| {
            let args: A = serde_json::from_value(args).map_err(|error| error.to_string())?;
            if let Some(fault) = args.fault() {
                return Err(fault);
            }
            let (args, function) = (Arc::new(args), Arc::clone(&function));
            let job: Job = Arc::new(move |attempt| {
                let made = function(Arc::clone(&args), attempt);
                Box::pin(async move {
                    let result = made.await?;
                    serde_json::to_value(result).map_err(|error| {
                        Failure::because("the result cannot be written as JSON", error)
                    })
                })
            });
            Ok(job)
        };
        self.kinds.push(TaskKind {
            name,
            audience,
            share,
            bind: Box::new(bind),
        });
    }

    pub(super) fn all(&self) -> &[TaskKind] {
        &self.kinds
    }

    pub(super) fn named(&self, name: &str) -> Option<(usize, &TaskKind)> {
        let mut kinds = self.kinds.iter().enumerate();
        kinds.find(|(_, kind)| kind.name == name)
    }

    /// The names that users may submit, for an error message.
    pub(super) fn for_clients(&self) -> String {
        let open = self.kinds.iter();
        let open = open.filter(|kind| kind.audience == Audience::Clients);
        open.map(|kind| kind.name).collect::<Vec<_>>().join(", ")
    }
}
