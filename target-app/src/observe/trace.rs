//! `traceparent` and `tracestate` (W3C Trace Context): Folio joins a trace that a client started and starts none
//! itself.
//!
//! Without the header a request costs one failed header lookup, and the response carries no `traceparent`. A header
//! that violates the specification is ignored: its trace is not joined and its `tracestate` is dropped.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::text;

/// The header that identifies a trace and the span within it.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Maximum `tracestate` that is passed on, in bytes: the minimum that the specification requires.
const LONGEST_STATE: usize = 512;
/// The flags with a defined meaning: sampled, and random trace id.
const KNOWN_FLAGS: u8 = 0b11;

/// A request's position in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// 32 lower-case hexadecimal digits.
    id: String,
    span: u64,
    flags: u8,
    state: Option<HeaderValue>,
}

impl Trace {
    /// Joins the trace in `headers`; `span` generates the span id and is called only if there is a trace.
    pub(crate) fn join(headers: &HeaderMap, span: impl FnOnce() -> u64) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let parent = parents.next()?;
        if parents.next().is_some() {
            return None;
        }
        let (id, flags) = parse(parent.to_str().ok()?)?;
        Some(Self {
            id: id.to_owned(),
            span: span(),
            flags: flags & KNOWN_FLAGS,
            state: state(headers),
        })
    }

    /// 32 lower-case hexadecimal digits, for the log.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The value of `traceparent` with this request as the parent.
    pub(crate) fn parent(&self) -> HeaderValue {
        text(&format!(
            "00-{}-{:016x}-{:02x}",
            self.id, self.span, self.flags
        ))
    }

    /// Headers for a request made on behalf of this one: `traceparent`, and `tracestate` unchanged.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let state = self.state.clone().map(|state| (TRACESTATE, state));
        [(TRACEPARENT, self.parent())].into_iter().chain(state)
    }
}

/// Trace id and flags of `version-traceid-parentid-flags`; later versions may append fields after a dash.
fn parse(parent: &str) -> Option<(&str, u8)> {
    let mut parts = parent.splitn(5, '-');
    let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let rest = parts.next();
    let is_known = hex(version, 2)
        && version != "ff"
        && (version != "00" || rest.is_none())
        && hex(id, 32)
        && hex(span, 16)
        && hex(flags, 2);
    let is_nobody = |digits: &str| digits.bytes().all(|digit| digit == b'0');
    if !is_known || is_nobody(id) || is_nobody(span) {
        return None;
    }
    Some((id, u8::from_str_radix(flags, 16).ok()?))
}

fn hex(digits: &str, length: usize) -> bool {
    digits.len() == length
        && digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// The `tracestate` of `headers`, with several lines joined as in HTTP; `None` if it is missing or too long.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(TRACESTATE).iter();
    let first = lines.next()?;
    let mut joined = first.as_bytes().to_vec();
    for line in lines {
        if joined.len() > LONGEST_STATE {
            return None;
        }
        joined.push(b',');
        joined.extend_from_slice(line.as_bytes());
    }
    if joined.len() > LONGEST_STATE {
        return None;
    }
    HeaderValue::from_bytes(&joined).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn join(lines: &[(&'static str, &str)]) -> Option<Trace> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        Trace::join(&headers, || 0xbeef)
    }

    #[test]
    fn a_trace_is_joined_with_a_new_span() {
        for (flags, kept) in [("00", "00"), ("01", "01"), ("03", "03"), ("ff", "03")] {
            let parent = format!("00-{ID}-00f067aa0ba902b7-{flags}");
            let trace = join(&[("traceparent", &parent)]).expect("a trace");
            assert_eq!(trace.id(), ID);
            assert_eq!(trace.parent(), format!("00-{ID}-000000000000beef-{kept}"));
        }
    }

    #[test]
    fn a_later_version_is_accepted_and_answered_in_the_known_version() {
        for parent in [
            format!("01-{ID}-00f067aa0ba902b7-01"),
            format!("cc-{ID}-00f067aa0ba902b7-01-what-the-future-will-be"),
        ] {
            let trace = join(&[("traceparent", &parent)]).expect("a trace");
            assert_eq!(trace.parent(), format!("00-{ID}-000000000000beef-01"));
        }
    }

    #[test]
    fn an_invalid_header_is_ignored() {
        for parent in [
            String::new(),
            "00".to_owned(),
            format!("00-{ID}-00f067aa0ba902b7"),
            format!("00-{ID}-00f067aa0ba902b7-1"),
            format!("00-{ID}-00f067aa0ba902b7-01-more"),
            format!("00-{ID}-00f067aa0ba902b7-01-"),
            format!("01-{ID}-00f067aa0ba902b7-01more"),
            format!("ff-{ID}-00f067aa0ba902b7-01"),
            format!("0-{ID}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{ID}-{}-01", "0".repeat(16)),
            format!("00-{ID}-00f067aa0ba902b7-0g"),
            format!("00-{ID}-+0f067aa0ba902b7-01"),
            format!("00_{ID}_00f067aa0ba902b7_01"),
            format!("00-{ID}-00f067aa0ba902b7-01, 00-{ID}-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(join(&[("traceparent", &parent)]), None, "{parent}");
        }
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        assert_eq!(
            join(&[("traceparent", &parent), ("traceparent", &parent)]),
            None
        );
        assert_eq!(join(&[("tracestate", "a=1")]), None);
    }

    #[test]
    fn tracestate_is_passed_on_unchanged_unless_it_is_too_long() {
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        let headers = |states: &[&str]| {
            let mut lines = vec![("traceparent", parent.as_str())];
            lines.extend(states.iter().map(|state| ("tracestate", *state)));
            let trace = join(&lines).expect("a trace");
            let headers: Vec<_> = trace.headers().collect();
            headers
        };
        let plain = headers(&[]);
        assert_eq!(plain.len(), 1);
        assert_eq!(plain[0].0, TRACEPARENT);
        assert_eq!(headers(&["b=t61 ,a@b=x"])[1].1, "b=t61 ,a@b=x");
        assert_eq!(headers(&["a=1", "b=2"])[1].1, "a=1,b=2");
        assert_eq!(headers(&[&"a".repeat(LONGEST_STATE)]).len(), 2);
        assert_eq!(headers(&[&"a".repeat(LONGEST_STATE + 1)]).len(), 1);
        assert_eq!(headers(&["a"; LONGEST_STATE]).len(), 1);
    }
}
