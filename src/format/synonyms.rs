//! Translates keys and values of k6, Locust, Artillery and Gatling to Gander's.

use std::collections::BTreeSet;

use super::Format;
use crate::source::{did_you_mean, nearest};

/// Removes the differences between spellings: `rampUp`, `ramp-up` and `ramp_up` become the same word.
fn plain(word: &str) -> String {
    word.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Words of other tools in normalized form; the keys that they may mean, of which the first valid one at that place is
/// suggested; and the hint if none is valid there.
struct Synonym {
    words: &'static [&'static str],
    keys: &'static [&'static str],
    elsewhere: &'static str,
}

const fn synonym(
    words: &'static [&'static str],
    keys: &'static [&'static str],
    elsewhere: &'static str,
) -> Synonym {
    Synonym {
        words,
        keys,
        elsewhere,
    }
}

#[rustfmt::skip]
const SYNONYMS: &[Synonym] = &[
    synonym(&["vus", "vu", "virtualusers", "concurrency", "concurrentusers", "clients", "threads", "connections", "numusers", "usercount", "atonceusers", "constantconcurrentusers", "startvus"],
        &["users"], "the number of users stands under `load:`, such as `load: { users: 20, for: 5m }`"),
    synonym(&["target"], &["users"], "the address stands in the first level: `target: http://127.0.0.1:8080`"),
    synonym(&["maxvus", "preallocatedvus", "maxvusers", "maxconcurrency"],
        &["max_users"], "the most users of a load by rate stand under `load:` as `max_users`"),
    synonym(&["latency", "responsetime", "maxresponsetime", "responsetimeinmillis"],
        &["time"], "a limit on the time of a response is a check, such as `check: [ { time: \"< 500ms\" } ]`"),
    synonym(&["duration", "runtime", "holdfor", "length", "testduration", "hold", "timelimit", "maxduration"],
        &["for", "time", "max_duration", "length"], "how long the load lasts stands under `load:` as `for`, such as `load: { users: 20, for: 5m }`"),
    synonym(&["rampup", "ramp", "rampto", "rampusers", "rampdown", "spawnrate", "hatchrate", "rampconcurrentusers", "startrate", "rampingvus"],
        &["over", "stages"], "a rise is a stage, such as `load: { stages: [ { users: 50, over: 30s }, { users: 50, for: 5m } ] }`"),
    synonym(&["arrivalrate", "arrivalcount", "rps", "throughput", "requestspersecond", "constantuserspersec", "rampuserspersec", "qps", "reachrps", "constantarrivalrate"],
        &["rate"], "the rate of arrivals stands under `load:`, such as `load: { rate: 200/s, for: 5m, max_users: 300 }`"),
    synonym(&["timeunit"], &[], "a rate has its unit in it, such as `rate: 90/min`"),
    synonym(&["phases", "stage", "phase", "executor", "options", "shape", "injectionprofile", "inject"],
        &["stages", "load"], "phases are stages, such as `load: { stages: [ { rate: 50/s, over: 1m } ], max_users: 300 }`"),
    synonym(&["iteration", "loops", "totaliterations"], &["iterations", "repeat"], "a number of iterations stands under `load:`, such as `load: { iterations: 1000, users: 10 }`"),
    synonym(&["loop", "count", "times", "repetitions"], &["repeat", "iterations"], "steps are repeated by `repeat: 3` with `steps:`"),
    synonym(&["sleep", "pause", "wait", "waittime", "thinktime", "think", "between", "delay", "constantpause", "randompause"],
        &["think", "think_time"], "a pause is a step, such as `- think: 1s..3s`; between all steps it is `think_time: 1s..3s` in the first level"),
    synonym(&["constantpacing", "pace", "constantthroughput", "minimaliterationduration", "miniterationduration"],
        &["pacing"], "the least time from one iteration to the next is `pacing: 5s` in the first level"),
    synonym(&["extract", "extractor", "capture", "captures", "save", "saveas", "store", "correlate", "extractors"],
        &["capture"], "a value is kept by a request, such as `capture: { id: { json: $.id } }`"),
    synonym(&["expect", "assert", "asserts", "assertion", "assertions", "checks", "validate", "verify", "tests", "ensure", "validators", "expectation"],
        &["check", "thresholds", "expect"], "what a response must be like is a `check:` of its request; what the run must be like stands under `thresholds:`"),
    synonym(&["threshold", "criteria", "slo", "slos", "passfail", "failurecriteria", "conditions"],
        &["thresholds"], "what the run must be like stands in the first level under `thresholds:`"),
    synonym(&["path", "filename", "source"], &["file"], ""),
    synonym(&["url", "uri", "path", "endpoint", "request", "method", "http"],
        &[], "the method is the key of a request's URL, such as `- get: /path`"),
    synonym(&["baseurl", "baseuri", "host", "hostname", "address", "server"],
        &["target"], "the address stands in the first level: `target: http://127.0.0.1:8080`"),
    synonym(&["params", "querystring", "qs", "queryparams", "queryparam"], &["query"], "parameters of a URL stand in its request under `query:`"),
    synonym(&["formdata", "formparams", "formparam", "formurlencoded"], &["form"], "a form stands in its request under `form:`"),
    synonym(&["payload", "rawbody", "content", "stringbody"], &["body", "data"], "a body stands in its request under `body:`, `json:` or `form:`"),
    synonym(&["data"], &["form", "body"], "rows of test input stand in the first level under `data:`"),
    synonym(&["jsonbody"], &["json"], "a JSON body stands in its request under `json:`"),
    synonym(&["header", "httpheaders", "defaultheaders", "commonheaders"], &["headers", "http"], "headers stand under `headers:` of a request, or of `http:` for all"),
    synonym(&["basicauth", "authorization", "authentication", "credentials", "digestauth"], &["auth"], "credentials stand in a request: `auth: { basic: { user: …, password: … } }` or `auth: { bearer: … }`"),
    synonym(&["username", "login"], &["user"], "a user's name stands under `auth: { basic: { user: …, password: … } }`"),
    synonym(&["feeder", "feeders", "csv", "dataset", "datasources", "testdata", "sharedarray"], &["data"], "rows of test input stand in the first level, such as `data: { users: { file: users.csv } }`"),
    synonym(&["variables", "variable", "env", "environment", "context", "globals", "constants"], &["vars"], "values stand in the first level under `vars:`"),
    synonym(&["onstart", "before", "beforeall", "beforescenario", "init", "prologue"], &["start", "setup"], "what a user does first is a flow's `start:`, what the run does first is `setup:`"),
    synonym(&["onstop", "after", "afterall", "afterscenario", "epilogue", "cleanup"], &["teardown"], "what the run does last stands in the first level under `teardown:`"),
    synonym(&["scenario", "scenarios", "tasks", "task", "flow", "exec", "journeys", "requests", "chain", "taskset"], &["flows", "steps"], "what users do stands under `flows:`, each with a name and `steps:`"),
    synonym(&["ratio", "probability", "percentage", "share"], &["weight"], "how often a flow is picked is its `weight:`"),
    synonym(&["when", "iftrue", "condition", "onlyif", "doif"], &["if"], "a condition stands in its step as `if:`"),
    synonym(&["gracefulstop", "gracefulrampdown", "stoptimeout", "gracefulstopduration"], &[], "how long requests may take to end is said on the command line: `--grace 30s`"),
    synonym(&["maxredirects", "followredirects", "followredirect", "allowredirects", "disablefollowredirect"], &["redirects"], "how many redirects are followed stands under `http:` as `redirects`"),
    synonym(&["insecureskiptlsverify", "insecureskipverify", "rejectunauthorized", "verifyssl", "ignoretls", "insecure"], &["insecure", "tls"], "certificates are not checked with `http: { tls: { insecure: true } }`"),
    synonym(&["requesttimeout", "timeouts", "readtimeout"], &["timeout"], "limits in time stand under `http:` or in a request as `timeout`"),
    synonym(&["connecttimeout", "connectiontimeout"], &["connect", "timeout"], "it stands under `timeout:` as `connect`"),
    synonym(&["discardresponsebodies"], &[], "a body is only kept where a check or a capture reads it; remove this"),
    synonym(&["statuscode", "httpcode", "code", "httpstatus"], &["status"], "a status is asked for by a check, such as `check: [ { status: 200 } ]`"),
    synonym(&["jsonpath", "jmespath", "jsonpointer", "jsonvalue"], &["json"], "a value of a JSON body is found by `json: $.path` in a check or a capture"),
    synonym(&["regexp", "regularexpression", "pattern"], &["regex", "matches"], "a regular expression stands in a capture as `regex`, in a check as `matches`"),
    synonym(&["eq", "equal", "value", "is", "equalto"], &["equals"], "a check compares with `equals: value` or `is: \"> 0\"`"),
    synonym(&["gt", "gte", "lt", "lte", "greaterthan", "lessthan"], &["is"], "a check compares with `is: \"> 0\"`"),
    synonym(&["contain", "includes", "substring"], &["contains"], "a check asks for a part of the body with `body: { contains: text }`"),
    synonym(&["abortonfail", "stoponfail"], &["abort"], "a threshold ends the run with `abort: { after: 30s }`"),
    synonym(&["delayaborteval"], &["after", "abort"], "a threshold ends the run with `abort: { after: 30s }`"),
    synonym(&["title", "label", "testname", "id"], &["name"], "what something is called is its `name:`"),
    // Words used as values.
    synonym(&["circular", "roundrobin", "sequence", "inorder"], &["sequential"], ""),
    synonym(&["queue", "once"], &["unique"], ""),
    synonym(&["shuffle"], &["shuffled"], ""),
    synonym(&["endurance", "longevity"], &["soak"], ""),
    synonym(&["load", "average", "averageload"], &["baseline"], ""),
    synonym(&["capacity", "breaking", "limit"], &["breakpoint"], ""),
    synonym(&["exponential", "random"], &["poisson"], ""),
    synonym(&["uniform", "even"], &["constant"], ""),
    synonym(&["warning", "info"], &["warn"], ""),
    synonym(&["error", "critical", "failure"], &["fail"], ""),
    synonym(&["ignore", "skip"], &["continue"], ""),
    synonym(&["any", "rand"], &["random"], ""),
];

