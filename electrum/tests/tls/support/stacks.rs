//! The TLS stacks that stand before Electrum servers, each at an address of its own.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

use super::{Server, Workshop};

/// Says nothing to whoever shakes hands, and reads until they go.
const PYTHON_ASYNCIO: &str = "
import asyncio, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
async def met(reader, writer):
    await reader.read()
    writer.close()
async def main():
    server = await asyncio.start_server(met, sys.argv[1], int(sys.argv[2]), ssl=context)
    await server.serve_forever()
asyncio.run(main())
";

/// The same with a socket that blocks, one guest at a time.
const PYTHON_BLOCKING: &str = "
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    guest, _ = listener.accept()
    try:
        context.wrap_socket(guest, server_side=True).recv(1)
    except OSError:
        pass
    guest.close()
";

impl Workshop {
    /// nginx as a `stream` proxy, with these directives.
    pub(crate) fn nginx(&self, directives: &str) -> Server {
        self.nginx_of("TLSv1.2 TLSv1.3", directives)
    }

    /// The same with these versions.
    pub(crate) fn nginx_of(&self, versions: &str, directives: &str) -> Server {
        let address = free_address();
        let conf = format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;
            daemon off; master_process off; pid nginx-{address}.pid; error_log stderr;
            events {{}}
            stream {{ server {{
                listen {address} ssl;
                ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols {versions};
                {directives}
                return met;
            }} }}"
        );
        let file = self.write(&format!("nginx-{address}.conf"), conf.as_bytes());
        self.spawn(address, "nginx", &["-p", ".", "-c", &file, "-e", "stderr"])
    }

    /// stunnel as its manual begins.
    pub(crate) fn stunnel(&self) -> Server {
        let address = free_address();
        let conf = format!(
            "foreground = yes\npid =\n[electrum]\naccept = {address}\nconnect = 127.0.0.1:9\n\
            cert = cert.pem\nkey = key.pem\n"
        );
        let file = self.write("stunnel.conf", conf.as_bytes());
        self.spawn(address, "stunnel", &[&file])
    }

    /// HAProxy with its defaults.
    pub(crate) fn haproxy(&self) -> Server {
        let address = free_address();
        let pem = [self.read("cert.pem"), self.read("key.pem")].concat();
        self.write("both.pem", &pem);
        let conf = format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
            listen electrum\n bind {address} ssl crt both.pem\n server electrum 127.0.0.1:9\n"
        );
        let file = self.write("haproxy.cfg", conf.as_bytes());
        self.spawn(address, "haproxy", &["-f", &file])
    }

    /// Python's `ssl` under asyncio, as ElectrumX has it.
    pub(crate) fn asyncio(&self) -> Server {
        self.python(PYTHON_ASYNCIO)
    }

    /// Python's `ssl` on a socket that blocks.
    pub(crate) fn blocking_python(&self) -> Server {
        self.python(PYTHON_BLOCKING)
    }

    fn python(&self, program: &str) -> Server {
        let address = free_address();
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        self.spawn(address, "python3", &["-c", program, &ip, &port])
    }

    /// rustls in this very process, until the test ends.
    pub(crate) async fn rustls(&self) -> SocketAddr {
        let chain = vec![CertificateDer::from_pem_slice(&self.read("cert.pem")).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(&self.read("key.pem")).expect("a key");
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a configuration");
        config.ticketer = ring::Ticketer::new().expect("a ticketer");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind(free_address()).await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(socket).await {
                        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                    }
                });
            }
        });
        address
    }

    /// Runs a server in the workshop and waits until it listens.
    fn spawn(&self, address: SocketAddr, program: &str, words: &[&str]) -> Server {
        let child = Command::new(program)
            .args(words)
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}; `make proxies` installs it"));
        let mut server = Server { child, address };
        for _ in 0..400 {
            if TcpStream::connect(address).is_ok() {
                return server;
            }
            let ended = server.child.try_wait().expect("its state");
            assert!(ended.is_none(), "{program} ended before it listened: {ended:?}");
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("{program} does not listen");
    }
}

/// A port on a loopback address that nobody else has, so that it is still free when the server binds it.
fn free_address() -> SocketAddr {
    let [a, b, c]: [u8; 3] = rand::random();
    let ip = Ipv4Addr::new(127, a | 1, b, c.clamp(1, 254));
    let listener = TcpListener::bind((ip, 0)).expect("a port");
    listener.local_addr().expect("its address")
}
