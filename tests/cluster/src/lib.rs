//! A Kubernetes cluster for tests: a real API server with etcd, and a stand-in for controllers and nodes that runs
//! the containers of Pods as processes. README.md says what it lacks beside a cluster. May not be used outside tests.

mod assets;
mod certificates;
mod error;
mod eventually;
mod guard;
pub mod kubelet;
pub mod security;
mod server;
mod user;

pub use error::Error;
pub use eventually::eventually;
pub use kubelet::{Image, Kubelet};
pub use server::Cluster;
pub use user::User;
