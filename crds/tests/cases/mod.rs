//! The table of rules, `tests/rules.yaml`, for whoever is held to it: the lint here, an API server elsewhere.

use serde::Deserialize;
use serde_json::Value;

/// A rule, with what keeps it and what breaks it.
pub(crate) struct Case {
    /// What it says.
    pub(crate) name: String,
    /// What was there before, where the rule is about a change.
    pub(crate) old: Option<Value>,
    /// Keeps it.
    pub(crate) good: Value,
    /// Breaks it.
    pub(crate) bad: Value,
    /// The field that is complained of.
    pub(crate) field: String,
    /// Part of the message.
    pub(crate) message: String,
    /// Whether only the lint sees it.
    #[allow(dead_code, reason = "the lint itself sees everything")]
    pub(crate) lint_only: bool,
}

#[derive(Deserialize)]
struct Table {
    bases: serde_json::Map<String, Value>,
    cases: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    base: String,
    old: Option<Value>,
    good: Value,
    bad: Value,
    field: String,
    message: String,
    lint: Option<String>,
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let table: Table = serde_saphyr::from_str(include_str!("../rules.yaml")).expect("the table reads");
    let case = |entry: Entry| {
        let patched = |patch: &Value| {
            let mut resource = table.bases[&entry.base].clone();
            merge(&mut resource, patch);
            resource
        };
        Case {
            old: entry.old.as_ref().map(patched),
            good: patched(&entry.good),
            bad: patched(&entry.bad),
            name: entry.name,
            field: entry.field,
            message: entry.message,
            lint_only: entry.lint.is_some(),
        }
    };
    table.cases.into_iter().map(case).collect()
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(members), Value::Object(patch)) => {
            for (name, patch) in patch {
                if patch.is_null() {
                    members.remove(name);
                } else {
                    merge(members.entry(name).or_insert(Value::Null), patch);
                }
            }
        }
        (target, Value::Object(_)) => {
            *target = Value::Object(serde_json::Map::new());
            merge(target, patch);
        }
        (target, patch) => *target = patch.clone(),
    }
}