/// A word of another tool with two meanings here; the hint applies where this key is valid.
const AMBIGUOUS: [(&str, &str, &str); 1] = [(
    "duration",
    "over",
    "`over` rises or falls to the level, as a stage of k6 does; `for` holds the level from the start",
)];

/// The hint for an unknown key. In this order: a valid key that other tools name so; the place of a key that belongs
/// elsewhere; a similar valid key; the place of the thing that other tools name so.
pub(super) fn key(word: &str, known: &[&str], format: &Format) -> Option<String> {
    synonym_of(word, known)
        .or_else(|| home(word, format).map(str::to_owned))
        .or_else(|| nearest(word, known.iter().copied()).map(did_you_mean))
        .or_else(|| elsewhere(word))
}

/// The hint for a value that is none of these words.
pub(super) fn value(word: &str, known: &[&str]) -> Option<String> {
    synonym_of(word, known).or_else(|| nearest(word, known.iter().copied()).map(did_you_mean))
}

fn synonyms(word: &str) -> impl Iterator<Item = &'static Synonym> {
    let plain = plain(word);
    SYNONYMS
        .iter()
        .filter(move |synonym| synonym.words.contains(&&*plain))
}

fn synonym_of(word: &str, known: &[&str]) -> Option<String> {
    let both = AMBIGUOUS
        .iter()
        .find(|(other, key, _)| *other == plain(word) && known.contains(key));
    if let Some((.., sentence)) = both {
        return Some((*sentence).to_owned());
    }
    let meant = synonyms(word).find_map(|s| s.keys.iter().find(|key| known.contains(key)));
    meant.map(|key| did_you_mean(key))
}

/// The place of a key of the format, if there is only one: a correctly spelt key is not a misspelling of another.
fn home(word: &str, format: &Format) -> Option<&'static str> {
    let mappings = format.mappings();
    let homes = mappings.iter().filter_map(|mapping| {
        let own = mapping.field(word)?.home;
        let home = if own.is_empty() { mapping.home } else { own };
        (!home.is_empty()).then_some(home)
    });
    let homes: BTreeSet<&str> = homes.collect();
    homes.first().copied().filter(|_| homes.len() == 1)
}

fn elsewhere(word: &str) -> Option<String> {
    synonyms(word)
        .map(|synonym| synonym.elsewhere)
        .find(|elsewhere| !elsewhere.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_in_its_plain_form() {
        for word in SYNONYMS.iter().flat_map(|synonym| synonym.words) {
            assert_eq!(plain(word), *word);
        }
    }
}
