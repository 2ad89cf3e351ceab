//! Scrapes: one task for each source.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use super::exposition::Page;
use super::readings::Readings;
use crate::outcome::Outcome;
use crate::plan::{MonitorPlan, PlannedSource, ReadsBody};
use crate::record::{Clock, KeptReading, Monitored, Scrapes};
use crate::scenario::{SourceFormat, Timeouts};
use crate::transport::{Client, Content, Exchange, Outgoing, Shared};
use crate::units::{ByteSize, Micros};

/// The largest page.
pub const MOST_BYTES: ByteSize = ByteSize(8 << 20);

/// The longest time that a scrape may take.
const LONGEST: Duration = Duration::from_secs(10);

/// Scrapes come half a second before whole seconds, so that a slow answer still arrives in the same interval.
const AHEAD: Duration = Duration::from_millis(500);

/// Scrapes in progress; dropping it ends them.
#[derive(Debug)]
pub struct Monitor {
    sources: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    shown: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

/// The state that a source's task and the run share.
#[derive(Debug)]
struct State {
    /// Results that no interval has yet, in chronological order.
    waiting: Vec<(Micros, Monitored)>,
    readings: Option<Readings>,
    scrapes: Scrapes,
    /// The time and the reason of the first failure.
    first_failure: Option<(Micros, String)>,
}

impl Monitor {
    /// Starts to scrape the sources of a plan, at zero of this clock for the first time. Increases do not reach back into
    /// the warm-up.
    pub fn start(
        plan: &MonitorPlan,
        transport: &Arc<Shared>,
        clock: Clock,
        warm_up: Micros,
    ) -> Self {
        let sources = plan.sources.iter().map(|source| {
            let state = Arc::new(Mutex::new(State {
                waiting: Vec::new(),
                readings: Some(Readings::of(&source.format)),
                scrapes: Scrapes::default(),
                first_failure: None,
            }));
            let scraper = Scraper {
                source: source.clone(),
                client: Client::new(Arc::clone(transport)),
                clock,
                warm_up: Some(warm_up).filter(|end| *end > Micros::ZERO),
                state: Arc::clone(&state),
            };
            Source {
                shown: source.shown.clone(),
                state,
                task: tokio::spawn(scraper.run()),
            }
        });
        Self {
            sources: sources.collect(),
        }
    }

    /// Takes what has arrived before `end`.
    pub fn take(&self, end: Micros) -> Monitored {
        let mut taken = Monitored::default();
        for source in &self.sources {
            let mut state = lock(&source.state);
            let ready = state.waiting.partition_point(|(at, _)| *at < end);
            for (_, monitored) in state.waiting.drain(..ready) {
                taken.absorb(monitored);
            }
        }
        taken
    }

    /// Ends the scrapes; returns what a reader should know about them, a sentence each.
    pub fn finish(self) -> Vec<String> {
        let mut told = Vec::new();
        for source in &self.sources {
            source.task.abort();
            let state = lock(&source.state);
            let Scrapes { made, failed, .. } = state.scrapes;
            if let Some((at, reason)) = &state.first_failure {
                told.push(format!(
                    "{failed} of {made} scrapes of {} failed, the first at {at}: {reason}; its metrics have gaps there",
                    source.shown
                ));
            }
            // Without a page nothing could be found, which the failures say.
            if let Some(readings) = state.readings.as_ref().filter(|_| made > failed) {
                told.extend(readings.complaints(&source.shown));
            }
        }
        told
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        for source in &self.sources {
            source.task.abort();
        }
    }
}

/// Scrapes one source.
struct Scraper {
    source: PlannedSource,
    client: Client,
    clock: Clock,
    /// The end of the warm-up, until it is over.
    warm_up: Option<Micros>,
    state: Arc<Mutex<State>>,
}

/// A page as it came.
struct Answer {
    text: bytes::Bytes,
    is_open_metrics: bool,
}

impl Scraper {
    async fn run(mut self) {
        let every = self.source.every;
        let mut due = Duration::ZERO;
        loop {
            sleep_until(Instant::from_std(self.clock.base() + due)).await;
            self.scrape().await;
            // One that took too long leaves out those that were due meanwhile.
            let now = self.clock.now().as_duration();
            let next = (now + AHEAD).as_nanos() / every.as_nanos() + 1;
            due = every.saturating_mul(next as u32).saturating_sub(AHEAD);
        }
    }

