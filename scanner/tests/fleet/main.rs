//! A fleet as it is run: several `scanner work` processes and a real Redis. Traffic stays on loopback.

/// Each of these wants the machine for itself.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

mod chaos;
mod crew;
mod lifecycle;
#[path = "../../../fleet/tests/support/mod.rs"]
mod redis;
mod relay;
mod sharing;
mod witness;
