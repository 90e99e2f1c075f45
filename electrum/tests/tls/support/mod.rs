//! Real TLS servers: `openssl s_server` and others, with keys and certificates made by `openssl`.

mod stacks;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
};

use electrum::{
    Endpoint, Host, Transport,
    dial::{Dialer, Route},
    guard::Guard,
    limits::Limits,
    names::Names,
};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// Dials this very machine.
pub(crate) fn dialer() -> Dialer {
    Dialer::new(Names::system(), Guard::AllowPrivate, None, Limits::default())
}

/// TLS at an address.
pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::new(Host::Address(address.ip()), address.port(), Transport::Tls).expect("an endpoint")
}

/// The way there.
pub(crate) async fn route(dialer: &Dialer, endpoint: &Endpoint) -> Route {
    dialer.resolve(&endpoint.host).await.route.expect("a way")
}

/// A folder of keys and certificates.
pub(crate) struct Workshop(TempDir);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    /// Runs `openssl` on words that hold no spaces.
    pub(crate) fn openssl(&self, words: &str) {
        let made = self.command(words).output().expect("openssl");
        assert!(made.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// A self-signed certificate with these options of `openssl req`.
    pub(crate) fn certificate(&self, options: &str) -> &Self {
        self.openssl(&format!(
            "req -x509 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost -days 30 {options}"
        ));
        self
    }

    /// A key with these options of `openssl genpkey`, and a certificate of X.509 version 1 for it, as the
    /// Electrum guides have their readers make it.
    pub(crate) fn version_1(&self, options: &str, days: i32) -> &Self {
        self.openssl(&format!("genpkey {options} -out key.pem"));
        self.openssl("req -new -key key.pem -subj /C=AU/O=Widgits/CN=localhost -out request.pem");
        self.openssl(&format!("x509 -req -in request.pem -signkey key.pem -days {days} -out cert.pem"));
        self
    }

    /// Starts a server that echoes every line in reverse.
    pub(crate) fn serve(&self, options: &str) -> Server {
        let words = format!("s_server -accept 127.0.0.1:0 -rev -cert cert.pem -key key.pem {options}");
        let mut child = self
            .command(&words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl s_server");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let address = line.strip_prefix("ACCEPT ")?;
            address.rsplit(':').next()?.parse().ok()
        });
        let port: u16 = port.unwrap_or_else(|| panic!("openssl {words} does not listen"));
        Server { address: (Ipv4Addr::LOCALHOST, port).into(), child }
    }

    /// Puts a file into the workshop and returns its name.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.0.path().join(name), content).expect("to write");
        name.to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join(name)).expect("to read")
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(words.split_whitespace()).current_dir(&self.0);
        command.stdin(Stdio::null());
        command
    }
}

impl Server {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
