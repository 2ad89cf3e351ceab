//! goose: every user of a run is a goose user, and an iteration one of its transactions.
//!
//! goose launches the users and schedules their transactions, on a separate runtime. The pacer decides when a user
//! starts, the plan defines its actions, and the recorder keeps the measurements; so goose's own metrics, waits,
//! output, signal handler and stop are all off. No other module names goose.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, Once, PoisonError};

use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
use goose::{GooseAttack, GooseError};
use log::{LevelFilter, Log, Metadata, Record};
use tokio::runtime::Handle;

use super::EngineError;
use super::run::RunState;
use super::user_task::UserTask;

/// Installs a silent logger and Ctrl-C handler before goose installs its own: its log would be printed, and its handler
/// would end the process on the second signal.
///
/// Only the first call has an effect. Install tokio's signal handlers *after* this call: it replaces earlier handlers.
pub fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The host program may have installed either already; then goose cannot install its own.
        let _ = log::set_logger(&Silence);
        log::set_max_level(LevelFilter::Off);
        let _ = ctrlc::set_handler(|| {});
    });
}

/// Builds and launches every user of the run; returns when all wait at the gate.
pub(super) fn launch(run: &Arc<RunState>, runtime: &Handle) -> Result<(), EngineError> {
    silence();
    let users = run.roster.size();
    let (ready, readiness) = mpsc::channel();
    let attack = attack(run, users, ready.clone()).map_err(EngineError::users)?;
    let launching = runtime.spawn(async move {
        if let Err(error) = Box::pin(attack.execute()).await {
            // Once the users are ready, the receiver is gone; then the stop of the run ends them.
            let _ = ready.send(Err(error));
        }
    });
    let launched = readiness.recv().unwrap_or(Ok(()));
    // The users are separate tasks. The task that launched them would only check twice a second whether to stop them.
    launching.abort();
    // goose raises the level when it tries to install its logger.
    log::set_max_level(LevelFilter::Off);
    launched.map_err(EngineError::users)
}

fn attack(
    run: &Arc<RunState>,
    users: usize,
    ready: mpsc::Sender<Result<(), GooseError>>,
) -> Result<GooseAttack, GooseError> {
    let awaited = AtomicUsize::new(users);
    let run = Arc::clone(run);
    let arrive: TransactionFunction = Arc::new(move |user: &mut GooseUser| {
        user.set_session_data(UserSession::new(&run, user.weighted_users_index));
        if awaited.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _ = ready.send(Ok(()));
        }
        Box::pin(std::future::ready(Ok(())))
    });
    let iterate: TransactionFunction = Arc::new(|user: &mut GooseUser| {
        let session = user.get_session_data_mut::<UserSession>();
        let mut task = session.and_then(UserSession::task);
        Box::pin(poll_fn(move |cx| match &mut task {
            Some(task) => task.poll_iteration(cx).map(Ok),
            None => std::task::Poll::Pending,
        }))
    });
    let scenario = Scenario::new("gander")
        .register_transaction(Transaction::new(arrive).set_on_start())
        .register_transaction(Transaction::new(iterate));
    // One unused client for all. The default would read the trusted certificates once for every user, and fail on a
    // machine without any.
    let client = GooseClientBuilder::new()
        .accept_invalid_certs(true)
        .without_cookies();
    GooseAttack::initialize_with_config(configuration(users))?
        .register_scenario(scenario)
        .set_client_builder_without_cookies(client)
}

/// All users at once, for longer than any run, without output.
fn configuration(users: usize) -> GooseConfiguration {
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some("http://localhost".to_owned());
    configuration.users = Some(users);
    configuration.increase_rate = Some("10000000".to_owned());
    configuration.run_time = Some("1000000h".to_owned());
    configuration.quiet = 2;
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    configuration.no_metrics = true;
    configuration.no_print_metrics = true;
    configuration.no_error_summary = true;
    configuration.no_transaction_metrics = true;
    configuration.no_scenario_metrics = true;
    configuration.no_status_codes = true;
    configuration
}

/// goose's session data of a user. goose requires a type that can be cloned and shared; a task can be neither, so a clone
/// is empty, and the lock is never taken: it only makes the type `Sync`.
struct UserSession(Mutex<Option<UserTask>>);

impl UserSession {
    fn new(run: &Arc<RunState>, user: usize) -> Self {
        Self(Mutex::new(Some(UserTask::new(run, user))))
    }

    fn task(&mut self) -> Option<&mut UserTask> {
        let task = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        task.as_mut()
    }
}

impl Clone for UserSession {
    fn clone(&self) -> Self {
        Self(Mutex::new(None))
    }
}

/// A logger that discards everything.
struct Silence;

impl Log for Silence {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &Record<'_>) {}

    fn flush(&self) {}
}
