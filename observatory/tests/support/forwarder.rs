//! Stands between the observatory and a real server, so that the server's session outlives the visit: only of an
//! open session does ElectrumX say what it cost.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use electrum::{Endpoint, Transport};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};

use super::wire;

/// A connection whose client has left. Dropping it hangs up on the server.
pub(crate) struct Held {
    /// How the server knows it.
    pub(crate) address: SocketAddr,
    /// Kept open, unless the server closed it.
    _upstream: TcpStream,
}

/// Forwards connections to one server. It stops listening when dropped.
pub(crate) struct Forwarder {
    /// Where it listens.
    pub(crate) endpoint: Endpoint,
    /// Connections in the order in which their clients left.
    pub(crate) held: mpsc::UnboundedReceiver<Held>,
    task: JoinHandle<()>,
}

impl Forwarder {
    /// Listens at an address for connections to a server.
    pub(crate) async fn start(address: Ipv4Addr, server: SocketAddr) -> io::Result<Self> {
        let listener = wire::bind(address).await?;
        let endpoint = wire::endpoint(&listener, Transport::Tcp)?;
        let (tell, held) = mpsc::unbounded_channel();
        Ok(Self { endpoint, held, task: tokio::spawn(listen(listener, server, tell)) })
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, server: SocketAddr, tell: mpsc::UnboundedSender<Held>) {
    while let Ok((client, _)) = listener.accept().await {
        let tell = tell.clone();
        tokio::spawn(async move {
            let held = forward(client, server).await?;
            // Nobody wants to know any more once the test is over.
            let _ = tell.send(held);
            io::Result::Ok(())
        });
    }
}

async fn forward(mut client: TcpStream, server: SocketAddr) -> io::Result<Held> {
    let mut upstream = TcpStream::connect(server).await?;
    // Else a small write waits for the acknowledgement of the one before.
    upstream.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let address = upstream.local_addr()?;
    {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = upstream.split();
        // Either ends when its reader does; a reset is an end too.
        tokio::select! {
            _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
            _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
        }
    }
    // Fails where the client is gone already.
    let _ = client.shutdown().await;
    Ok(Held { address, _upstream: upstream })
}
