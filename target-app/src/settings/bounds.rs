//! All switches by path, with their valid values.

use std::fmt;

use serde_json::Value;

use super::layers::SettingFault;
use super::{
    CacheMode, Compression, EdgeProvider, Indexes, Loading, RateLimit, Settings, Span, Stampede,
    WriteStrategy,
};

/// Maximum characters of an invalid value that are shown.
const SHOWN: usize = 60;
/// Maximum bytes of an API key.
const LONGEST_KEY: usize = 200;
/// Placeholder of a secret; as a key it would be known to everybody who has read a configuration.
const REDACTED: &str = "[redacted]";

/// The valid values of a switch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bounds {
    /// One of these names.
    Choice(&'static [&'static str]),
    /// On or off.
    Flag,
    /// A whole number: minimum, maximum.
    Count(u64, u64),
    /// A number: minimum, maximum.
    Part(f64, f64),
    /// A duration: minimum.
    Length(Span),
    /// A destination, or none. May contain a password.
    Url,
    /// API keys of clients.
    Keys,
}

use Bounds::{Choice, Count, Flag, Keys, Length, Part, Url};

const ZERO: Span = Span::seconds(0);
const MILLISECOND: Span = Span::milliseconds(1);
const SECOND: Span = Span::seconds(1);

/// All switches, group by group.
const SWITCHES: [(&str, Bounds); 82] = [
    ("cache.mode", Choice(CacheMode::NAMES)),
    ("cache.strategy", Choice(WriteStrategy::NAMES)),
    ("cache.stampede", Choice(Stampede::NAMES)),
    ("cache.l1_items", Count(1, 10_000_000)),
    ("cache.ttl", Length(MILLISECOND)),
    ("cache.list_ttl", Length(MILLISECOND)),
    ("cache.long_ttl", Length(MILLISECOND)),
    ("cache.jitter", Part(0.0, 1.0)),
    ("cache.early_beta", Part(0.0, 100.0)),
    ("cache.warm_on_start", Flag),
    ("cache.warm_items", Count(1, 1_000_000)),
    ("cache.warm_every", Length(ZERO)),
    ("cache.flush_every", Length(MILLISECOND)),
    ("cache.behind_queue", Count(1, 1_000_000)),
    ("cache.l2_connections", Count(1, 1_000)),
    ("cache.l2_connections_least", Count(0, 1_000)),
    ("pool.size", Count(1, 1_000)),
    ("pool.overflow", Count(0, 1_000)),
    ("pool.timeout", Length(MILLISECOND)),
    ("pool.recycle", Length(ZERO)),
    ("pool.idle_timeout", Length(ZERO)),
    ("pool.pre_ping", Flag),
    ("pool.replicas", Count(0, 2)),
    ("pool.auto", Flag),
    ("pool.auto_least", Count(1, 1_000)),
    ("pool.auto_most", Count(1, 1_000)),
    ("db.indexes", Choice(Indexes::NAMES)),
    ("db.loading", Choice(Loading::NAMES)),
    ("db.rtt_ms", Count(0, 60_000)),
    ("db.hold_ms", Count(0, 60_000)),
    ("db.slow_ms", Count(0, 60_000)),
    ("db.timeout", Length(MILLISECOND)),
    ("admission.rate", Choice(RateLimit::NAMES)),
    ("admission.anonymous", Flag),
    ("admission.per_second", Count(1, 1_000_000)),
    ("admission.burst", Count(1, 1_000_000)),
    ("admission.auth_per_second", Count(1, 1_000_000)),
    ("admission.auth_burst", Count(1, 1_000_000)),
    ("admission.window_limit", Count(1, 1_000_000)),
    ("admission.window", Length(Span::milliseconds(10))),
    ("admission.api_keys", Keys),
    ("admission.http_limit", Count(1, 1_000_000)),
    ("admission.http_waiting", Count(0, 1_000_000)),
    ("admission.db_limit", Count(1, 1_000_000)),
    ("admission.db_waiting", Count(0, 1_000_000)),
    ("admission.cache_limit", Count(1, 1_000_000)),
    ("admission.cache_waiting", Count(0, 1_000_000)),
    ("admission.queue_workers", Count(1, 10_000)),
    ("admission.queue_depth", Count(0, 1_000_000)),
    ("admission.timeout", Length(MILLISECOND)),
    ("admission.body_limit", Count(1, 1 << 30)),
    ("breaker.enabled", Flag),
    ("breaker.failures", Part(0.01, 1.0)),
    ("breaker.least_calls", Count(1, 1_000_000)),
    ("breaker.window", Length(Span::milliseconds(10))),
    ("breaker.timeouts", Count(1, 1_000_000)),
    ("breaker.open_for", Length(MILLISECOND)),
    ("breaker.probes", Count(1, 1_000)),
    ("compression", Choice(Compression::NAMES)),
    ("auth.access_ttl", Length(SECOND)),
    ("auth.refresh_ttl", Length(SECOND)),
    ("auth.sessions", Count(1, 10_000)),
    ("tasks.workers", Count(1, 1_000)),
    ("tasks.queue", Count(1, 1_000_000)),
    ("tasks.attempts", Count(1, 100)),
    ("tasks.backoff", Length(MILLISECOND)),
    ("tasks.backoff_most", Length(ZERO)),
    ("tasks.drain", Length(ZERO)),
    ("edge.enabled", Flag),
    ("edge.provider", Choice(EdgeProvider::NAMES)),
    ("edge.purge_url", Url),
    ("edge.items", Count(1, 1_000_000)),
    ("edge.ttl", Length(SECOND)),
    ("edge.prefetch", Flag),
    ("monitor.every", Length(Span::milliseconds(10))),
    ("monitor.latency_ms", Count(1, 3_600_000)),
    ("monitor.hit_ratio", Part(0.0, 1.0)),
    ("monitor.errors", Part(0.0, 1.0)),
    ("monitor.cpu", Part(0.0, 1.0)),
    ("monitor.pool_wait_ms", Count(1, 3_600_000)),
    ("monitor.looks", Count(1, 1_000)),
    ("monitor.webhook", Url),
];

