//! A name server for names that only a simulated world has.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{RData, Record, RecordType, rdata::A},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
    time::timeout,
};
use tracing::debug;

use super::Clock;
use crate::SimTime;

/// What a question takes at the most: questions hold one name.
const QUESTION: usize = 512;
/// How long an answer may be remembered, in the time of the world.
const LIVES: Duration = Duration::from_secs(60);
/// How long somebody who asks over TCP may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a port is looked for that is free for both UDP and TCP.
const TRIES: usize = 16;

/// Says which addresses a name has at a moment; none where there is no such name.
type Resolve = dyn Fn(&str, SimTime) -> Vec<Ipv4Addr> + Send + Sync;

/// A name server that is running. Dropping it ends it.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl NameServer {
    /// Answers on a loopback port, over UDP and TCP, what a function says.
    ///
    /// # Errors
    /// Where no port is to be had.
    pub async fn start(
        resolve: impl Fn(&str, SimTime) -> Vec<Ipv4Addr> + Send + Sync + 'static,
        clock: Clock,
    ) -> io::Result<Self> {
        let (udp, tcp) = sockets().await?;
        let (address, resolve): (_, Arc<Resolve>) = (udp.local_addr()?, Arc::new(resolve));
        let mut tasks = JoinSet::new();
        tasks.spawn(datagrams(udp, Arc::clone(&resolve), clock));
        tasks.spawn(streams(tcp, resolve, clock));
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it is asked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn sockets() -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if tries == TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

async fn datagrams(socket: UdpSocket, resolve: Arc<Resolve>, clock: Clock) {
    let mut bytes = [0; QUESTION];
    loop {
        // A client that has gone away is no reason to stop serving the others.
        let Ok((length, client)) = socket.recv_from(&mut bytes).await else { continue };
        if let Some(reply) = answer(&bytes[..length], &*resolve, clock) {
            let _ = socket.send_to(&reply, client).await;
        }
    }
}

async fn streams(listener: TcpListener, resolve: Arc<Resolve>, clock: Clock) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = clients.join_next(), if !clients.is_empty() => {}
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                clients.spawn(timeout(PATIENCE, stream_of(stream, Arc::clone(&resolve), clock)));
            },
        }
    }
}

/// Questions over TCP have their length before them (RFC 1035, section 4.2.2).
async fn stream_of(mut stream: TcpStream, resolve: Arc<Resolve>, clock: Clock) -> io::Result<()> {
    loop {
        let length = usize::from(stream.read_u16().await?);
        let mut bytes = vec![0; length.min(QUESTION)];
        stream.read_exact(&mut bytes).await?;
        let Some(reply) = answer(&bytes, &*resolve, clock) else { return Ok(()) };
        stream.write_u16(u16::try_from(reply.len()).map_err(io::Error::other)?).await?;
        stream.write_all(&reply).await?;
    }
}

fn answer(bytes: &[u8], resolve: &Resolve, clock: Clock) -> Option<Vec<u8>> {
    let question = Message::from_vec(bytes).ok().filter(|message| {
        message.metadata.message_type == MessageType::Query && message.metadata.op_code == OpCode::Query
    })?;
    let reply = reply(&question, |name| resolve(name, clock.now()), clock.real(LIVES));
    reply.to_vec().inspect_err(|error| debug!(%error, "no answer")).ok()
}

/// The answer to a question: names that are not known do not exist, and nobody has but IPv4 addresses.
fn reply(question: &Message, resolve: impl Fn(&str) -> Vec<Ipv4Addr>, lives: Duration) -> Message {
    let mut reply = Message::response(question.metadata.id, OpCode::Query);
    reply.metadata.authoritative = true;
    reply.metadata.recursion_desired = question.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    let Some(query) = question.queries.first() else {
        reply.metadata.response_code = ResponseCode::FormErr;
        return reply;
    };
    reply.add_query(query.clone());
    let name = query.name().to_lowercase().to_ascii();
    let addresses = resolve(name.trim_end_matches('.'));
    if addresses.is_empty() {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    if query.query_type() == RecordType::A {
        let seconds = u32::try_from(lives.as_secs()).unwrap_or(u32::MAX);
        let record = |address| Record::from_rdata(query.name().clone(), seconds, RData::A(A(address)));
        reply.add_answers(addresses.into_iter().map(record));
    }
    reply
}

#[cfg(test)]
mod tests {
    use hickory_proto::{op::Query, rr::Name};

    use super::*;

    #[test]
    fn names_have_addresses_or_do_not_exist() {
        let known = |name: &str| match name {
            "one.example" => vec![Ipv4Addr::new(127, 1, 2, 3)],
            _ => Vec::new(),
        };
        for (name, kind, code, count) in [
            ("One.example.", RecordType::A, ResponseCode::NoError, 1),
            ("one.example.", RecordType::AAAA, ResponseCode::NoError, 0),
            ("two.example.", RecordType::A, ResponseCode::NXDomain, 0),
        ] {
            let mut question = Message::new(7, MessageType::Query, OpCode::Query);
            question.add_query(Query::query(Name::from_ascii(name).expect("a name"), kind));
            let reply = reply(&question, known, LIVES);
            assert_eq!((reply.metadata.id, reply.metadata.response_code), (7, code), "{name}");
            assert_eq!(reply.answers.len(), count, "{name}");
            assert!(reply.answers.iter().all(|record| record.ttl == 60));
        }
    }
}
