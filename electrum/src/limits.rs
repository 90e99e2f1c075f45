//! The hard limits on everything a server may send us. None of them can be exceeded by a server:
//! the code that reads also counts.

use std::time::Duration;

/// What one connection may cost us at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest line or WebSocket message, in bytes.
    pub line: usize,
    /// Deepest nesting of arrays and objects in one message.
    pub depth: usize,
    /// Bytes read from the socket, TLS and framing included.
    pub bytes: u64,
    /// Messages that answer nothing we asked (notifications included).
    pub unasked: u32,
    /// Time to establish the connection: each of TCP, SOCKS, TLS and WebSocket.
    pub connect: Duration,
    /// Time from the first packet to the last.
    pub visit: Duration,
}

impl Default for Limits {
    /// Room for the largest honest answers of a light visit (a peer list of 2,000 servers is
    /// 200 kB), small enough that a hundred hostile servers at once fit into memory.
    fn default() -> Self {
        Self {
            line: 1 << 20,
            depth: 64,
            bytes: 2 << 20,
            unasked: 64,
            connect: Duration::from_secs(15),
            visit: Duration::from_secs(60),
        }
    }
}