/// The bounds of the switch at `path`, if it exists.
pub(super) fn of(path: &str) -> Option<Bounds> {
    let mut switches = SWITCHES.iter();
    let (_, bounds) = switches.find(|(known, _)| *known == path)?;
    Some(*bounds)
}

/// The paths of all switches: `cache.mode`, `compression`.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    SWITCHES.iter().map(|(path, _)| *path)
}

/// The switches of `group`, without the group's name.
pub(super) fn members(group: &str) -> impl Iterator<Item = &'static str> {
    let of_group = move |path: &'static str| path.strip_prefix(group)?.strip_prefix('.');
    paths().filter_map(of_group)
}

impl Bounds {
    /// The reason why `found` is invalid; `None` if it is valid.
    pub(super) fn refuse(self, found: &Value) -> Option<String> {
        (!self.allow(found)).then(|| format!("expected {self}, found {}", self.shown(found)))
    }

    /// Whether values must not be shown.
    pub(super) const fn is_secret(self) -> bool {
        matches!(self, Url | Keys)
    }

    fn allow(self, found: &Value) -> bool {
        match self {
            Choice(names) => found.as_str().is_some_and(|name| names.contains(&name)),
            Flag => found.is_boolean(),
            Count(least, most) => found
                .as_u64()
                .is_some_and(|count| (least..=most).contains(&count)),
            Part(least, most) => found
                .as_f64()
                .is_some_and(|part| (least..=most).contains(&part)),
            Length(least) => found
                .as_str()
                .and_then(|text| text.parse().ok())
                .is_some_and(|length: Span| length >= least),
            Url => found.is_null() || found.as_str().is_some_and(is_http_url),
            Keys => found
                .as_array()
                .is_some_and(|keys| keys.iter().all(|key| key.as_str().is_some_and(is_key))),
        }
    }

    fn shown(self, found: &Value) -> String {
        let kind = match found {
            Value::Null => return "nothing (null)".to_owned(),
            Value::Object(_) => return "a group of settings".to_owned(),
            _ if !self.is_secret() => {
                let text = found.to_string();
                return match text.char_indices().nth(SHOWN) {
                    Some((end, _)) => format!("{}…", &text[..end]),
                    None => text,
                };
            }
            Value::String(text) if text.is_empty() => return "empty text".to_owned(),
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Bool(_) | Value::Number(_) => "a value",
        };
        format!("{kind} that is not valid (hidden: it may be secret)")
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice([names @ .., last]) => write!(out, "{} or {last}", names.join(", ")),
            Choice([]) => out.write_str("nothing"),
            Flag => out.write_str("true or false"),
            Count(least, most) => write!(out, "a whole number from {least} to {most}"),
            Part(least, most) => write!(out, "a number from {least} to {most}"),
            Length(least) => write!(
                out,
                "a duration such as 250us, 5ms, 1.5s, 2m or 8h, from {least} to {}",
                Span::LONGEST
            ),
            Url => out.write_str("a URL that begins with http://, or null for none"),
            Keys => write!(
                out,
                "a list of keys such as [\"key-1\", \"key-2\"], each of 1 to {LONGEST_KEY} visible ASCII characters"
            ),
        }
    }
}

fn is_http_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| url.scheme() == "http")
}

/// Whether the key can be sent in a header and is not the placeholder.
fn is_key(key: &str) -> bool {
    (1..=LONGEST_KEY).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic())
        && key != REDACTED
}

/// Checks rules that involve two settings.
pub(super) fn check_together(settings: &Settings) -> Vec<SettingFault> {
    let (pool, cache, tasks) = (&settings.pool, &settings.cache, &settings.tasks);
    let mut faults: Vec<_> = [
        above(
            ("pool.auto_least", pool.auto_least),
            ("pool.auto_most", pool.auto_most),
        ),
        above(
            ("cache.l2_connections_least", cache.l2_connections_least),
            ("cache.l2_connections", cache.l2_connections),
        ),
        above(
            ("tasks.backoff", tasks.backoff),
            ("tasks.backoff_most", tasks.backoff_most),
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    if settings.edge.provider == EdgeProvider::Http && settings.edge.purge_url.is_none() {
        faults.push(SettingFault {
            setting: "edge.purge_url".to_owned(),
            message: "expected a URL, because edge.provider=http sends purges to it; found none"
                .to_owned(),
        });
    }
    faults
}

/// The fault of a switch that exceeds another one.
fn above<T: PartialOrd + fmt::Display>(
    (setting, found): (&str, T),
    (bound, most): (&str, T),
) -> Option<SettingFault> {
    (found > most).then(|| SettingFault {
        setting: setting.to_owned(),
        message: format!("expected at most the value of {bound}, {most}; found {found}"),
    })
}
