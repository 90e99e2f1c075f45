//! The structural schema: types, bounds, patterns, unknown fields, and keys of lists that must differ.

use jsonschema::ValidationError;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use super::Complaint;

/// The schema that an API server holds resources to, of the version that is stored.
pub(super) fn schema_of(definition: &CustomResourceDefinition) -> Option<Value> {
    let version = definition.spec.versions.first()?;
    let schema = version.schema.as_ref()?.open_api_v3_schema.as_ref()?;
    serde_json::to_value(schema).ok()
}

/// A field that is null is one that is not there.
pub(super) fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Holds a resource to its schema.
pub(super) fn check(schema: &Value, document: &Value) -> Vec<Complaint> {
    let mut strict = schema.clone();
    without_unknown_fields(&mut strict);
    strict["properties"]["apiVersion"] = json!({"type": "string"});
    strict["properties"]["kind"] = json!({"type": "string"});
    strict["properties"]["metadata"] = json!({"type": "object", "required": ["name"]});
    strict["required"] = json!(["metadata", "spec"]);
    let mut found: Vec<_> = match jsonschema::draft4::new(&strict) {
        Ok(validator) => validator.iter_errors(document).map(|error| complaint(&error)).collect(),
        Err(error) => vec![Complaint::new("", format!("the schema itself: {error}"))],
    };
    duplicates(schema, document, "", &mut found);
    found
}

fn complaint(error: &ValidationError<'_>) -> Complaint {
    let mut field = String::new();
    for part in error.instance_path().as_str().split('/').skip(1) {
        if part.parse::<usize>().is_ok() {
            field.push_str(&format!("[{part}]"));
        } else {
            let dot = if field.is_empty() { "" } else { "." };
            field.push_str(&format!("{dot}{}", part.replace("~1", "/").replace("~0", "~")));
        }
    }
    Complaint::new(field, error.to_string())
}

/// An API server refuses fields that a schema does not have; JSON Schema has to be told.
fn without_unknown_fields(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(without_unknown_fields);
        if schema.get("additionalProperties").is_none() {
            schema["additionalProperties"] = json!(false);
        }
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(inner) {
            without_unknown_fields(inner);
        }
    }
}

/// Elements of sets, and keys of maps that are written as lists, may stand there once.
fn duplicates(schema: &Value, value: &Value, path: &str, found: &mut Vec<Complaint>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let dot = if path.is_empty() { "" } else { "." };
                duplicates(&schema["properties"][name], member, &format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(elements) => {
            let keys: Vec<_> = schema["x-kubernetes-list-map-keys"]
                .as_array()
                .map(|keys| keys.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            let unique = schema["x-kubernetes-list-type"] == "set" || !keys.is_empty();
            let key = |element: &Value| match keys.as_slice() {
                [] => element.to_string(),
                keys => keys.iter().map(|key| element[key].to_string()).collect::<Vec<_>>().join(", "),
            };
            for (place, element) in elements.iter().enumerate() {
                let path = format!("{path}[{place}]");
                if unique && elements[..place].iter().any(|earlier| key(earlier) == key(element)) {
                    found.push(Complaint::new(&path, format!("{} stands there twice", key(element))));
                }
                duplicates(&schema["items"], element, &path, found);
            }
        }
        _ => {}
    }
}
