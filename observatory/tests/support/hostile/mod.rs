//! Ways to be a bad server that no simulated server has: nothing of an implementation's grammar is left in them.
//! The others are the simulator's scenario `hostile`.

pub(crate) mod cuts;
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
pub(crate) use {cuts::Cut, handshakes::Handshake, lies::Lie, sockets::Socket as HostileSocket};

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
    /// Every one of them.
    pub(crate) fn all() -> Vec<Self> {
        let lies = Lie::ALL.iter().copied().map(Self::Lie);
        let cuts = Cut::ALL.iter().copied().map(Self::Cut);
        let handshakes = Handshake::ALL.iter().copied().map(Self::Handshake);
        let sockets = HostileSocket::ALL.iter().copied().map(Self::Socket);
        lies.chain(cuts).chain(handshakes).chain(sockets).collect()
    }

    /// How it is reached.
    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::Lie(_) | Self::Cut(_) => Transport::Tcp,
            Self::Handshake(_) => Transport::Tls,
            Self::Socket(_) => Transport::Ws,
        }
    }

    /// Listens on `address` and misbehaves. `honest` says what an honest server would have said.
    pub(crate) async fn start(self, address: Ipv4Addr, honest: &Arc<Honest>) -> io::Result<Listening> {
        let mut listening = Listening::default();
        let honest = Arc::clone(honest);
        listening.serve(wire::bind(address).await?, self.transport(), move |stream| {
            let honest = Arc::clone(&honest);
            async move {
                match self {
                    Self::Lie(kind) => kind.serve(stream, &honest).await,
                    Self::Cut(kind) => kind.serve(stream, &honest).await,
                    Self::Handshake(kind) => kind.serve(stream).await,
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
