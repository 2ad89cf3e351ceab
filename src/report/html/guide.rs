//! "How to read this": explains the terms of the report to a new reader.

/// Terms and their explanations.
pub(super) const GUIDE: &[(&str, &str)] = &[
    (
        "Virtual user",
        "A simulated user that executes the steps of a flow one after another, like a person or a program.",
    ),
    (
        "Flow, step, iteration",
        "A flow is a list of steps; a step sends a request. One execution of a flow is an iteration.",
    ),
    (
        "Open and closed model",
        "Open: iterations start on a schedule, like independent visitors. Closed: a fixed number of users, each starting its next iteration when it has finished one; a slow target also slows the load.",
    ),
    (
        "Service time",
        "From sending a request to the last byte of its response: the time that the target needed.",
    ),
    (
        "Response time",
        "From the moment a request should have been sent to the last byte of its response: the time that a user would have waited. It includes waiting for earlier, slow requests.",
    ),
    (
        "Percentile (p50, p95, p99)",
        "p95 = 200 ms: 95 of 100 requests took 200 ms or less, and 5 took longer. p50 is the median. Percentiles are computed from all requests together and never averaged.",
    ),
    (
        "Why not the average",
        "A few very slow requests hardly change an average, but users notice them. Look at p95 and p99.",
    ),
    (
        "Failed",
        "A status of 400 or above, a failed check, a failed connection, or a timeout. Failed requests are excluded from response times and counted here instead.",
    ),
    (
        "Timed out: at least",
        "The true time of a request that timed out is unknown; it is at least the limit. Such times are shown separately, and thresholds on times count them with the limit.",
    ),
    (
        "Offered and achieved",
        "Iterations that were due, and iterations that were started. If fewer were started than were due, the load was lower than planned, and the results look better than they should.",
    ),
    (
        "Start lag",
        "The delay between the scheduled and the actual start of an iteration. Scheduling lag is the part that the generator caused; the rest is waiting for busy users.",
    ),
    (
        "Threshold and verdict",
        "A threshold is a rule for the run. Passed: all thresholds hold. Failed: at least one does not. No data: a threshold had too few samples, which does not pass. Invalid: the generator could not keep up, so the measurements are not reliable. Interrupted: the \
         run was stopped before its end.",
    ),
    (
        "Margin",
        "The distance of a result from its limit, as a percentage of the limit. A negative margin means that the limit is exceeded.",
    ),
    (
        "Warm-up",
        "The first part of the run, while caches fill and connections open. Charts show it; results exclude it.",
    ),
    (
        "In flight",
        "Requests that were sent and whose response was not complete yet.",
    ),
    (
        "Analysis",
        "A sentence stands there only with its figures. Slow seconds are those whose p95 or p50 is far above the run's own median: 1.5 times at least, and five standard deviations of its usual spread. A figure explains them if it was different then (Student's t on ranks, p ≤ 0.01 after Holm's correction; effective n is the number of independent seconds that say as much). ρ is Spearman's rank correlation with that percentile: 1 means that both rise together. A correlation is no proof of a cause.",
    ),
    (
        "Heatmap",
        "Each column is a time span, each row a range of response times; a stronger colour means more requests. Two bands mean two kinds of requests, often cache hits and cache misses.",
    ),
];
