//! A fleet as it is run: several `scanner work` processes and a real Redis. Traffic stays on loopback.

mod chaos;
mod crew;
#[path = "../../../fleet/tests/support/mod.rs"]
mod redis;
mod relay;
mod sharing;
mod witness;
