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
        &["users"], "the number of users belongs under `load:`, such as `load: { users: 20, for: 5m }`"),
    synonym(&["target"], &["users"], "the address belongs at the top level: `target: http://127.0.0.1:8080`"),
    synonym(&["maxvus", "preallocatedvus", "maxvusers", "maxconcurrency"],
        &["max_users"], "the maximum number of users of a load by `rate` is `max_users` under `load:`"),
    synonym(&["latency", "responsetime", "maxresponsetime", "responsetimeinmillis"],
        &["time"], "a limit on the time of a response is a check, such as `check: [ { time: \"< 500ms\" } ]`"),
    synonym(&["duration", "runtime", "holdfor", "length", "testduration", "hold", "timelimit", "maxduration"],
        &["for", "time", "max_duration", "length"], "the duration of the load is `for` under `load:`, such as `load: { users: 20, for: 5m }`"),
    synonym(&["rampup", "ramp", "rampto", "rampusers", "rampdown", "spawnrate", "hatchrate", "rampconcurrentusers", "startrate", "rampingvus"],
        &["over", "stages"], "a ramp is a stage, such as `load: { stages: [ { users: 50, over: 30s }, { users: 50, for: 5m } ] }`"),
    synonym(&["arrivalrate", "arrivalcount", "rps", "throughput", "requestspersecond", "constantuserspersec", "rampuserspersec", "qps", "reachrps", "constantarrivalrate"],
        &["rate"], "the arrival rate belongs under `load:`, such as `load: { rate: 200/s, for: 5m, max_users: 300 }`"),
    synonym(&["timeunit"], &[], "a rate includes its unit, such as `rate: 90/min`"),
    synonym(&["phases", "stage", "phase", "executor", "options", "shape", "injectionprofile", "inject"],
        &["stages", "load"], "phases are stages, such as `load: { stages: [ { rate: 50/s, over: 1m } ], max_users: 300 }`"),
    synonym(&["iteration", "loops", "totaliterations"], &["iterations", "repeat"], "the number of iterations belongs under `load:`, such as `load: { iterations: 1000, users: 10 }`"),
    synonym(&["retries", "trymax", "maxretries", "tries", "maxtries", "attempts", "maxattempts", "retrylimit", "limit"],
        &["times", "retry"], "steps run again after a failed request with `retry: 3` and `steps:`"),
    synonym(&["retryon", "statuscodes"], &["on"], ""),
    synonym(&["backoff", "interval", "retrydelay", "retrywait"], &["wait"], ""),
    synonym(&["rendezvouspoint", "rendezvoususers", "synchronizingtimer", "barrier", "syncpoint", "groupsize"],
        &["users", "rendezvous"], "users wait for each other at a step `rendezvous: { users: 50, within: 10s }`"),
    synonym(&["loop", "count", "times", "repetitions"], &["repeat", "iterations"], "`repeat: 3` with `steps:` repeats steps"),
    synonym(&["sleep", "pause", "wait", "waittime", "thinktime", "think", "between", "delay", "constantpause", "randompause"],
        &["think", "think_time"], "a pause is a step, such as `- think: 1s..3s`; a pause between all steps is `think_time: 1s..3s` at the top level"),
    synonym(&["constantpacing", "pace", "constantthroughput", "minimaliterationduration", "miniterationduration"],
        &["pacing"], "the minimum time between two starts of a user's iterations is `pacing: 5s` at the top level"),
    synonym(&["extract", "extractor", "capture", "captures", "save", "saveas", "store", "correlate", "extractors"],
        &["capture"], "a request captures a value, such as `capture: { id: { json: $.id } }`"),
    synonym(&["expect", "assert", "asserts", "assertion", "assertions", "checks", "validate", "verify", "tests", "ensure", "validators", "expectation"],
        &["check", "thresholds", "expect"], "a condition on a response is a `check:` of its request; a condition on the run belongs under `thresholds:`"),
    synonym(&["threshold", "criteria", "slo", "slos", "passfail", "failurecriteria", "conditions"],
        &["thresholds"], "conditions on the run belong under `thresholds:` at the top level"),
    synonym(&["path", "filename", "source"], &["file"], ""),
    synonym(&["url", "uri", "path", "endpoint", "request", "method", "http"],
        &[], "the method is the key of a request's URL, such as `- get: /path`"),
    synonym(&["baseurl", "baseuri", "host", "hostname", "address", "server"],
        &["target"], "the address belongs at the top level: `target: http://127.0.0.1:8080`"),
    synonym(&["params", "querystring", "qs", "queryparams", "queryparam"], &["query"], "URL parameters belong in the request under `query:`"),
    synonym(&["formdata", "formparams", "formparam", "formurlencoded"], &["form"], "a form belongs in the request under `form:`"),
    synonym(&["files", "upload", "uploads", "formfiles", "multipartform", "multipartformdata"], &["multipart"], "an upload is a body of parts: `multipart: [ { name: picture, file: mug.png } ]`"),
    synonym(&["payload", "rawbody", "content", "stringbody"], &["body", "data"], "a body belongs in the request under `body:`, `json:` or `form:`"),
    synonym(&["data"], &["form", "body"], "rows of test input belong under `data:` at the top level"),
    synonym(&["jsonbody"], &["json"], "a JSON body belongs in the request under `json:`"),
    synonym(&["header", "httpheaders", "defaultheaders", "commonheaders"], &["headers", "http"], "headers belong under `headers:` of a request, or of `http:` for all requests"),
    synonym(&["basicauth", "authorization", "authentication", "credentials"], &["auth", "basic"], "credentials belong in a request, a flow or `http`: `auth: { basic: { user: …, password: … } }` or `auth: { bearer: … }`"),
    synonym(&["token", "bearertoken", "jwtbearer"], &["bearer"], "a token is sent with `auth: { bearer: … }`"),
    synonym(&["digestauth"], &["digest", "auth"], "digest authentication is `auth: { digest: { user: …, password: … } }`"),
    synonym(&["oauth", "oauth2clientcredentials", "clientcredentials", "openid", "oidc"], &["oauth2"], "tokens are fetched by `auth: { oauth2: { token_url: …, client_id: …, client_secret: … } }`"),
    synonym(&["accesstokenurl", "tokenendpoint", "tokenuri", "tokenurl", "authurl", "issuer"], &["token_url"], ""),
    synonym(&["clientid", "consumerkey"], &["client_id"], ""),
    synonym(&["clientsecret", "consumersecret"], &["client_secret"], ""),
    synonym(&["clientauthentication", "authstyle", "addtokento"], &["client_auth"], ""),
    synonym(&["granttype", "grant", "flowtype"], &[], "the keys of `oauth2` decide the grant: `user` and `password`, `refresh_token`, or neither for `client_credentials`"),
    synonym(&["scopes"], &["scope"], ""),
    synonym(&["resource"], &["audience"], ""),
    synonym(&["refreshbefore", "expirybuffer", "expirydelta", "leeway"], &["renew_before"], ""),
    synonym(&["apikey", "apikeyauth"], &["api_key"], "a key is sent with `auth: { api_key: { header: x-api-key, value: … } }`"),
    synonym(&["awsv4", "aws", "awssignature", "sigv4", "awssig", "awssigv4"], &["aws_sigv4"], "requests to AWS are signed with `auth: { aws_sigv4: … }`"),
    synonym(&["hawk", "signature", "hmacauth"], &["hmac", "sign"], "a signature with a shared key is `auth: { hmac: … }`"),
    synonym(&["accesskey", "accesskeyid", "awsaccesskeyid"], &["access_key"], ""),
    synonym(&["secretkey", "secretaccesskey", "awssecretaccesskey"], &["secret_key", "key"], ""),
    synonym(&["sessiontoken", "securitytoken"], &["session_token"], ""),
    synonym(&["secret", "sharedkey", "sharedsecret"], &["key"], ""),
    synonym(&["algo", "hash", "alg", "digest"], &["algorithm"], ""),
    synonym(&["username", "login"], &["user"], "a user name belongs under `auth: { basic: { user: …, password: … } }`"),
    synonym(&["feeder", "feeders", "csv", "dataset", "datasources", "testdata", "sharedarray"], &["data"], "rows of test input belong at the top level, such as `data: { users: { file: users.csv } }`"),
    synonym(&["variables", "variable", "env", "environment", "context", "globals", "constants"], &["vars"], "values belong under `vars:` at the top level"),
    synonym(&["onstart", "before", "beforeall", "beforescenario", "init", "prologue"], &["start", "setup"], "steps at the start of each user belong under a flow's `start:`, steps before the load under `setup:`"),
    synonym(&["onstop", "after", "afterall", "afterscenario", "epilogue", "cleanup"], &["stop", "teardown"], "steps at the end of each user belong under a flow's `stop:`, steps after the load under `teardown:`"),
    synonym(&["scenario", "scenarios", "tasks", "task", "flow", "exec", "journeys", "requests", "chain", "taskset"], &["flows", "steps"], "the steps of users belong under `flows:`, each flow with a name and `steps:`"),
    synonym(&["batch", "httpbatch", "concurrent", "inparallel", "simultaneous"], &["parallel"], "requests at the same time are the steps of a `parallel: 6`"),
    synonym(&["resources", "embedded", "embeddedresources", "inferhtmlresources", "pageresources"], &["assets"], "`- assets: html` after the request for a page loads what the page embeds"),
    synonym(&["for", "each", "over"], &["foreach"], ""),
    synonym(&["then"], &["steps"], "the steps under a condition are `steps:` beside `if:`"),
    synonym(&["switch", "randomswitch", "uniformrandomswitch"], &["choose", "if"], "`choose:` draws one of several lists of steps, `if:` decides by a value"),
    synonym(&["transaction"], &["group"], "steps that are measured together are a `group:` with `steps:`"),
    synonym(&["print", "consolelog", "debug"], &["log"], "`- log: text` writes a text to the log of the run"),
    synonym(&["ratio", "probability", "percentage", "share"], &["weight"], "the probability of a flow is its `weight:`"),
    synonym(&["fixedcount"], &["count"], "the number of users of a flow is its `count:`"),
    synonym(&["when", "iftrue", "condition", "onlyif", "doif"], &["if"], "the condition of a step is its `if:`"),
    synonym(&["gracefulstop", "gracefulrampdown", "stoptimeout", "gracefulstopduration"], &[], "the time that requests in flight have to finish is the command-line option `--grace 30s`"),
    synonym(&["maxredirects", "followredirects", "followredirect", "allowredirects", "disablefollowredirect"], &["redirects"], "the maximum number of redirects is `redirects` under `http:`"),
    synonym(&["insecureskiptlsverify", "insecureskipverify", "rejectunauthorized", "verifyssl", "ignoretls", "insecure"], &["insecure", "tls"], "`http: { tls: { insecure: true } }` turns off the check of certificates"),
    synonym(&["requesttimeout", "timeouts", "readtimeout"], &["timeout"], "time limits are `timeout` under `http:` or in a request"),
    synonym(&["connecttimeout", "connectiontimeout"], &["connect", "timeout"], "the limit is `connect` under `timeout:`"),
    synonym(&["discardresponsebodies"], &[], "Gander keeps a body only if a check or a capture reads it; remove this key"),
    synonym(&["statuscode", "httpcode", "code", "httpstatus"], &["status"], "a check tests the status, such as `check: [ { status: 200 } ]`"),
    synonym(&["jsonpath", "jmespath", "jsonpointer", "jsonvalue"], &["json"], "`json: $.path` in a check or a capture selects a value of a JSON body"),
    synonym(&["selector", "cssselector", "queryselector", "xpath"], &["css", "select"], "`css: selector` in a check or a capture finds elements of an HTML body"),
    synonym(&["expectedstatus", "expectedstatuses", "expectstatus", "successcodes", "failurecodes"], &["expect", "fail_on"], "the status of a good response is `expect:` of its request; what fails requests is `fail_on:`"),
    synonym(&["gzip", "contentencoding", "compressed"], &["compress"], "`compress: gzip` in a request compresses its body"),
    synonym(&["defaultvalue", "fallback", "ifmissing"], &["default"], ""),
    synonym(&["strict", "required"], &["optional"], ""),
    synonym(&["regexp", "regularexpression", "pattern"], &["regex", "matches"], "a regular expression is `regex` in a capture and `matches` in a check"),
    synonym(&["eq", "equal", "value", "is", "equalto"], &["equals"], "a check compares with `equals: value` or `is: \"> 0\"`"),
    synonym(&["gt", "gte", "lt", "lte", "greaterthan", "lessthan"], &["is"], "a check compares with `is: \"> 0\"`"),
    synonym(&["contain", "includes", "substring"], &["contains"], "a check tests a part of the body with `body: { contains: text }`"),
    synonym(&["abortonfail", "stoponfail"], &["abort"], "a threshold stops the run with `abort: { after: 30s }`"),
    synonym(&["delayaborteval"], &["after", "abort"], "a threshold stops the run with `abort: { after: 30s }`"),
    synonym(&["title", "label", "testname", "id"], &["name"], "the name is the key `name:`"),
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
    "`over` changes the level gradually, as a k6 stage does; `for` keeps it constant",
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
