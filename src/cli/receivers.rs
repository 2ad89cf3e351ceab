//! The options of metrics for other systems.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use url::Url;

use super::arguments;

/// The title of these options in the help.
const HEADING: &str = "Metrics for other systems while the run goes";

/// Metrics for other systems while the run goes.
#[derive(Debug, Args)]
pub struct ReceiverArgs {
    /// Serve metrics for Prometheus at `http://ADDRESS/metrics`, such as 127.0.0.1:9464
    #[arg(long, help_heading = HEADING, value_name = "ADDRESS", value_parser = arguments::socket_address)]
    pub prometheus: Option<SocketAddr>,
    /// The longest wait for a last scrape after the load, if there was a scrape during the load
    #[arg(
        long,
        help_heading = HEADING,
        value_name = "DURATION",
        default_value = "20s",
        requires = "prometheus",
        value_parser = arguments::duration,
        allow_hyphen_values = true
    )]
    pub prometheus_linger: Duration,
    /// Push metrics with native histograms to this URL by remote write of Prometheus
    #[arg(long, help_heading = HEADING, value_name = "URL", value_parser = arguments::receiver)]
    pub prometheus_remote_write: Option<Url>,
    /// Add a header to each push, such as `Authorization: Bearer …`; repeatable (also `GANDER_REMOTE_WRITE_HEADERS`, which
    /// `ps` does not show)
    #[arg(long, help_heading = HEADING, value_name = "NAME: VALUE", requires = "prometheus_remote_write")]
    pub remote_write_header: Vec<String>,
    /// Push metrics to this URL by OTLP over HTTP; `env` takes it from `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`
    #[arg(long, help_heading = HEADING, value_name = "URL")]
    pub otlp: Option<String>,
}
