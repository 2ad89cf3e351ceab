//! Translates metrics and aggregates of k6, Locust, Artillery and Gatling.

use super::{Metric, MetricKind};

/// Gander's metric for one of another tool.
pub(super) fn metric(word: &str) -> Option<Metric> {
    let plain: String = word
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    Some(match &*plain {
        "httpreqduration" | "httpresponsetime" | "responsetime" | "responsetimes" | "latency"
        | "duration" | "elapsed" | "globalresponsetime" | "time" => Metric::ResponseTime,
        "httpreqwaiting" | "waiting" | "firstbyte" | "timetofirstbyte" => Metric::Ttfb,
        "httpreqconnecting" | "connecttime" | "connecting" => Metric::Connect,
        "httpreqtlshandshaking" | "tlshandshake" | "tlstime" => Metric::Tls,
        "httpreqfailed" | "errors" | "error" | "errorrate" | "failures" | "failure"
        | "failratio" | "failedrequests" | "numfailures" | "ko" | "httpreqfailures" => {
            Metric::Failed
        }
        "httpreqs" | "httprequests" | "requestcount" | "numrequests" | "requestscount" | "rps"
        | "requestspersec" | "httprequestrate" | "allrequests" => Metric::Requests,
        "groupduration" | "transactiontime" => Metric::GroupTime,
        "iterationduration" | "vuserssessionlength" | "sessionlength" => Metric::IterationTime,
        "vus" | "users" | "vusers" | "vusmax" | "usercount" => Metric::ActiveUsers,
        "datareceived" | "httpdownloadedbytes" | "bytesreceived" => Metric::BytesIn,
        "datasent" | "bytessent" => Metric::BytesOut,
        "droppediterations" | "vusersskipped" => Metric::Unstarted,
        "vuserscompleted" | "iterationcount" => Metric::Iterations,
        "checkrate" | "assertions" => Metric::Checks,
        _ => return None,
    })
}

/// Gander's aggregate for one of another tool.
pub(super) fn aggregate(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "avg" | "average" => "mean",
        "med" | "median" => "p50",
        "stddev" | "stdev" | "std" | "standarddeviation" => "sd",
        "sum" | "total" => "count",
        "percent" | "percentage" => "ratio",
        "percentile" | "quantile" => "p95",
        "value" => "last",
        _ => return None,
    })
}

/// The usual aggregate of a metric, for examples.
pub(super) const fn usual(metric: Metric) -> &'static str {
    match metric.kind() {
        MetricKind::Time | MetricKind::Trend => "p95",
        MetricKind::Part | MetricKind::Checks => "ratio",
        MetricKind::Counter => "rate",
        MetricKind::Bytes => "count",
        MetricKind::Gauge => "max",
        MetricKind::KeptValue | MetricKind::KeptRate | MetricKind::KeptQuotient => "mean",
        MetricKind::Value => "last",
    }
}
