//! `observatory lint`: what is said of files, and how it ends.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/examples");

fn lint(arguments: &[&str], input: &str) -> anyhow::Result<Output> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_observatory"))
        .arg("lint")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not ask for it may be gone by now.
        let _ = stdin.write_all(input.as_bytes());
    }
    Ok(child.wait_with_output()?)
}

#[test]
fn what_is_right_is_passed_in_silence() -> anyhow::Result<()> {
    let output = lint(&[&format!("{EXAMPLES}/regtest.yaml"), &format!("{EXAMPLES}/testnet4.yaml")], "")?;
    assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(0), vec![], vec![]));
    Ok(())
}

#[test]
fn each_problem_is_a_line() -> anyhow::Result<()> {
    let output = lint(&[&format!("{EXAMPLES}/mainnet.yaml")], "")?;
    let text = String::from_utf8(output.stdout)?;
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("mainnet.yaml: document 1, ScanCampaign/mainnet, spec.politeness: mainnet needs"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
    Ok(())
}

#[test]
fn probes_are_those_of_the_catalogue() -> anyhow::Result<()> {
    let campaign = |probe: &str| {
        format!(
            "{{apiVersion: electrumobservatory.org/v1alpha1, kind: ScanCampaign, metadata: {{name: a}}, spec: \
             {{network: signet, vantages: [{{name: here}}], probes: {{disabled: [{probe}]}}}}}}"
        )
    };
    let known = scanner::probe::catalogue().next().expect("a probe").id;
    assert_eq!(lint(&["-"], &campaign(known))?.status.code(), Some(0));
    let output = lint(&["--json", "-"], &campaign("Z99"))?;
    let row: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(
        row,
        serde_json::json!({
            "file": "-", "document": 1, "resource": "ScanCampaign/a", "field": "spec.probes.disabled[0]",
            "message": "\"Z99\" is no probe: their ids are in docs/probes.md",
        })
    );
    Ok(())
}

#[test]
fn a_file_that_is_not_there_is_wrong_usage() -> anyhow::Result<()> {
    assert_eq!(lint(&["/nowhere.yaml"], "")?.status.code(), Some(2));
    Ok(())
}
