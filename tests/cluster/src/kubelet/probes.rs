//! Probes of containers, really made: by HTTP or by connecting.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::worker::Obstacle;

pub(super) struct Check {
    address: SocketAddrV4,
    /// Of an HTTP probe.
    path: Option<String>,
    delay: Duration,
    period: Duration,
    patience: Duration,
    failures: i32,
    successes: i32,
}

impl Check {
    pub(super) fn new(probe: &Probe, container: &Container, address: Ipv4Addr) -> Result<Self, Obstacle> {
        let (port, path) = match (&probe.http_get, &probe.tcp_socket) {
            (Some(http), _) => (&http.port, Some(http.path.clone().unwrap_or_else(|| "/".into()))),
            (None, Some(tcp)) => (&tcp.port, None),
            (None, None) => {
                return Err(Obstacle(
                    "NotSupported",
                    "the test kubelet probes by httpGet and tcpSocket only".into(),
                ));
            }
        };
        let named = |name: &str| {
            let ports = container.ports.iter().flatten();
            ports.into_iter().find(|each| each.name.as_deref() == Some(name)).map(|each| each.container_port)
        };
        let port = match port {
            IntOrString::Int(number) => Some(*number),
            IntOrString::String(name) => named(name),
        };
        let port = port.and_then(|port| u16::try_from(port).ok()).ok_or_else(|| {
            Obstacle("InvalidProbe", "a probe names a port that the container has not".into())
        })?;
        let seconds = |value: Option<i32>, otherwise| {
            Duration::from_secs(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(otherwise))
        };
        Ok(Self {
            address: SocketAddrV4::new(address, port),
            path,
            delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds, 10),
            patience: seconds(probe.timeout_seconds, 1),
            failures: probe.failure_threshold.unwrap_or(3),
            successes: probe.success_threshold.unwrap_or(1),
        })
    }

    /// Returns when a liveness probe has failed too often; without one, never.
    pub(super) async fn until_unhealthy(check: Option<&Self>) {
        let Some(check) = check else { return pending().await };
        sleep(check.delay).await;
        let mut failures = 0;
        while failures < check.failures {
            sleep(check.period).await;
            failures = if check.passes().await { 0 } else { failures + 1 };
        }
    }

    /// Tells of each change that a readiness probe sees. Never returns.
    pub(super) async fn follow(check: Option<&Self>, tell: impl Fn(bool)) {
        let Some(check) = check else { return pending().await };
        sleep(check.delay).await;
        let (mut ready, mut different) = (false, 0);
        loop {
            different = if check.passes().await == ready { 0 } else { different + 1 };
            if different >= if ready { check.failures } else { check.successes } {
                ready = !ready;
                different = 0;
                tell(ready);
            }
            // Until it is ready for the first time, sooner than asked for: tests wait for it.
            sleep(if ready { check.period } else { check.period.min(Duration::from_millis(200)) }).await;
        }
    }

    async fn passes(&self) -> bool {
        matches!(timeout(self.patience, self.ask()).await, Ok(Ok(true)))
    }

    async fn ask(&self) -> io::Result<bool> {
        let mut stream = TcpStream::connect(self.address).await?;
        let Some(path) = &self.path else { return Ok(true) };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: kube-probe\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = [0; 12]; // "HTTP/1.1 200"
        stream.read_exact(&mut head).await?;
        Ok(matches!(&head[8..10], b" 2" | b" 3"))
    }
}
