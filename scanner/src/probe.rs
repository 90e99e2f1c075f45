//! What is asked of a server. A probe is one entry of a table; the entry says everything about it.
//!
//! To add a probe: add its entry to the catalogue, and a row to the test below it.

mod light;

use electrum::Network;

pub use light::LIGHT;

/// One question to a server.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Its name in exchanges and in the documentation.
    pub id: &'static str,
    /// What the answer tells.
    pub reveals: &'static str,
    /// What must be known before it can be asked.
    pub needs: Needs,
    /// Whether its calls may travel together with others.
    pub pace: Pace,
    /// The calls, made from what is known. None where there is nothing to ask.
    pub calls: fn(&Known) -> Vec<Call>,
}

/// What must be known before a probe can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// An open connection: the greeting itself.
    Connection,
    /// The answer to the greeting.
    Greeting,
    /// The height of the server's best block.
    Tip,
}

/// Whether calls may travel together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// In one write with the other probes of its round: one round trip for all.
    Pipelined,
    /// One call at a time, each waiting for its answer: for measuring time.
    OneByOne,
}

/// One request to make.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// The parameters, as JSON.
    pub params: serde_json::Value,
    /// What it costs the server, in E (electrumx, session.py).
    pub cost: f64,
}

impl Call {
    fn new(method: &'static str, params: serde_json::Value, cost: f64) -> Self {
        Self { method, params, cost }
    }
}

/// What is known of a server in the course of a visit.
#[derive(Clone, Debug)]
pub struct Known {
    /// The network it should serve.
    pub network: Network,
    /// How we name ourselves: product and contact.
    pub client_name: String,
    /// A script hash that nobody has ever used (hex), secret per server and scan.
    pub control: String,
    /// The protocol version agreed on.
    pub protocol: Option<String>,
    /// The height of the server's best block.
    pub tip: Option<u32>,
}

impl Known {
    /// Whether a probe can be asked.
    #[must_use]
    pub fn satisfies(&self, needs: Needs) -> bool {
        match needs {
            Needs::Connection => true,
            Needs::Greeting => self.protocol.is_some(),
            Needs::Tip => self.tip.is_some(),
        }
    }
}
