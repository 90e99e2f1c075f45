//! A name server that answers from a table, so that tests can give any name any address.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::UdpSocket, task::JoinSet};

const A: u16 = 1;
const AAAA: u16 = 28;

/// What the table says of a name. Names it does not hold do not exist.
pub(crate) enum Record {
    /// It has these addresses.
    Addresses(Vec<IpAddr>),
    /// Questions about it are never answered.
    Silent,
}

/// A running name server.
pub(crate) struct NameServer {
    /// Where it is asked, over UDP.
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl NameServer {
    /// Starts answering on 127.0.0.1.
    pub(crate) async fn start(table: HashMap<String, Record>) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut packet = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut packet).await {
                let Some((name, end)) = question(&packet[..length]) else { continue };
                let answer = answer(&packet[..end], table.get(&name));
                notes.lock().unwrap_or_else(PoisonError::into_inner).push(name);
                if let Some(answer) = answer {
                    // A client that has gone away is no reason to stop serving the others.
                    let _ = socket.send_to(&answer, client).await;
                }
            }
        });
        Ok(Self { address, asked, _task: task })
    }

    /// The names it was asked for, in the order of asking.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The name in question, and where the question ends (RFC 1035, section 4.1.2).
fn question(query: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    // Type and class.
    let end = at + 4;
    (query.len() >= end).then(|| (labels.join("."), end))
}

/// The answer to a query that ends with its question (RFC 1035, section 4.1.3).
fn answer(query: &[u8], record: Option<&Record>) -> Option<Vec<u8>> {
    let [.., high, low, _, _] = *query else { return None };
    let kind = u16::from_be_bytes([high, low]);
    let addresses: &[IpAddr] = match record {
        Some(Record::Silent) => return None,
        Some(Record::Addresses(addresses)) => addresses,
        None => &[],
    };
    let records: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|address| match (kind, address) {
            (A, IpAddr::V4(v4)) => Some(v4.octets().to_vec()),
            (AAAA, IpAddr::V6(v6)) => Some(v6.octets().to_vec()),
            _ => None,
        })
        .collect();
    let no_such_name = u8::from(addresses.is_empty()) * 3;

    let mut reply = query[..2].to_vec();
    reply.extend_from_slice(&[0x81, 0x80 | no_such_name, 0, 1]);
    reply.extend_from_slice(&u16::try_from(records.len()).ok()?.to_be_bytes());
    reply.extend_from_slice(&[0; 4]);
    reply.extend_from_slice(&query[12..]);
    for data in records {
        // The name by pointer to the question, the class IN, a minute to live.
        reply.extend_from_slice(&[0xc0, 12]);
        reply.extend_from_slice(&kind.to_be_bytes());
        reply.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        reply.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
        reply.extend_from_slice(&data);
    }
    Some(reply)
}
