//! Every way we know of to be a bad server.

pub(crate) mod cuts;
pub(crate) mod floods;
pub(crate) mod handshakes;
pub(crate) mod lies;
pub(crate) mod sockets;

use std::{io, net::Ipv4Addr, sync::Arc};

use electrum::Transport;
use tokio::io::AsyncReadExt as _;

use super::{
    honest::Honest,
    wire::{self, Listening},
};
pub(crate) use {
    cuts::Cut, floods::Flood, handshakes::Handshake, lies::Lie, sockets::Socket as HostileSocket,
};

/// Declares an enum together with the list of all its values.
macro_rules! behaviours {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $value:ident,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$what])* $value,)* }

        impl $name {
            /// Every one of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$value,)*];
        }
    };
}
pub(crate) use behaviours;

/// A bad server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hostile {
    /// Sends too much, or too slowly.
    Flood(Flood),
    /// Says what is not so, or says it in a form nobody should have to read.
    Lie(Lie),
    /// Ends, or never begins.
    Cut(Cut),
    /// Attacks before TLS is up.
    Handshake(Handshake),
    /// Attacks with the means of WebSocket.
    Socket(HostileSocket),
}

impl Hostile {
    /// Every bad server there is.
    pub(crate) fn all() -> Vec<Self> {
        let floods = Flood::ALL.iter().copied().map(Self::Flood);
        let lies = Lie::ALL.iter().copied().map(Self::Lie);
        let cuts = Cut::ALL.iter().copied().map(Self::Cut);
        let handshakes = Handshake::ALL.iter().copied().map(Self::Handshake);
        let sockets = HostileSocket::ALL.iter().copied().map(Self::Socket);
        floods.chain(lies).chain(cuts).chain(handshakes).chain(sockets).collect()
    }

    /// How it is reached.
    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::Flood(_) | Self::Lie(_) | Self::Cut(_) => Transport::Tcp,
            Self::Handshake(_) => Transport::Tls,
            Self::Socket(_) => Transport::Ws,
        }
    }

    /// Listens on `address` and misbehaves. `honest` says what an honest server would have said.
    pub(crate) async fn start(self, address: Ipv4Addr, honest: &Arc<Honest>) -> io::Result<Listening> {
        let acceptor = match self {
            Self::Handshake(kind) => kind.acceptor()?,
            _ => None,
        };
        let mut listening = Listening::default();
        let honest = Arc::clone(honest);
        listening.serve(wire::bind(address).await?, self.transport(), move |stream| {
            let (honest, acceptor) = (Arc::clone(&honest), acceptor.clone());
            async move {
                match self {
                    Self::Flood(kind) => kind.serve(stream, &honest).await,
                    Self::Lie(kind) => kind.serve(stream, &honest).await,
                    Self::Cut(kind) => kind.serve(stream, &honest).await,
                    Self::Handshake(kind) => kind.serve(stream, acceptor, &honest).await,
                    Self::Socket(kind) => kind.serve(stream).await,
                }
            }
        })?;
        Ok(listening)
    }
}

/// Keeps the connection open, and mute, until the client leaves.
async fn stay_silent(mut stream: impl tokio::io::AsyncRead + Unpin) -> io::Result<()> {
    let mut ignored = [0; 1_024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
