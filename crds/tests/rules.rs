//! Every rule accepts the good and refuses the bad, with the message that was meant.

mod cases;

use kube::core::cel::Validator;
use serde_json::Value;

/// What the lint says: field and message.
fn said(resource: &Value) -> Vec<(String, String)> {
    let problems = crds::lint::lint(&resource.to_string(), |id| id == "known");
    problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
}

/// What the rules say of a change.
fn said_of_change(old: &Value, new: &Value) -> Vec<(String, String)> {
    let definition =
        crds::all().into_iter().find(|d| new["kind"] == d.spec.names.kind).expect("a kind of ours");
    let schema = definition.spec.versions[0].schema.as_ref().expect("a schema");
    let schema = serde_json::to_value(&schema.open_api_v3_schema).expect("writes");
    match Validator::new().validate(&schema, new, Some(old)) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec().into_iter().map(|e| (e.field_path, e.message)).collect(),
    }
}

#[test]
fn each_accepts_the_good_and_refuses_the_bad() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        let said = |resource: &Value| match &case.old {
            Some(old) => said_of_change(old, resource),
            None => said(resource),
        };
        let (good, bad) = (said(&case.good), said(&case.bad));
        if !good.is_empty() {
            wrong.push(format!("{}: the good is refused: {good:?}", case.name));
        }
        let meant =
            |(field, message): &(String, String)| *field == case.field && message.contains(&case.message);
        if bad.len() != 1 || !bad.iter().all(meant) {
            wrong.push(format!("{}: of the bad is said: {bad:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_rule_is_in_the_table() {
    fn messages(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(members) => {
                for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                    found.push(rule["message"].as_str().expect("each has a message").to_owned());
                }
                members.values().for_each(|member| messages(member, found));
            }
            Value::Array(elements) => elements.iter().for_each(|element| messages(element, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    messages(&serde_json::to_value(crds::all()).expect("writes"), &mut found);
    assert!(found.len() > 15, "{found:?}");
    let cases = cases::all();
    for message in found {
        let shown = cases.iter().any(|case| !case.message.is_empty() && message.contains(&case.message));
        // Both durations of the retention have the same rule.
        assert!(shown || message.starts_with("visits must"), "no case breaks {message:?}");
    }
}
