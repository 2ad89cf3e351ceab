//! The admission middleware: rate limits, body limits, concurrency limits and the time limit.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use prometheus::{IntCounter, IntCounterVec};

use super::body::{BodyBuffers, BodyError, BodyShare};
use super::client::{ClientKey, UnknownKey, client_of, priority_of};
use super::rate::{Rate, TokenBuckets};
use super::window::{Quota, SlidingWindows, WindowVerdict};
use crate::auth::Auth;
use crate::bulkhead::{Gate, GateFull, RequestPriority, rejections};
use crate::error::Problem;
use crate::kv::Kv;
use crate::metrics::Metrics;
use crate::settings::{AdmissionSettings, Live, RateLimit};

/// Maximum body of a bulk request in bytes: enough for a thousand documents.
const BULK_BODY_LIMIT: u64 = 8 * 1024 * 1024;
/// Time limit of a bulk request, as a multiple of `admission.timeout`: a thousand single statements over a slow
/// network.
const BULK_PATIENCE: u32 = 6;
/// Value of `Retry-After` for a request that exceeded its time limit.
const RETRY_AFTER_TIMEOUT: Duration = Duration::from_secs(1);

/// The class of a route, which decides the limits that apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Most routes.
    Standard,
    /// Routes at which passwords or keys can be guessed: the stricter rate limit.
    Auth,
    /// Search: passes the queue.
    Heavy,
    /// Bulk requests: pass the queue, with a body of up to 8 MiB.
    Bulk,
}

/// The concurrency limits and rate limits of the service.
pub(crate) struct Admission {
    settings: Arc<Live>,
    /// Identifies the users that are counted separately.
    users: Arc<Auth>,
    http: Gate,
    queue: Gate,
    general: Arc<TokenBuckets>,
    auth: Arc<TokenBuckets>,
    windows: SlidingWindows,
    bodies: BodyBuffers,
    over_rate: IntCounter,
    unknown_keys: IntCounter,
    overdue: IntCounter,
    rejected: IntCounterVec,
}

/// The current settings that apply to one request, copied once, because the settings must not be held while the request
/// is answered.
struct RequestTerms {
    client: ClientKey,
    /// The lane whose rate limit applies.
    charged: Lane,
    /// Whether the client's API key, if it sent one, is known.
    is_known: bool,
    priority: RequestPriority,
    rate: RateLimit,
    tokens: Rate,
    window: Quota,
    timeout: Duration,
    /// Maximum body in bytes.
    body_limit: u64,
}

/// The client exceeded a rate limit.
struct RateLimited {
    /// The limit, its allowance and its period, for the `RateLimit` headers.
    policy: &'static str,
    quota: u32,
    window_seconds: u32,
    retry_after: Duration,
}

impl Lane {
    fn is_heavy(self) -> bool {
        matches!(self, Self::Heavy | Self::Bulk)
    }

    fn rate(self, settings: &AdmissionSettings) -> Rate {
        match self {
            Self::Auth => Rate {
                per_second: settings.auth_per_second,
                burst: settings.auth_burst,
            },
            Self::Standard | Self::Heavy | Self::Bulk => Rate {
                per_second: settings.per_second,
                burst: settings.burst,
            },
        }
    }

    fn timeout(self, settings: &AdmissionSettings) -> Duration {
        match self {
            Self::Bulk => settings.timeout.0.saturating_mul(BULK_PATIENCE),
            Self::Standard | Self::Auth | Self::Heavy => settings.timeout.0,
        }
    }

    fn body_limit(self, settings: &AdmissionSettings) -> u64 {
        match self {
            Self::Bulk => BULK_BODY_LIMIT,
            Self::Standard | Self::Auth | Self::Heavy => settings.body_limit.into(),
        }
    }
}

impl Admission {
    /// Creates the limits; the sliding windows are in `kv`, so all instances share them.
    pub(crate) fn new(
        settings: &Arc<Live>,
        users: &Arc<Auth>,
        kv: Kv,
        metrics: &Metrics,
    ) -> Result<Self, prometheus::Error> {
        let rejected = rejections(metrics)?;
        let now = settings.load();
        Ok(Self {
            settings: Arc::clone(settings),
            users: Arc::clone(users),
            http: Gate::http(Arc::clone(settings), metrics)?,
            queue: Gate::queue(Arc::clone(settings), metrics)?,
            general: buckets("general", Lane::Standard.rate(&now.admission), metrics)?,
            auth: buckets("auth", Lane::Auth.rate(&now.admission), metrics)?,
            windows: SlidingWindows::new(kv, metrics)?,
            bodies: BodyBuffers::default(),
            over_rate: rejected.with_label_values(&["rate"]),
            unknown_keys: rejected.with_label_values(&["api_key"]),
            overdue: rejected.with_label_values(&["timeout"]),
            rejected,
        })
    }

    /// Determines the terms of `request`.
    fn terms(
        &self,
        lane: Lane,
        settings: &AdmissionSettings,
        request: &mut Request,
    ) -> RequestTerms {
        let (client, charged, is_known) = match client_of(request, &self.users, &settings.api_keys)
        {
            Ok(client) => (client, lane, true),
            // Guessing API keys is limited like guessing passwords.
            Err(UnknownKey { peer }) => (peer, Lane::Auth, false),
        };
        let is_exempt = client.is_anonymous_loopback() && !settings.anonymous;
        RequestTerms {
            client,
            priority: priority_of(request.headers(), client),
            rate: if is_exempt {
                RateLimit::Off
            } else {
                settings.rate
            },
            charged,
            is_known,
            tokens: charged.rate(settings),
            window: Quota {
                limit: settings.window_limit,
                length: settings.window.0,
            },
            timeout: lane.timeout(settings),
            body_limit: lane.body_limit(settings),
        }
    }

