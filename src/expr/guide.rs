//! The operators of expressions and the aggregates of thresholds, for the reference.

/// An operator, aggregate or selector with its description and an example expression.
#[derive(Debug)]
pub(crate) struct GuideEntry {
    pub(crate) written: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) example: &'static str,
}

const fn entry(written: &'static str, doc: &'static str, example: &'static str) -> GuideEntry {
    GuideEntry {
        written,
        doc,
        example,
    }
}

/// In order of precedence, lowest first.
pub(crate) const OPERATORS: [GuideEntry; 14] = [
    entry(
        "? :",
        "The first value if the condition holds, else the second.",
        "id > 0 ? 'old' : 'new'",
    ),
    entry("or", "At least one side holds.", "id == 1 or id == 2"),
    entry("and", "Both sides hold.", "id > 0 and name != 'x'"),
    entry("not", "The expression does not hold.", "not id"),
    entry(
        "== !=",
        "The two are equal, or not equal. Numbers are compared exactly, whatever their notation; a number equals its \
         text.",
        "name == 'done'",
    ),
    entry(
        "< <= > >=",
        "Order: numbers by size, texts by their characters.",
        "id >= 10",
    ),
    entry(
        "=~ !~",
        "The text on the left matches, or does not match, the regular expression in quotes on the right.",
        "name =~ '^a'",
    ),
    entry(
        "??",
        "The value on the left, or the one on the right if there is none on the left. Beside `~` or arithmetic it needs \
         parentheses: `(id ?? 0) + 1`.",
        "id ?? 0",
    ),
    entry("~", "The two texts, joined.", "name ~ '-' ~ id"),
    entry(
        "+ -",
        "The sum or the difference of two numbers; a text such as `10.50` from a CSV file counts as a number. Whole \
         numbers and decimals are exact: `0.1 + 0.2` is 0.3.",
        "id + 1",
    ),
    entry(
        "* / %",
        "The product, the quotient or the remainder. `7 / 2` is 3.5; the remainder has the sign of the left side. \
         Dividing by zero gives no value.",
        "id % 10",
    ),
    entry("-", "The number with the other sign.", "-id"),
    entry(
        ".name [index]",
        "A part of a value: the member of a mapping by name, also as `['first name']`, or the item of a list by its \
         index from 0; `[-1]` is the last one.",
        "json.items[0].id",
    ),
    entry(
        "( ) [ ]",
        "Parentheses group; brackets make a list.",
        "not (id == 1 or id == 2)",
    ),
];

/// The aggregates, which turn a metric into one number.
pub(crate) const AGGREGATES: [GuideEntry; 12] = [
    entry(
        "p95",
        "A percentile, above p0 and at most p100, with decimals: `p99.9`. For times and trends.",
        "p95(response_time) < 500ms",
    ),
    entry(
        "min",
        "The minimum. For times, levels, trends and gauges.",
        "min(ttfb) < 1s",
    ),
    entry(
        "max",
        "The maximum. For times, levels, trends and gauges.",
        "max(response_time) < 5s",
    ),
    entry(
        "mean",
        "The mean. For times, levels and trends.",
        "mean(active_users) > 10",
    ),
    entry(
        "sd",
        "The standard deviation. For times and trends.",
        "sd(response_time) < 200ms",
    ),
    entry(
        "count",
        "The number of events or of bytes, or the sum of a counter of one's own. Without events it is 0.",
        "count(failed) < 10",
    ),
    entry(
        "rate",
        "The number of events, or of bytes, per second of the load. For counts and bytes; the failed part is \
         `ratio(failed)`.",
        "rate(requests) > 100/s",
    ),
    entry(
        "ratio",
        "The share of the whole, as a percentage or as a number below 1: failed requests of all requests, passed \
         checks of all checks, started iterations of those due.",
        "ratio(failed) < 1%",
    ),
    entry(
        "last",
        "The last value. For gauges of one's own; the example judges one with the name `stock`.",
        "last(stock) > 0",
    ),
    entry(
        "apdex(T)",
        "(responses within T + half of those from T to 4T) / all; failed ones count as unsatisfied (Apdex 1.1). For \
         `response_time` and `service_time`.",
        "apdex(500ms)(response_time) > 90%",
    ),
    entry(
        "slope(…)",
        "The drift of another aggregate per hour, or of a level's mean: the least-squares slope over the measured run or \
         its selected stages, with a 95 % interval that allows for autocorrelation (the series variance estimator of Sun, \
         Journal of Econometrics 164, 2011). It needs 5 minutes of measured time. `slope(…) < limit` passes if the whole \
         interval is below the limit, and fails if the slope is above it and the whole interval above zero: a drift that \
         noise does not explain. Otherwise it is inconclusive, which warns and says how long a run would decide. The \
         interval is reliable if the run is at least 40 times as long as the time over which its numbers depend on each \
         other. It takes no `window`.",
        "slope(p95(response_time)) < 5%/h",
    ),
    entry(
        "share(seconds: …)",
        "The share of measured seconds in which a rule held: any aggregate of a metric with a fixed limit. A second without \
         a sample counts as one in which the rule did not hold if requests were in flight, as when the target stalls; else \
         it does not count. Parts of less than half a second, and the time after the end of the load, do not count either. \
         `min_samples` is a number of seconds. It takes no `window`.",
        "share(seconds: p95(response_time) < 300ms) > 99%",
    ),
];

