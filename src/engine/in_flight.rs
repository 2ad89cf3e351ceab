//! A request in flight: counted exactly once, however it ends.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;

use super::run::RunState;
use crate::outcome::Outcome;
use crate::plan::SeriesId;
use crate::record::{Clock, Sample};
use crate::transport::{Client, Exchange, Outgoing};
use crate::units::Micros;

/// A request in flight. If its future is dropped (a second signal cuts off the run, the user panics), it is counted as
/// interrupted, with the bytes that were sent.
#[derive(Debug)]
pub(super) struct InFlight<'r> {
    run: &'r RunState,
    user: usize,
    series: SeriesId,
    clock: Clock,
    intended: Option<Micros>,
    pub(super) exchange: Exchange,
    is_open: bool,
}

impl<'r> InFlight<'r> {
    pub(super) fn new(
        run: &'r RunState,
        user: usize,
        series: SeriesId,
        clock: Clock,
        intended: Option<Micros>,
    ) -> Self {
        run.recorder.request_began(user);
        Self {
            run,
            user,
            series,
            clock,
            intended,
            exchange: Exchange::starting(),
            is_open: true,
        }
    }

    /// Sends the request and waits for its end, or for the end of the grace period.
    pub(super) async fn send(&mut self, client: &mut Client, outgoing: Outgoing<'_>) {
        let halt = &self.run.pace_of(self.user).halt;
        let is_answered = {
            let mut sending = pin!(client.send_into(outgoing, &mut self.exchange));
            poll_fn(|cx| match sending.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(true),
                Poll::Pending if halt.is_grace_over() => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            })
            .await
        };
        if !is_answered {
            self.exchange.end_now(Outcome::GraceTimeout);
            let Sample {
                intended, finished, ..
            } = self.sample(Outcome::GraceTimeout);
            self.exchange.detail = format!(
                "there was no complete response when the grace period ended, {} after the request was due; see --grace",
                finished.saturating_sub(intended)
            );
            self.run.interrupted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts it in another series.
    pub(super) const fn count_in(&mut self, series: SeriesId) {
        self.series = series;
    }

    /// The request has ended.
    pub(super) fn close(&mut self) {
        self.is_open = false;
        self.run.recorder.request_ended(self.user);
    }

    /// The series in which it counts.
    pub(super) const fn series(&self) -> SeriesId {
        self.series
    }

    /// From the intended start to the end, or to now.
    pub(super) fn response_time(&self) -> Micros {
        let finished = self.clock.at(self.exchange.finished);
        let started = || self.clock.at(self.exchange.started);
        finished.saturating_sub(self.intended.unwrap_or_else(started))
    }

    /// The sample to record.
    pub(super) fn sample(&self, outcome: Outcome) -> Sample<'_> {
        let (exchange, clock) = (&self.exchange, self.clock);
        let started = clock.at(exchange.started);
        let intended = self.intended.unwrap_or(started);
        Sample {
            series: self.series,
            intended,
            is_after_load: self.run.is_over(intended),
            started,
            first_byte: exchange.first_byte.map(|instant| clock.at(instant)),
            finished: clock.at(exchange.finished),
            outcome,
            is_sent: exchange.is_sent,
            status: exchange.status(),
            redirects: &exchange.redirects,
            resent: exchange.resent,
            bytes_in: exchange.bytes_in,
            bytes_out: exchange.bytes_out,
            connect: exchange.connection.map(|phases| phases.connect.into()),
            tls: exchange
                .connection
                .and_then(|phases| phases.tls)
                .map(Micros::from),
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.is_open {
            return;
        }
        self.close();
        self.run.interrupted.fetch_add(1, Ordering::Relaxed);
        let sample = self.sample(Outcome::Interrupted);
        self.run
            .recorder
            .record(self.user, |shard| shard.request(&sample));
    }
}