    /// Reads the whole body, so that the request needs nothing more from its client. Returns the request and the
    /// reservation of its body.
    async fn read(
        &self,
        terms: &RequestTerms,
        mut request: Request,
    ) -> Result<(Request, Option<BodyShare<'_>>), BodyError> {
        if request.body().is_end_stream() {
            return Ok((request, None));
        }
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > terms.body_limit) {
            return Err(BodyError::TooLarge);
        }
        let body = std::mem::take(request.body_mut());
        let limit = terms.body_limit as usize;
        let read = Box::pin(self.bodies.read(terms.client, body, limit));
        let (whole, share) = read.await?;
        *request.body_mut() = Body::from(whole);
        // Disables the framework's own limit, which is fixed when the routes are built; the limit here replaces it.
        DefaultBodyLimit::disable().apply(&mut request);
        Ok((request, share))
    }

    /// Counts the request against the limits of its client. Routes of the `Auth` lane have a separate bucket in either
    /// mode.
    async fn charge(&self, terms: &RequestTerms) -> Result<(), RateLimited> {
        let RequestTerms {
            client,
            charged: lane,
            tokens,
            window,
            ..
        } = *terms;
        let (buckets, policy) = match lane {
            Lane::Auth => (&*self.auth, "auth"),
            Lane::Standard | Lane::Heavy | Lane::Bulk => (&*self.general, "general"),
        };
        let bucket = || {
            let taken = buckets.take(client, tokens);
            taken.map_err(|retry_after| RateLimited {
                policy,
                quota: tokens.burst,
                window_seconds: tokens.burst.div_ceil(tokens.per_second.max(1)),
                retry_after,
            })
        };
        match terms.rate {
            RateLimit::Off => Ok(()),
            RateLimit::TokenBucket => bucket(),
            RateLimit::SlidingWindow => {
                if lane == Lane::Auth {
                    bucket()?;
                }
                match self.windows.take(client, window).await {
                    WindowVerdict::Accepted => Ok(()),
                    WindowVerdict::Refused { retry_after } => Err(RateLimited {
                        policy: "window",
                        quota: window.limit,
                        window_seconds: window.length.as_secs_f64().ceil() as u32,
                        retry_after,
                    }),
                    // A request of the `Auth` lane was already counted by its own bucket.
                    WindowVerdict::Unknown if lane == Lane::Auth => Ok(()),
                    WindowVerdict::Unknown => bucket(),
                }
            }
        }
    }

    /// Runs the request as soon as it has its permits.
    async fn run(
        &self,
        lane: Lane,
        priority: RequestPriority,
        request: Request,
        next: Next,
    ) -> Result<Response, GateFull> {
        // Takes the queue permit before the HTTP permit: heavy requests that wait must not block light ones.
        let _turn = if lane.is_heavy() {
            Some(self.queue.enter(priority).await?)
        } else {
            None
        };
        let _place = self.http.enter(priority).await?;
        Ok(next.run(request).await)
    }
}

/// The middleware: admits a request through its lane, or answers with the reason and `Retry-After`.
pub(crate) async fn admit(
    State((admission, lane)): State<(Arc<Admission>, Lane)>,
    mut request: Request,
    next: Next,
) -> Response {
    let terms = {
        let settings = admission.settings.load();
        admission.terms(lane, &settings.admission, &mut request)
    };
    if let Err(too_many) = admission.charge(&terms).await {
        admission.over_rate.inc();
        return too_many.into_response();
    }
    if !terms.is_known {
        admission.unknown_keys.inc();
        return Problem::unauthorized(
            "unknown API key; X-Api-Key must be one of admission.api_keys",
        )
        .into_response();
    }
    let (request, _share) = match admission.read(&terms, request).await {
        Ok(read) => read,
        Err(unread) => {
            if let Some(reason) = unread.label() {
                admission.rejected.with_label_values(&[reason]).inc();
            }
            return Problem::from(unread).into_response();
        }
    };
    let run = admission.run(lane, terms.priority, request, next);
    match tokio::time::timeout(terms.timeout, run).await {
        Ok(Ok(response)) => response,
        Ok(Err(GateFull { retry_after, .. })) => Problem::unavailable(
            "the service is at its concurrency limit; try again later",
            retry_after,
        )
        .into_response(),
        Err(_) => {
            admission.overdue.inc();
            let detail = "the request exceeded the time limit; try again later";
            Problem::unavailable(detail, RETRY_AFTER_TIMEOUT).into_response()
        }
    }
}

/// Token buckets of one kind, with a gauge of the clients that have one.
fn buckets(
    kind: &str,
    rate: Rate,
    metrics: &Metrics,
) -> Result<Arc<TokenBuckets>, prometheus::Error> {
    let buckets = Arc::new(TokenBuckets::new(rate));
    let seen = Arc::clone(&buckets);
    metrics.observe(
        "folio_admission_clients",
        "Clients that currently have a token bucket.",
        ("rate", kind),
        move || seen.len() as i64,
    )?;
    Ok(buckets)
}

impl IntoResponse for RateLimited {
    fn into_response(self) -> Response {
        let Self {
            policy,
            quota,
            window_seconds,
            retry_after,
        } = self;
        let detail = "too many requests from this client";
        let mut response = Problem::too_many_requests(detail, retry_after).into_response();
        let seconds = retry_after.as_secs_f64().ceil().max(1.0);
        for (name, value) in [
            (
                "ratelimit-policy",
                format!("\"{policy}\";q={quota};w={window_seconds}"),
            ),
            ("ratelimit", format!("\"{policy}\";r=0;t={seconds}")),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                let name = HeaderName::from_static(name);
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
