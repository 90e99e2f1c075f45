//! The truth that servers are simulated with: one chain, and nodes that each see some of it.

mod chain;
mod full_node;
mod node;
mod support;
