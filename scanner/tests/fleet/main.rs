//! A fleet as it is run: several `scanner work` processes and a real Redis. Traffic stays on loopback.

#[path = "../../../fleet/tests/support/mod.rs"]
mod redis;
mod chaos;
mod crew;
mod relay;
mod sharing;
mod witness;
