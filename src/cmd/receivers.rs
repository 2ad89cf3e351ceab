//! The receivers of metrics of a run, from the command line and the environment.

use std::env;

use anyhow::{Context as _, anyhow};
use url::Url;

use super::{CommandError, terminal};
use crate::cli::{ReceiverArgs, receiver_url};
use crate::export::{Endpoint, MetricsOutput, Pushed, Scraped, listed_pairs, written_header};

/// Opens the receivers; a bad option fails before the load. `is_quiet` leaves out the address for scrapes.
pub(super) fn open(args: &ReceiverArgs, is_quiet: bool) -> Result<MetricsOutput, CommandError> {
    try_open(args, is_quiet).map_err(CommandError::Argument)
}

fn try_open(args: &ReceiverArgs, is_quiet: bool) -> anyhow::Result<MetricsOutput> {
    let mut output = MetricsOutput::default();
    if let Some(address) = args.prometheus {
        let scraped = Scraped::listen(address, args.prometheus_linger)?;
        if !is_quiet {
            let address = scraped.address();
            terminal::complain(&format!(
                "metrics for Prometheus: http://{address}/metrics\n"
            ));
        }
        output.scraped = Some(scraped);
    }
    if let Some(url) = &args.prometheus_remote_write {
        let mut endpoint = Endpoint::new(url.clone());
        add_listed(&mut endpoint, "GANDER_REMOTE_WRITE_HEADERS")?;
        for header in &args.remote_write_header {
            written_header(header)
                .and_then(|pair| endpoint.add(pair))
                .context("--remote-write-header cannot be read")?;
        }
        output.pushed.push(Pushed::remote_write(endpoint)?);
    }
    if let Some(written) = &args.otlp {
        output.pushed.push(otlp(written)?);
    }
    Ok(output)
}

/// The receiver of OTLP, with the environment variables of OpenTelemetry.
///
/// Source: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>
fn otlp(written: &str) -> anyhow::Result<Pushed> {
    let mut endpoint = Endpoint::new(otlp_url(written)?);
    add_listed(&mut endpoint, "OTEL_EXPORTER_OTLP_HEADERS")?;
    add_listed(&mut endpoint, "OTEL_EXPORTER_OTLP_METRICS_HEADERS")?;
    let mut attributes = listed("OTEL_RESOURCE_ATTRIBUTES")?;
    if let Some(name) = variable("OTEL_SERVICE_NAME") {
        attributes.push(("service.name".to_owned(), name));
    }
    Pushed::otlp(endpoint, attributes)
}

/// The URL of each push. The variable for metrics has it; other URLs are those of the whole receiver.
fn otlp_url(written: &str) -> anyhow::Result<Url> {
    const METRICS: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let url_of = |text: &str, place: &str| {
        receiver_url(text).map_err(|expected| anyhow!("{place} cannot be read: {expected}"))
    };
    if written != "env" {
        return url_of(written, "--otlp").map(of_metrics);
    }
    match (variable(METRICS), variable(ALL)) {
        (Some(url), _) => url_of(&url, METRICS),
        (None, Some(url)) => url_of(&url, ALL).map(of_metrics),
        (None, None) => Err(anyhow!(
            "--otlp env needs the URL of a receiver in {METRICS} or {ALL}, and neither is set: set one, or give the URL \
             itself"
        )),
    }
}

/// `/v1/metrics` below the URL of a receiver, unless it ends like that.
fn of_metrics(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with("/v1/metrics") {
        url.set_path(&format!("{path}/v1/metrics"));
    }
    url
}

fn add_listed(endpoint: &mut Endpoint, name: &str) -> anyhow::Result<()> {
    for (header, value) in listed(name)? {
        endpoint
            .add((&header, &value))
            .with_context(|| format!("{name} cannot be read"))?;
    }
    Ok(())
}

fn listed(name: &str) -> anyhow::Result<Vec<(String, String)>> {
    let pairs = listed_pairs(&variable(name).unwrap_or_default());
    pairs.with_context(|| format!("{name} cannot be read"))
}

/// An environment variable that is not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}
