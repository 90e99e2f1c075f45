//! `observatory serve`, over real connections: what is served, with which headers, and what is not.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};

const PAGE: &str =
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;\"><p>The report.</p>";

/// A report folder that is being served by the program.
struct Serving {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Serving {
    fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        fs::create_dir(folder.path().join("figures"))?;
        put("index.html", PAGE)?;
        put("summary.json", "{}")?;
        put("figures/uptime.svg", "<svg/>")?;
        put("private.key", "secret")?;
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("passwd.json"))?;
        Self::of(folder, &[])
    }

    fn of(folder: tempfile::TempDir, more: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_observatory"));
        let mut child = command
            .arg("serve")
            .arg(folder.path())
            .args(["--listen", "127.0.0.1:0"])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()?;
        let mut announced = String::new();
        BufReader::new(child.stderr.take().context("standard error")?).read_line(&mut announced)?;
        let address = announced.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
        let address = address.with_context(|| announced.clone())?.0.to_owned();
        Ok(Self { child, address, folder })
    }

    /// The head and the body of what is answered. The path goes as it is: no client cleans it first.
    fn ask(&self, method: &str, path: &str, more: &str) -> anyhow::Result<(String, String)> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let host = &self.address;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").with_context(|| answer.clone())?;
        Ok((head.to_ascii_lowercase(), body.to_owned()))
    }

    fn end(mut self, signal: &str) -> anyhow::Result<bool> {
        ensure!(Command::new("kill").args([signal, &self.child.id().to_string()]).status()?.success());
        Ok(self.child.wait()?.success())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_report_is_read_and_nothing_else() -> anyhow::Result<()> {
    let serving = Serving::start()?;
    let (head, body) = serving.ask("GET", "/", "")?;
    ensure!(head.starts_with("http/1.1 200") && body == PAGE, "{head}\n{body}");
    let policy = header(&head, "content-security-policy");
    ensure!(policy == Some("default-src 'none'; frame-ancestors 'none'"), "{head}");
    for (path, kind) in [("/summary.json", "application/json"), ("/figures/uptime.svg", "image/svg+xml")] {
        let (head, _) = serving.ask("GET", path, "")?;
        ensure!(head.starts_with("http/1.1 200") && header(&head, "content-type") == Some(kind), "{head}");
    }
    for path in [
        "/../Cargo.toml",
        "/figures/../private.key",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/private.key",
        "/passwd.json",
        "/figures",
        "//etc/passwd",
    ] {
        let (head, body) = serving.ask("GET", path, "")?;
        ensure!(head.starts_with("http/1.1 404") && body == "Not here.\n", "{path}: {head}\n{body}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let (head, _) = serving.ask(method, "/", "")?;
        ensure!(
            head.starts_with("http/1.1 405") && header(&head, "allow") == Some("get, head"),
            "{method}: {head}"
        );
    }
    for (method, path) in [("GET", "/"), ("GET", "/summary.json"), ("GET", "/none.json"), ("POST", "/")] {
        let (head, _) = serving.ask(method, path, "")?;
        let always = [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "deny"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        for (name, value) in always {
            ensure!(header(&head, name) == Some(value), "{method} {path}: {name}: {head}");
        }
        let policy = header(&head, "content-security-policy").context("a policy")?;
        ensure!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{head}"
        );
    }
    ensure!(serving.end("-INT")?, "it did not end well");
    Ok(())
}

#[test]
fn what_has_not_changed_is_not_sent_again() -> anyhow::Result<()> {
    let serving = Serving::start()?;
    let (head, body) = serving.ask("HEAD", "/", "")?;
    ensure!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}\n{body}");
    ensure!(header(&head, "content-length") == Some(&*PAGE.len().to_string()), "{head}");
    let tag = header(&head, "etag").context("a tag")?.to_owned();
    for known in [
        format!("If-None-Match: {tag}\r\n"),
        format!("If-None-Match: \"x\", W/{tag}\r\n"),
        "If-None-Match: *\r\n".to_owned(),
    ] {
        let (head, body) = serving.ask("GET", "/", &known)?;
        ensure!(head.starts_with("http/1.1 304") && body.is_empty(), "{known}: {head}\n{body}");
        ensure!(header(&head, "etag") == Some(&*tag), "{head}");
    }
    fs::write(serving.folder.path().join("index.html"), "<p>Another.</p>")?;
    let (head, body) = serving.ask("GET", "/", &format!("If-None-Match: {tag}\r\n"))?;
    ensure!(head.starts_with("http/1.1 200") && body == "<p>Another.</p>", "{head}\n{body}");
    // A page that does not say what it may do may do nothing.
    ensure!(
        header(&head, "content-security-policy") == Some("default-src 'none'; frame-ancestors 'none'"),
        "{head}"
    );
    Ok(())
}

#[test]
fn a_folder_without_a_report_is_a_wrong_argument() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let serve = |path: &Path| Command::new(env!("CARGO_BIN_EXE_observatory")).arg("serve").arg(path).output();
    let output = serve(folder.path())?;
    ensure!(output.status.code() == Some(2), "{output:?}");
    ensure!(String::from_utf8_lossy(&output.stderr).contains("no report in it"), "{output:?}");
    Ok(())
}

#[test]
fn reports_of_campaigns_are_listed_and_each_is_beneath_its_name() -> anyhow::Result<()> {
    let serving = Serving::of(tempfile::tempdir()?, &["--campaigns"])?;
    let (head, body) = serving.ask("GET", "/", "")?;
    ensure!(
        head.starts_with("http/1.1 200") && body.contains("No analysis has ended yet."),
        "{head}\n{body}"
    );

    let report = serving.folder.path().join("mainnet/report");
    fs::create_dir_all(&report)?;
    fs::write(report.join("index.html"), PAGE)?;
    fs::create_dir_all(serving.folder.path().join("mainnet/archive"))?;
    fs::write(serving.folder.path().join("mainnet/archive/index.html"), "no report")?;
    fs::create_dir_all(serving.folder.path().join("begun/report"))?;
    let (head, body) = serving.ask("GET", "/", "")?;
    ensure!(body.contains("<a href=\"mainnet/\">mainnet</a>") && !body.contains("begun"), "{body}");
    ensure!(
        header(&head, "content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    let (head, _) = serving.ask("GET", "/mainnet", "")?;
    ensure!(head.starts_with("http/1.1 308") && header(&head, "location") == Some("/mainnet/"), "{head}");
    let (head, body) = serving.ask("GET", "/mainnet/", "")?;
    ensure!(head.starts_with("http/1.1 200") && body == PAGE, "{head}\n{body}");
    for path in [
        "/begun",
        "/begun/",
        "/mainnet/archive/index.html",
        "/mainnet/../mainnet/",
        "/../",
        "//",
        "/%2e%2e/x.json",
    ] {
        let (head, _) = serving.ask("GET", path, "")?;
        ensure!(head.starts_with("http/1.1 404"), "{path}: {head}");
    }
    ensure!(serving.end("-TERM")?, "it did not end well");
    Ok(())
}
