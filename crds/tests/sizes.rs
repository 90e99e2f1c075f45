//! However much there is to say, a status stays small: everything is filled to its bound, and counted.

use jsonschema::draft4;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The most bytes of a status. An API server keeps objects of a hundred times this; ten thousand of them should fit its
/// memory, and ours.
const MOST: usize = 16 * 1024;

/// The statuses' schemas, by kind.
fn statuses() -> Vec<(String, Value)> {
    let of = |definition: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition| {
        let schema = serde_json::to_value(&definition.spec.versions[0].schema).expect("writes");
        (definition.spec.names.kind, schema["openAPIV3Schema"]["properties"]["status"].clone())
    };
    crds::all().into_iter().map(of).collect()
}

/// A value that fills a schema to its bounds, with texts of these characters.
fn full(schema: &Value, characters: &[char]) -> Value {
    let bound = |name: &str| {
        usize::try_from(schema[name].as_u64().unwrap_or_else(|| panic!("no {name} in {schema}")))
            .expect("small")
    };
    match schema["type"].as_str().expect("a type") {
        "object" => {
            let properties = schema["properties"].as_object().expect("known fields");
            Value::Object(
                properties
                    .iter()
                    .map(|(name, inner)| (name.clone(), full(inner, characters)))
                    .collect::<Map<_, _>>(),
            )
        }
        "array" => Value::Array(vec![full(&schema["items"], characters); bound("maxItems")]),
        "string" => match schema["enum"].as_array() {
            Some(names) => longest(names),
            None => text(schema, bound("maxLength"), characters),
        },
        "integer" => match (schema["maximum"].as_f64(), schema["format"].as_str()) {
            #[expect(clippy::cast_possible_truncation, reason = "maxima are whole numbers")]
            (Some(most), _) => json!(most as i64),
            (None, Some("int32")) => json!(i32::MAX),
            (None, _) => json!(i64::MAX),
        },
        "number" => json!(0.123_456_789_012_345_67),
        "boolean" => json!(false),
        other => panic!("nothing fills a {other}"),
    }
}

fn longest(names: &[Value]) -> Value {
    names.iter().max_by_key(|name| name.to_string().len()).expect("a name").clone()
}

/// Of the texts that a pattern takes, the longest; of these characters where it takes any.
fn text(schema: &Value, length: usize, characters: &[char]) -> Value {
    if schema["format"] == "date-time" {
        return json!("2026-11-28T04:41:00.123456789+00:00");
    }
    let pattern = schema["pattern"].as_str().unwrap_or_else(|| panic!("no pattern in {schema}"));
    let free = characters.iter().cycle().take(length).collect();
    let plain = ["f", "x", "X", "7"].map(|letter| letter.repeat(length));
    let fits = |text: &String| draft4::is_valid(&json!({"pattern": pattern}), &json!(text));
    let text = std::iter::once(free).chain(plain).find(fits);
    json!(text.unwrap_or_else(|| panic!("nothing fills {pattern}")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_full_status_is_small(
        characters in prop_oneof![
            prop::collection::vec(any::<char>().prop_filter("printable", |c| !c.is_control()), 1..40),
            Just(vec!['\u{10ffff}']),
            Just(vec!['"']),
        ]
    ) {
        for (kind, schema) in statuses() {
            let status = full(&schema, &characters);
            let errors: Vec<_> = draft4::new(&schema).expect("a schema").iter_errors(&status).map(|e| e.to_string()).collect();
            prop_assert!(errors.is_empty(), "{kind}: {errors:?}");
            let bytes = status.to_string().len();
            prop_assert!(bytes < MOST, "{kind}: {bytes} bytes");
        }
    }
}

/// What Kubernetes bounds itself, or nobody.
const FOREIGN: [&str; 4] = ["tolerations", "affinity", "resources", "nodeSelector"];

#[test]
fn every_text_and_list_has_a_bound() {
    fn unbounded(schema: &Value, path: &str, found: &mut Vec<String>) {
        let closed = !schema["enum"].is_null();
        match schema["type"].as_str() {
            Some("string") if schema["maxLength"].is_null() && !closed => found.push(path.to_owned()),
            Some("array") if schema["maxItems"].is_null() => found.push(path.to_owned()),
            _ => {}
        }
        unbounded_element(&schema["items"], path, found);
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            if !FOREIGN.contains(&name.as_str()) {
                unbounded(inner, &format!("{path}.{name}"), found);
            }
        }
    }
    fn unbounded_element(items: &Value, path: &str, found: &mut Vec<String>) {
        if !items.is_null() {
            unbounded(items, &format!("{path}[]"), found);
        }
    }
    let mut found = Vec::new();
    for definition in crds::all() {
        let schema = serde_json::to_value(&definition.spec.versions[0].schema).expect("writes");
        unbounded(&schema["openAPIV3Schema"], &definition.spec.names.kind, &mut found);
    }
    assert!(found.is_empty(), "{found:?}");
}
