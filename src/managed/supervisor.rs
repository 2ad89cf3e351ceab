//! The process between Gander and a target's command: it ends the command and all its descendants when Gander ends.
//!
//! It is the same binary in a hidden subcommand. It waits for the end of its standard input, which is a pipe that only
//! Gander holds, so that it also notices a SIGKILL of Gander. As the subreaper of its descendants it finds those whose
//! own parent has ended. It reports on standard output: first the command's process id, or why there is none; in the
//! end the command's exit status.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, set_child_subreaper, wait,
};

use crate::probe;

/// The name of the subcommand.
pub const SUBCOMMAND: &str = "supervise";

/// Time between SIGTERM and SIGKILL.
pub(super) const STOP_WITHIN: Duration = Duration::from_secs(10);
/// Time between two rounds of SIGKILL, for processes that were started in between.
const ROUND: Duration = Duration::from_millis(20);

/// The beginning of the line with the command's process id.
pub(super) const STARTED: &str = "started ";

/// Runs a command until it ends or standard input does, then ends all its descendants. Its output goes to standard
/// error.
pub fn supervise(program: &OsString, arguments: &[OsString]) -> io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(io::stderr().as_fd().try_clone_to_owned()?)
        .process_group(0)
        .spawn();
    let child = match started {
        Ok(child) => child,
        // The caller reads this line in place of the process id.
        Err(error) => return say(&error.to_string()),
    };
    let Some(command) = Pid::from_raw(child.id() as i32) else {
        return Err(io::Error::other("the command has no process id"));
    };
    let (end, ended) = sync_channel(2);
    let input_ended = end.clone();
    thread::spawn(move || watch_input(&input_ended));
    thread::spawn(move || end_all(command, &ended));
    say(&format!("{STARTED}{}", child.id()))?;
    // The only place that waits for processes, so that no status is lost. Without descendants there is nothing to do.
    while let Ok(Some((pid, status))) = wait(WaitOptions::empty()) {
        if pid == command && (status.exited() || status.signaled()) {
            say(&ExitStatus::from_raw(status.as_raw()).to_string())?;
            // Full if the input has ended too.
            let _ = end.try_send(());
        }
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    // Nobody reads this after Gander was killed; what remains is to end the command.
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

fn watch_input(end: &SyncSender<()>) {
    let mut ignored = [0; 64];
    while io::stdin()
        .lock()
        .read(&mut ignored)
        .is_ok_and(|count| count > 0)
    {}
    let _ = end.try_send(());
}

/// Waits for the end, then sends SIGTERM, and after the time limit SIGKILL until the process exits: its main thread
/// returns when no descendant is left.
fn end_all(command: Pid, ended: &Receiver<()>) {
    if ended.recv().is_err() {
        return;
    }
    signal_all(command, Signal::TERM);
    thread::sleep(STOP_WITHIN);
    loop {
        signal_all(command, Signal::KILL);
        thread::sleep(ROUND);
    }
}

/// Signals the command's process group, and descendants outside it. A process that has ended needs no signal.
fn signal_all(command: Pid, signal: Signal) {
    let _ = kill_process_group(command, signal);
    for descendant in probe::descendants(std::process::id()) {
        let is_in_group = descendant.group == command.as_raw_nonzero().get();
        if let Some(pid) = Pid::from_raw(descendant.pid as i32).filter(|_| !is_in_group) {
            let _ = kill_process(pid, signal);
        }
    }
}
