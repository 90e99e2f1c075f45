//! A real cluster: three nodes, each with a third of the slots.

use fleet::{Credentials, Redis};
use redis::cmd;

use super::{Program, Server, answers, eventually, free_port};

/// Nodes talk to each other at a port so far above their own: Redis 6.2 cannot be told another.
const BUS: u16 = 10_000;

pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Server>,
    pub(crate) redis: Redis,
}

impl Nodes {
    pub(crate) async fn start(program: Program) -> Self {
        let mut nodes = Vec::new();
        for slots in [0..5_461, 5_461..10_923, 10_923..16_384] {
            let node = Server::spawn(program, free_pair(), &["--cluster-enabled", "yes"]);
            node.is_what_was_meant().await;
            let add = cmd("CLUSTER").arg("ADDSLOTS").arg(Vec::from_iter(slots)).to_owned();
            node.redis().call::<()>(&add).await.expect("takes its slots");
            nodes.push(node);
        }
        for node in &nodes[1..] {
            let meet = cmd("CLUSTER").arg("MEET").arg("127.0.0.1").arg(node.port()).to_owned();
            nodes[0].redis().call::<()>(&meet).await.expect("meets");
        }
        eventually("the cluster is up", async || {
            for node in &nodes {
                let info: String = node.redis().call(cmd("CLUSTER").arg("INFO")).await.expect("tells");
                if !info.contains("cluster_state:ok") || !info.contains("cluster_known_nodes:3") {
                    return false;
                }
            }
            true
        })
        .await;
        let url = format!("redis+cluster://127.0.0.1:{}", nodes[0].port());
        let redis = Redis::open(&url, Credentials::default()).expect("an address");
        answers(&redis).await;
        Self { nodes, redis }
    }

    /// The keys of each node.
    pub(crate) async fn keys(&self) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        for node in &self.nodes {
            all.push(node.redis().call(cmd("KEYS").arg("*")).await.expect("lists"));
        }
        all
    }
}

/// A port that is free, as is the one for the other nodes.
fn free_pair() -> u16 {
    loop {
        let port = free_port();
        let bus = port.checked_add(BUS).map(|bus| std::net::TcpListener::bind(("127.0.0.1", bus)));
        if bus.is_some_and(|bound| bound.is_ok()) {
            return port;
        }
    }
}
