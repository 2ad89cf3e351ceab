//! A timer that wakes within tens of microseconds. tokio's timer rounds up to whole milliseconds, which would be added to
//! every response time that counts from an intended start.
//!
//! On Linux it is a timerfd on the runtime's own epoll: no thread, no spinning. On other systems, and without a free file
//! descriptor, it is tokio's timer.

use std::time::Instant;

/// Serves one wait at a time, on the runtime that created it.
#[derive(Debug)]
pub(super) struct PreciseTimer {
    #[cfg(target_os = "linux")]
    fd: Option<linux::TimerFd>,
}

impl PreciseTimer {
    /// Takes one file descriptor on Linux. Must be called within a runtime with I/O and time enabled.
    pub(super) fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            fd: linux::TimerFd::new().ok(),
        }
    }

    /// Waits until `due`; returns at once if that has passed. Dropping the future is safe.
    pub(super) async fn sleep_until(&mut self, due: Instant) {
        #[cfg(target_os = "linux")]
        if let Some(fd) = &mut self.fd
            && fd.sleep_until(due).await.is_ok()
        {
            return;
        }
        tokio::time::sleep_until(due.into()).await;
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Instant;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub(super) struct TimerFd {
        fd: AsyncFd<OwnedFd>,
        /// The time set in the kernel's timer; a dropped wait leaves it set.
        armed: Option<Instant>,
    }

    impl TimerFd {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(
                deprecated,
                reason = "its replacement is unsafe, for descriptors that may be closed behind its back; an OwnedFd is not"
            )]
            let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
            Ok(Self { fd, armed: None })
        }

        pub(super) async fn sleep_until(&mut self, due: Instant) -> io::Result<()> {
            loop {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    self.armed = None;
                    return Ok(());
                }
                if self.armed != Some(due) {
                    timerfd_settime(
                        self.fd.get_ref(),
                        TimerfdTimerFlags::empty(),
                        &Itimerspec {
                            it_interval: Timespec {
                                tv_sec: 0,
                                tv_nsec: 0,
                            },
                            it_value: Timespec {
                                tv_sec: left.as_secs() as i64,
                                tv_nsec: left.subsec_nanos().into(),
                            },
                        },
                    )?;
                    self.armed = Some(due);
                }
                // The clock decides, so that readiness left over from an earlier wait does no harm, and the expiry
                // count need not be read: epoll is edge-triggered here, and setting the timer resets the count.
                self.fd.readable().await?.clear_ready();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn wakes_never_early_and_again_after_a_wait_that_was_dropped() {
        let mut timer = PreciseTimer::new();
        let start = Instant::now();
        timer.sleep_until(start).await;
        let far = timer.sleep_until(start + Duration::from_hours(1));
        let gave_up = tokio::time::timeout(Duration::from_millis(1), far).await;
        assert!(gave_up.is_err());
        // The wait is dropped before it is due, unless this thread was delayed for long; its readiness remains.
        let near = timer.sleep_until(start + Duration::from_millis(5));
        let _ = tokio::time::timeout(Duration::ZERO, near).await;
        for ms in [8, 9, 12] {
            let due = start + Duration::from_millis(ms);
            timer.sleep_until(due).await;
            let late = Instant::now().duration_since(due);
            assert!(Instant::now() >= due);
            // Far above the timer's latency, far below a missed wake-up.
            assert!(late < Duration::from_secs(1), "{late:?} late");
        }
    }
}