/// The right sides of thresholds.
pub(crate) const LIMITS: [GuideEntry; 4] = [
    entry(
        "a quantity",
        "A fixed number in the unit of the left side.",
        "mean(ttfb) < 200ms",
    ),
    entry(
        "FACTOR * …",
        "A multiple of another number of the run, of the same unit: another stage, step or percentile. Without a factor it \
         is 1. Both sides need samples. It takes no `window`.",
        "p95(response_time{stage=\"after\"}) < 1.5 * p95(response_time{stage=\"before\"})",
    ),
    entry(
        "per hour",
        "The limit of a `slope(…)`: a part of the mean (`1%/h`), or in the unit of the number (`5MB/h`, `5ms/h`); for a \
         ratio, a percentage means percentage points. Also `/min` and `/d`.",
        "slope(target.rss) < 5MB/h",
    ),
    entry(
        "vs baseline",
        "The change against stored runs (`--baseline`), with its sign. A rise of 10 % is `+10%`; for a ratio such as \
         `ratio(failed)` it means percentage points. Judged when the run is over, so it takes no `abort` and no \
         `window`. Without a baseline it has no result, which fails the run. Not for `count`.",
        "p95(response_time) vs baseline < +10%",
    ),
];

/// The selectors between `{` and `}`.
pub(crate) const SELECTORS: [GuideEntry; 8] = [
    entry(
        "step",
        "The step's name. For metrics of requests, and `checks`.",
        "p95(response_time{step=\"list\"}) < 1s",
    ),
    entry(
        "flow",
        "The flow's name. For metrics of requests, iterations and groups, and `checks`.",
        "count(iterations{flow=\"buy\"}) > 100",
    ),
    entry(
        "check",
        "The check's name. For `checks`.",
        "ratio(checks{check=\"found\"}) > 99%",
    ),
    entry(
        "group",
        "The group's name, with those of the groups around it: `checkout / pay`. For metrics of groups.",
        "p95(group_time{group=\"checkout\"}) < 2s",
    ),
    entry(
        "status",
        "The status of the response, for `requests` and `failed`. A request without a response has none. `ratio` is of all \
         selected requests.",
        "ratio(failed{status=~\"5..\"}) < 1%",
    ),
    entry(
        "stage",
        "The name of the load's stage, or its number from 1. It selects what ended during the stage, without the warm-up; \
         a stage's end also ends an interval of the recording. What ends after the load belongs to the last stage. For \
         all metrics.",
        "max(target.rss{stage=\"after\"}) < 512MiB",
    ),
    entry(
        "name",
        "A name in `server-timing` headers. For `server_timing`, which needs it.",
        "p95(server_timing{name=\"db\"}) < 20ms",
    ),
    entry(
        "TAG",
        "The value of the tag with this name; empty for a step without the tag. For metrics of requests.",
        "p99(ttfb{area=~\"cat.*\"}) < 2s",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::threshold::{Metric, Rule};
    use super::super::{ExprError, Expression, Names, SlotId};
    use super::*;

    struct Anything;

    impl Names for Anything {
        fn resolve(&mut self, _: &str, _: Option<&str>) -> Option<Expression> {
            Some(Expression::Slot(SlotId(0)))
        }

        fn known(&self) -> Vec<String> {
            Vec::new()
        }
    }

    #[test]
    fn every_example_is_an_expression() {
        let fault = |error: ExprError| error.message;
        for entry in OPERATORS {
            let read = Expression::condition(entry.example, &mut Anything);
            assert_eq!(read.err().map(fault), None, "{}", entry.example);
        }
        for entry in AGGREGATES.iter().chain(&LIMITS).chain(&SELECTORS) {
            let own = [("stock".to_owned(), Metric::CustomGauge)];
            let read = Rule::parse_with(entry.example, &own);
            assert_eq!(read.err().map(fault), None, "{}", entry.example);
        }
    }
}
