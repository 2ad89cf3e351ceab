//! The function registry: which kinds of task there are, and the typed asynchronous function behind each name.
//!
//! Arguments are parsed once, when a task is submitted, so that a task that waits can no longer be malformed.

use std::borrow::Cow;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::TaskId;

/// What a function is told about the attempt that it makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// The task, the same in every attempt.
    pub(crate) task: TaskId,
    /// From one; goes on counting when a dead task is tried again.
    pub(crate) number: u32,
}

/// Why an attempt came to nothing. What is displayed is shown to the owner of the task; the cause is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// May go better another time.
    #[error("{shown}")]
    Transient {
        shown: Cow<'static, str>,
        #[source]
        cause: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Would go the same way another time.
    #[error("{0}")]
    Permanent(Cow<'static, str>),
    /// The function panicked.
    #[error("the task panicked")]
    Panicked,
    /// The attempt took longer than an attempt may.
    #[error("the attempt took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Arguments of a function.
pub(crate) trait Arguments: DeserializeOwned + Send + Sync + 'static {
    /// What is wrong with arguments of the right types.
    fn fault(&self) -> Option<String> {
        None
    }
}

/// Who may submit a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Any user.
    Clients,
    /// Only Folio itself.
    Service,
}

/// How much of the queue and of the workers a kind may take, so that a slow one leaves something for the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskShare {
    /// Tasks of the kind that are not finished.
    pub(crate) unfinished: usize,
    /// Tasks of the kind that run at a time.
    pub(crate) running: usize,
}

/// What an attempt gives.
pub(super) type AttemptFuture = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;
/// A function bound to its arguments: makes as many attempts as are asked of it.
pub(super) type Job = Arc<dyn Fn(Attempt) -> AttemptFuture + Send + Sync>;

/// One kind of task.
pub(super) struct TaskKind {
    pub(super) name: &'static str,
    pub(super) audience: Audience,
    pub(super) share: TaskShare,
    bind: Box<dyn Fn(Value) -> Result<Job, String> + Send + Sync>,
}

/// Every kind, in the order of registration; a kind is known by its place in it.
#[derive(Default)]
pub(crate) struct Registry {
    kinds: Vec<TaskKind>,
}

impl Failure {
    /// A failure without a cause worth logging.
    pub(crate) fn transient(shown: impl Into<Cow<'static, str>>) -> Self {
        Self::Transient {
            shown: shown.into(),
            cause: None,
        }
    }

    /// A failure whose cause the owner of the task is not to see.
    pub(crate) fn because(
        shown: &'static str,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Transient {
            shown: shown.into(),
            cause: Some(cause.into()),
        }
    }

    /// Whether another attempt could go better.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Permanent(_))
    }
}

impl TaskShare {
    /// As much as there is.
    pub(crate) const WHOLE: Self = Self {
        unfinished: usize::MAX,
        running: usize::MAX,
    };
}

impl TaskKind {
    /// A job from arguments as they were sent; `null` counts as no arguments.
    pub(super) fn bind(&self, args: Value) -> Result<Job, String> {
        (self.bind)(args)
    }
}

impl Registry {
    /// Adds `function` under `name`; a name that is there already keeps its function.
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

    /// The names that users may submit, for a refusal.
    pub(super) fn for_clients(&self) -> String {
        let open = self.kinds.iter();
        let open = open.filter(|kind| kind.audience == Audience::Clients);
        open.map(|kind| kind.name).collect::<Vec<_>>().join(", ")
    }
}
