//! A SOCKS5 proxy (RFC 1928) that leads names to servers on this machine and writes down every
//! target it was asked for. With it a test has public hosts without touching the public.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const SUCCEEDED: u8 = 0;
const HOST_UNREACHABLE: u8 = 4;

/// A running proxy.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Proxy {
    /// Starts a proxy that knows the way to these hosts and to no others.
    pub(crate) async fn start(routes: HashMap<String, SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (routes, notes) = (Arc::new(routes), Arc::clone(&asked));
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(relay(stream, Arc::clone(&routes), Arc::clone(&notes)));
            }
        });
        Ok(Self { address, asked, _task: task })
    }

    /// The hosts it was asked for, in the order of asking.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn relay(
    mut client: TcpStream,
    routes: Arc<HashMap<String, SocketAddr>>,
    asked: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let _version = client.read_u8().await?;
    let methods = counted(&mut client).await?;
    // Preferred where offered: Tor gives each user name a circuit of its own.
    if methods.contains(&USER_AND_PASSWORD) {
        client.write_all(&[5, USER_AND_PASSWORD]).await?;
        let _version = client.read_u8().await?;
        let (_user, _password) = (counted(&mut client).await?, counted(&mut client).await?);
        client.write_all(&[1, SUCCEEDED]).await?;
    } else {
        client.write_all(&[5, NO_AUTHENTICATION]).await?;
    }
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    let host = match head[3] {
        1 => Ipv4Addr::from(client.read_u32().await?).to_string(),
        4 => Ipv6Addr::from(client.read_u128().await?).to_string(),
        _ => String::from_utf8_lossy(&counted(&mut client).await?).into_owned(),
    };
    let _port = client.read_u16().await?;
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(host.clone());
    let reply = |code| [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
    match routes.get(&host) {
        Some(place) => {
            let mut server = TcpStream::connect(place).await?;
            client.write_all(&reply(SUCCEEDED)).await?;
            copy_bidirectional(&mut client, &mut server).await.map(|_| ())
        }
        None => client.write_all(&reply(HOST_UNREACHABLE)).await,
    }
}

async fn counted(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}
