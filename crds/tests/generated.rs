//! What is checked in is what the types say, and reads well.

use std::{fmt::Write as _, fs, path::Path};

fn checked_in(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_definitions_have_not_drifted() {
    for definition in crds::all() {
        let (name, text) = crds::yaml::file(&definition).expect("writes");
        assert!(checked_in(&name) == text, "{name} is not what the types say: run `make crds`");
    }
}

#[test]
fn the_reference_has_not_drifted() {
    let same = checked_in("../docs/crds.md") == crds::reference::markdown();
    assert!(same, "docs/crds.md is not what the types say: run `make crds`");
}

#[test]
fn all_definitions_are_one_file() {
    let documents: Vec<serde_json::Value> =
        serde_saphyr::from_multiple(&crds::yaml::all().expect("writes")).expect("reads");
    let names: Vec<_> = documents.iter().map(|document| document["spec"]["names"]["kind"].clone()).collect();
    assert_eq!(names, ["ScanCampaign", "ElectrumServer", "ScanExclusion"]);
}

#[test]
fn group_and_version_are_those_of_every_kind() {
    for definition in crds::all() {
        assert_eq!(definition.spec.group, crds::GROUP);
        assert_eq!(definition.spec.versions[0].name, crds::VERSION);
    }
}

#[test]
fn columns() {
    let mut text = String::new();
    for definition in crds::all() {
        let _ = writeln!(text, "{}", definition.spec.names.kind);
        for column in definition.spec.versions[0].additional_printer_columns.iter().flatten() {
            let wide = if column.priority == Some(1) { "-o wide" } else { "" };
            let _ = writeln!(
                text,
                "  {:<10} {:<8} {wide:<8} {}",
                column.name.to_uppercase(),
                column.type_,
                column.json_path
            );
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_examples_lint_clean_once_mainnet_has_a_contact() {
    let lint = |text: &str| crds::lint::lint(text, |_| false);
    for name in ["regtest", "testnet4"] {
        assert_eq!(lint(&checked_in(&format!("examples/{name}.yaml"))), [], "{name}");
    }
    let mainnet = checked_in("examples/mainnet.yaml");
    let problems = lint(&mainnet);
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.message.contains("politeness.contact"), "{problem}");
    assert_eq!(lint(&mainnet.replace("# contact:", "contact:")), []);
}

#[test]
fn what_is_no_resource_of_ours_is_said_to_be_none() {
    let lint =
        |text: &str| crds::lint::lint(text, |_| true).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        lint("kind: ConfigMap\napiVersion: v1"),
        ["document 1: holds no resource of electrumobservatory.org/v1alpha1"]
    );
    assert_eq!(
        lint(
            "kind: ConfigMap\napiVersion: v1\n---\nkind: Scan\napiVersion: electrumobservatory.org/v1alpha1"
        ),
        ["document 2, Scan/, kind: \"Scan\" is no kind of electrumobservatory.org/v1alpha1"]
    );
    assert!(lint("a: [").iter().all(|line| line.starts_with("document 1: not YAML")));
}
