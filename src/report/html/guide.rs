//! "How to read this": the report's words, for a reader who never ran Gander.

/// Words and what they mean.
pub(super) const GUIDE: &[(&str, &str)] = &[
    (
        "Virtual user",
        "One actor that walks through the steps of a flow, one after the other, as a person or a program would.",
    ),
    (
        "Flow, step, iteration",
        "A flow is a list of steps; a step sends a request. One walk through a flow is an iteration.",
    ),
    (
        "Open and closed model",
        "Open: iterations start by a schedule, like visitors who do not know of each other. Closed: a fixed number of users, \
         each starting anew when it has finished; a slow target slows the load too.",
    ),
    (
        "Service time",
        "From sending a request to the last byte of its response: what the target needed.",
    ),
    (
        "Response time",
        "From the moment a request should have been sent to the last byte of its response: what a user would have waited. \
         It includes time spent waiting because earlier requests were slow.",
    ),
    (
        "Percentile (p50, p95, p99)",
        "p95 = 200 ms: 95 of 100 requests took 200 ms or less, and 5 took longer. p50 is the median. Percentiles are taken \
         from all requests together and never averaged.",
    ),
    (
        "Why not the average",
        "A few very slow requests hardly move an average, yet they are what users remember. Look at p95 and p99.",
    ),
    (
        "Failed",
        "A status of 400 or above, a check that did not hold, a connection that failed, or a time limit that was reached. \
         Failed requests are left out of response times and counted here instead.",
    ),
    (
        "Timed out: at least",
        "The true time of a request that was given up is unknown; it is at least the limit. Such times are kept apart, \
         and thresholds on times count them as that long.",
    ),
    (
        "Offered and achieved",
        "How many iterations were due, and how many were started. If fewer were started than were due, the test asked for \
         more than it sent, and the figures flatter the target.",
    ),
    (
        "Start lag",
        "How late an iteration started. Scheduling lag is the part of it that is the generator's own fault, not that of users \
         who were still busy.",
    ),
    (
        "Threshold and verdict",
        "A threshold is a rule that must hold. Passed: all hold. Failed: one does not. No data: a threshold had too few samples, which does not pass. Invalid: the generator could not keep up, so the measurements are not reliable. Interrupted: the \
         run was stopped before its end.",
    ),
    (
        "Margin",
        "How far inside its limit a figure is, as a part of the limit. Below zero it is outside.",
    ),
    (
        "Warm-up",
        "The first part of the run, while caches fill and connections open. It is drawn, but not counted.",
    ),
    (
        "In flight",
        "Requests that were sent and whose response was not whole yet.",
    ),
    (
        "Heatmap",
        "Each column is a moment, each row a range of response times; the stronger a cell's colour, the more requests. Two bands \
         mean two kinds of request, often with and without a cache.",
    ),
];
