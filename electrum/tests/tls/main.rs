//! TLS against real servers.

mod certificates;
mod stack;
mod support;
mod ticket;
