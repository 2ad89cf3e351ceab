//! Folio alone on a port: `cargo run --release -p target-app --example folio -- 8080`.

use std::error::Error;
use std::io::Write as _;

use target_app::{Config, LabMode, State, serve};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(0), |port| port.parse())?;
    let state = State::open(&Config {
        lab: LabMode::Open,
        ..Config::default()
    })
    .await?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    writeln!(
        std::io::stdout(),
        "folio listening on http://{} (embedded)",
        listener.local_addr()?
    )?;
    serve(listener, state, async {
        drop(tokio::signal::ctrl_c().await);
    })
    .await?;
    Ok(())
}
