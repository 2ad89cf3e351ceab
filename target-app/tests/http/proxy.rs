//! A TCP proxy that can delay, cut and refuse connections, for network failures and lagging replicas.

use std::net::SocketAddr;
use std::time::Duration;

use target_app::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// Maximum pending chunks in one direction of a connection.
const UNDER_WAY: usize = 64;

/// A port of 127.0.0.1 that forwards to a server; dropping this closes it and all its connections.
pub(crate) struct Proxy {
    address: SocketAddr,
    server_url: Secret,
    way: watch::Sender<Way>,
    listening: watch::Receiver<bool>,
    listener: JoinHandle<()>,
}

/// The treatment of connections.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Way {
    is_open: bool,
    /// Delay of data from the server to the client.
    delay: Duration,
    /// Connections of earlier generations are closed.
    generation: u64,
}

impl Proxy {
    /// Forwards to the server of a URL with `@127.0.0.1:PORT/`.
    pub(crate) async fn to(server_url: Secret) -> Self {
        let server = loopback(&server_url);
        let first = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = first.local_addr().expect("an address");
        let way = watch::Sender::new(Way {
            is_open: true,
            delay: Duration::ZERO,
            generation: 0,
        });
        let (listens, listening) = watch::channel(true);
        let listener = tokio::spawn(listen(first, server, way.subscribe(), listens));
        Self {
            address,
            server_url,
            way,
            listening,
            listener,
        }
    }

    /// The server's URL with the proxy's port.
    pub(crate) fn url(&self) -> Secret {
        let server = loopback(&self.server_url).to_string();
        let url = self.server_url.reveal();
        Secret::new(url.replace(&server, &self.address.to_string()))
    }

    /// Delays data from the server from now on.
    pub(crate) fn delay(&self, delay: Duration) {
        self.way.send_modify(|way| way.delay = delay);
    }

    /// Closes all connections; new ones are forwarded.
    pub(crate) fn cut(&self) {
        self.way.send_modify(|way| way.generation += 1);
    }

    /// Closes all connections and refuses new ones.
    pub(crate) async fn refuse(&self) {
        self.set_open(false).await;
    }

    /// Forwards new connections again.
    pub(crate) async fn accept(&self) {
        self.set_open(true).await;
    }

    async fn set_open(&self, is_open: bool) {
        self.way.send_modify(|way| {
            way.is_open = is_open;
            way.generation += 1;
        });
        let mut listening = self.listening.clone();
        listening
            .wait_for(|&listens| listens == is_open)
            .await
            .expect("the proxy lives");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// `127.0.0.1:PORT` in a URL.
fn loopback(url: &Secret) -> SocketAddr {
    let url = url.reveal();
    let begin = url.find("127.0.0.1:").expect("a server on the loopback");
    let address = url[begin..].split('/').next().expect("an address");
    address.parse().expect("an address")
}

async fn listen(
    first: TcpListener,
    server: SocketAddr,
    mut way: watch::Receiver<Way>,
    listens: watch::Sender<bool>,
) {
    let address = first.local_addr().expect("an address");
    let mut listener = Some(first);
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        let is_open = way.borrow_and_update().is_open;
        if is_open && listener.is_none() {
            listener = Some(
                TcpListener::bind(address)
                    .await
                    .expect("the port is still free"),
            );
        } else if !is_open {
            listener = None;
        }
        listens.send_replace(is_open);
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accepted => if let Ok((client, _)) = accepted {
                connections.spawn(lead(client, server, way.clone()));
            },
            changed = way.changed() => if changed.is_err() {
                return;
            },
            _ = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Forwards one connection until one end closes it or it is cut.
async fn lead(client: TcpStream, server: SocketAddr, mut way: watch::Receiver<Way>) {
    let generation = way.borrow_and_update().generation;
    let cut = {
        let mut way = way.clone();
        async move { drop(way.wait_for(|way| way.generation != generation).await) }
    };
    let led = async {
        let server = TcpStream::connect(server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let there = pass(from_client, to_server, || Duration::ZERO);
        let back = pass(from_server, to_client, || way.borrow().delay);
        tokio::select! {
            ended = there => ended,
            ended = back => ended,
        }
    };
    tokio::select! {
        // Both ends see a broken connection themselves.
        _ = led => {}
        () = cut => {}
    }
}

/// Forwards bytes, each `delay` after its arrival, until one side closes.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: impl Fn() -> Duration,
) -> std::io::Result<()> {
    let (depart, mut departing) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let read = async {
        let mut chunk = vec![0; 16 * 1024];
        loop {
            let length = from.read(&mut chunk).await?;
            let departure = (Instant::now() + delay(), chunk[..length].to_vec());
            if length == 0 || depart.send(departure).await.is_err() {
                drop(depart);
                return std::io::Result::Ok(());
            }
        }
    };
    let write = async {
        while let Some((due, chunk)) = departing.recv().await {
            sleep_until(due).await;
            to.write_all(&chunk).await?;
        }
        std::io::Result::Ok(())
    };
    tokio::try_join!(read, write).map(drop)
}

mod tests {
    use sqlx::{Connection as _, PgConnection};

    use super::*;
    use crate::profiles::own_servers;

    async fn one(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT 1::int8")
            .fetch_one(connection)
            .await
    }

    #[tokio::test]
    async fn a_proxy_delays_cuts_and_refuses_connections() {
        let servers = own_servers().await;
        let proxy = Proxy::to(servers.postgres().loopback_url().expect("a port")).await;
        let url = proxy.url();
        let mut connection = PgConnection::connect(url.reveal())
            .await
            .expect("a connection");
        assert_eq!(one(&mut connection).await.expect("an answer"), 1);

        let delay = Duration::from_millis(200);
        proxy.delay(delay);
        let began = Instant::now();
        assert_eq!(one(&mut connection).await.expect("an answer"), 1);
        assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
        proxy.delay(Duration::ZERO);

        proxy.cut();
        assert!(one(&mut connection).await.is_err(), "it was cut");
        let mut connection = PgConnection::connect(url.reveal())
            .await
            .expect("a connection");

        proxy.refuse().await;
        assert!(one(&mut connection).await.is_err(), "it was cut");
        assert!(TcpStream::connect(proxy.address).await.is_err(), "refused");

        proxy.accept().await;
        let mut connection = PgConnection::connect(url.reveal())
            .await
            .expect("a connection");
        assert_eq!(one(&mut connection).await.expect("an answer"), 1);
        connection.close().await.expect("the connection closes");
        servers.stop().await;
    }
}
