//! docs/first-report.md, followed to the letter in an empty folder: what stands there is what the commands print.

#[path = "../../kubectl/tests/document/mod.rs"]
mod document;

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

/// Somebody at a terminal.
struct Person {
    folder: tempfile::TempDir,
    running: Vec<Running>,
}

/// What goes on while the next command is typed. It is read from no more, and must not find its reader gone.
struct Running {
    child: Child,
    _words: BufReader<ChildStderr>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Person {
    fn types(&mut self, command: &str) -> String {
        match command.strip_suffix(" &") {
            Some(command) => self.begins(command),
            None => self.runs(command),
        }
    }

    fn runs(&self, command: &str) -> String {
        let output = self.shell(command).output().expect("a shell");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// What it says first: then it is ready.
    fn begins(&mut self, command: &str) -> String {
        // The port of the document may be taken.
        let command = command.replace("serve report", "serve report --listen 127.0.0.1:0");
        let mut child =
            self.shell(&format!("exec {command}")).stderr(Stdio::piped()).spawn().expect("a shell");
        let mut words = BufReader::new(child.stderr.take().expect("its words"));
        let mut said = String::new();
        words.read_line(&mut said).expect("it says something");
        self.running.push(Running { child, _words: words });
        match said.strip_prefix("http://").and_then(|served| served.split_once('/')) {
            Some((_, rest)) => format!("http://127.0.0.1:8080/{rest}"),
            None => said,
        }
    }

    fn shell(&self, command: &str) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_observatory")).parent().expect("a folder").display();
        let path = env::var("PATH").expect("a PATH");
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.folder.path());
        shell.env("PATH", format!("{programs}:{path}")).env("NO_COLOR", "1");
        shell
    }
}

/// Without what differs from run to run: seconds and milliseconds, ports, who was left early for being slow, and how wide a
/// table is for all that.
fn unvarying(text: &str) -> String {
    let text = text.replace(": left early: its answers became slow", "");
    let is_time = |word: &str| matches!(word.trim_end_matches(['.', ',']), "s" | "ms");
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let kept = words.iter().enumerate().map(|(at, word)| {
            let timed = words.get(at + 1).is_some_and(|next| is_time(next)) && word.parse::<f64>().is_ok();
            match word.split_once("127.0.0.1:") {
                _ if timed => "#".to_owned(),
                Some((before, after)) => {
                    format!("{before}127.0.0.1:{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
                }
                None => (*word).to_owned(),
            }
        });
        kept.collect::<Vec<_>>().join(" ") + "\n"
    };
    let says = |line: &&str| !line.starts_with(['┌', '╞', '└']);
    text.lines().filter(says).map(line).collect()
}

#[tokio::test]
async fn who_follows_the_book_has_a_report() {
    let mut person = Person { folder: tempfile::tempdir().expect("a folder"), running: Vec::new() };
    document::shows("first-report.md", async |command| person.types(command), unvarying).await;
}
