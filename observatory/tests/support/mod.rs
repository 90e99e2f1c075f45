//! Servers to measure the observatory with: honest ones, and every hostile one we could think of.
//!
//! All of them listen on loopback addresses, each on one of its own, because the observatory takes
//! one host for one server. Nothing here reaches beyond the machine.

#![allow(dead_code, reason = "every test and bench uses a part of this")]

pub(crate) mod chain;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod dns;
pub(crate) mod forwarder;
pub(crate) mod honest;
pub(crate) mod hostile;
pub(crate) mod lab;
pub(crate) mod replay;
pub(crate) mod simulation;
pub(crate) mod socks;
pub(crate) mod tls;
pub(crate) mod wire;

use std::{fs, io, net::Ipv4Addr, path::Path};

/// The loopback address of one server of a group: Linux accepts all of 127.0.0.0/8 without setup.
pub(crate) fn loopback(group: u8, number: u16) -> Ipv4Addr {
    // Counted from one: x.y.0.0 reads like a network, not a host.
    let [high, low] = (number + 1).to_be_bytes();
    Ipv4Addr::new(127, group, high, low)
}

/// The bytes of all files under a folder.
pub(crate) fn bytes_under(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        sum += if about.is_dir() { bytes_under(&entry.path())? } else { about.len() };
    }
    Ok(sum)
}
