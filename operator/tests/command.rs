//! The command itself: what it prints, and what it says when it cannot work.

use std::process::Command;

fn operator(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_operator"));
    // No cluster by accident.
    command.args(arguments).env_clear().env("KUBECONFIG", "/nowhere");
    command.output().expect("runs")
}

#[test]
fn the_definitions_are_printed() {
    let done = operator(&["crds"]);
    assert!(done.status.success());
    assert_eq!(String::from_utf8_lossy(&done.stdout), crds::yaml::all().expect("writes"));
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let done = operator(&["run", "--image", "an-image", "--redis", "redis://redis:6379"]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.starts_with("operator: no cluster: run it in a Pod, or set KUBECONFIG"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(operator(&["run"]).status.code(), Some(2));
    let line = ["run", "--image", "an-image", "--redis", "redis://redis:6379", "--grace-seconds"];
    for seconds in ["0", "601", "-1"] {
        assert_eq!(operator(&[&line[..], &[seconds]].concat()).status.code(), Some(2), "{seconds}");
    }
}