    async fn scrape(&mut self) {
        let begun = self.clock.now();
        let answer = self.fetch().await;
        let at = self.clock.now();
        let bytes = answer.as_ref().map_or(0, |answer| answer.text.len() as u64);
        let read = match answer {
            Ok(answer) => self.read(answer, at).await,
            Err(reason) => Err(reason),
        };
        let mut state = lock(&self.state);
        let mut monitored = Monitored {
            scrapes: Scrapes {
                made: 1,
                failed: u64::from(read.is_err()),
                took: at.saturating_sub(begun),
                bytes,
            },
            ..Monitored::default()
        };
        state.scrapes += monitored.scrapes;
        match read {
            Ok(readings) => {
                let readings = readings.into_iter();
                monitored.readings = readings
                    .map(|(name, reading)| (name, Some(reading)))
                    .collect();
            }
            Err(reason) => {
                let names = state.readings.iter().flat_map(Readings::names);
                monitored.readings = names.map(|name| (name.to_owned(), None)).collect();
                state.first_failure.get_or_insert((at, reason));
            }
        }
        state.waiting.push((at, monitored));
    }

    /// Fetches the page; the error says why there is none.
    async fn fetch(&mut self) -> Result<Answer, String> {
        let limit = self.source.every.mul_f64(0.9).min(LONGEST);
        let mut headers = HeaderMap::new();
        let agent = concat!("gander/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        let accepted = match self.source.format {
            SourceFormat::Prometheus(_) => {
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=1"
            }
            SourceFormat::Json(_) => "application/json",
        };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accepted));
        headers.extend(self.source.headers.clone());
        let exchange = self
            .client
            .send(Outgoing {
                method: &Method::GET,
                uri: &self.source.uri,
                headers,
                content: Content::default(),
                cookies: Vec::new(),
                header_case: None,
                redirects: Some(0),
                timeouts: Timeouts {
                    connect: limit,
                    first_byte: limit,
                    idle: limit,
                    total: limit,
                },
                reads_body: ReadsBody::Yes,
            })
            .await;
        answer_of(&exchange)
    }

    /// Reads the page on another thread, because a large one takes some milliseconds.
    async fn read(
        &mut self,
        answer: Answer,
        at: Micros,
    ) -> Result<Vec<(String, KeptReading)>, String> {
        let Some(mut readings) = lock(&self.state).readings.take() else {
            return Err("an earlier page could not be read to its end".to_owned());
        };
        if self.warm_up.is_some_and(|end| at >= end) {
            self.warm_up = None;
            readings.begin_anew();
        }
        let is_json = matches!(self.source.format, SourceFormat::Json(_));
        let every = Micros::from(self.source.every);
        let work = move || {
            let read = read_into(&mut readings, &answer, is_json, at, every);
            (readings, read)
        };
        match spawn_blocking(work).await {
            Ok((readings, read)) => {
                lock(&self.state).readings = Some(readings);
                read
            }
            Err(_) => Err("the page could not be read to its end".to_owned()),
        }
    }
}

fn answer_of(exchange: &Exchange) -> Result<Answer, String> {
    if exchange.outcome != Outcome::Ok {
        let name = exchange.outcome.name();
        return Err(match &*exchange.detail {
            "" => name.to_owned(),
            detail => format!("{name}: {detail}"),
        });
    }
    let response = exchange.response.as_ref().ok_or("there is no response")?;
    if response.status != StatusCode::OK {
        return Err(format!("status {}", response.status.as_u16()));
    }
    let media = response.headers.get(header::CONTENT_TYPE);
    let is_open_metrics = media.is_some_and(|media| {
        media
            .as_bytes()
            .starts_with(b"application/openmetrics-text")
    });
    Ok(Answer {
        text: exchange.body().cloned().unwrap_or_default(),
        is_open_metrics,
    })
}

fn read_into(
    readings: &mut Readings,
    answer: &Answer,
    is_json: bool,
    at: Micros,
    every: Micros,
) -> Result<Vec<(String, KeptReading)>, String> {
    if is_json {
        let document = serde_json::from_slice(&answer.text)
            .map_err(|error| format!("the page is not JSON: {error}"))?;
        return Ok(readings.read_json(&document));
    }
    let text =
        std::str::from_utf8(&answer.text).map_err(|_| "the page is not UTF-8 text".to_owned())?;
    let page = Page::parse(text, answer.is_open_metrics).map_err(|error| error.to_string())?;
    Ok(readings.read_page(&page, at, every))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
