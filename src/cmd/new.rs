//! `gander new`: writes a scenario file to begin with.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use tokio::runtime;
use url::Url;

use super::fetch::fetch;
use super::output_file::{Existing, OutputFile};
use super::{CommandError, terminal};
use crate::cli::NewArgs;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::starter::{self, Site, SiteError};

pub(super) fn new(args: &NewArgs) -> Result<Exit, CommandError> {
    let kind = args.kind;
    let path = match &args.out {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{}.yaml", kind.word())),
    };
    let file = OutputFile::open(&path, Existing::replaced_if(args.overwrite))?;
    let seen = args.from.as_deref().map(look_at).transpose()?;
    let site = seen.as_ref().map(|(site, _)| site);
    file.write(starter::text(kind, site).as_bytes())?;
    let shown = path.display();
    let mut options = String::new();
    let target = match &seen {
        Some((site, needs_allowance)) => {
            if let Some(host) = Url::parse(site.target())
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
                .filter(|_| *needs_allowance)
            {
                options = format!(" --allow-host {host}");
            }
            format!(
                "{}, which answers with status {}",
                site.target(),
                site.status()
            )
        }
        None => "Folio, the app inside Gander".to_owned(),
    };
    terminal::say(&format!(
        "wrote {shown}: a {} test of {target}\n\nnext:\n  \
         gander try {shown}{options}   runs one iteration and shows every request\n  \
         gander run {shown}{options}   runs the test; add --time-scale 0.1 for a tenth of its time\n",
        kind.word()
    ))?;
    Ok(Exit::Passed)
}

/// What a GET of the URL finds, and whether its host must be allowed for load.
fn look_at(text: &str) -> Result<(Site, bool), CommandError> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            CommandError::Argument(anyhow!(
                "--from needs a URL that begins with http:// or https://"
            ))
        })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(CommandError::Argument(anyhow!(
            "--from has credentials in its URL, which would be in the file: leave them out, and write \
             `auth: {{ basic: {{ user: …, password: \"${{PASSWORD}}\" }} }}` into the step"
        )));
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .context("cannot start the event loop")
        .map_err(CommandError::Internal)?;
    let mut exchange = runtime.block_on(fetch(&url, Vec::new()))?;
    // One request is no load, and the command line names its host.
    let needs_allowance = exchange.outcome == Outcome::AddressRefused;
    if needs_allowance {
        let host = url.host_str().unwrap_or_default().to_owned();
        exchange = runtime.block_on(fetch(&url, vec![host]))?;
    }
    let site = Site::of(&url, &exchange).map_err(|error| match error {
        SiteError::NoAnswer { .. } | SiteError::Fault { .. } => CommandError::Target(error.into()),
    })?;
    Ok((site, needs_allowance))
}
