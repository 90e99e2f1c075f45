//! What an API server would say to a file, said without one; and what no schema can see: probes, time zones and
//! servers that do not exist. Nothing here looks anything up in a network.

mod files;
mod meaning;
mod structure;

use kube::core::cel::Validator;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::files::lines;
use crate::{ElectrumServer, GROUP, ScanCampaign, ScanExclusion, VERSION};

/// Something that is wrong with a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The document of the file, from 1.
    pub document: usize,
    /// `ScanCampaign/mainnet`; empty where the document is none of ours.
    pub resource: String,
    /// The field, `spec.vantages[0].proxy`; empty for the whole.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "document {}", self.document)?;
        for part in [&self.resource, &self.field].into_iter().filter(|part| !part.is_empty()) {
            write!(f, ", {part}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What is wrong with a field.
struct Complaint {
    field: String,
    message: String,
}

impl Complaint {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// Everything that is wrong with the resources in a text: YAML of one or several documents, or JSON. Documents of other
/// groups are passed over. `probe` says whether a probe of that id exists.
#[must_use]
pub fn lint(text: &str, probe: impl Fn(&str) -> bool) -> Vec<Problem> {
    let whole = |document, message| {
        vec![Problem { document, resource: String::new(), field: String::new(), message }]
    };
    let documents: Vec<Value> = match serde_saphyr::from_multiple(text) {
        Ok(documents) => documents,
        Err(error) => return whole(1, format!("not YAML: {}", first_line(&error.to_string()))),
    };
    let ours = |document: &&Value| {
        let version = document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        version.split('/').next() == Some(GROUP)
    };
    if !documents.iter().any(|document| ours(&document)) {
        return whole(1, format!("holds no resource of {GROUP}/{VERSION}"));
    }
    let numbered = (1..).zip(&documents).filter(|(_, document)| ours(document));
    numbered
        .flat_map(|(number, document)| {
            let resource = name_of(document);
            complaints(document, &probe).into_iter().map(move |complaint| Problem {
                document: number,
                resource: resource.clone(),
                field: complaint.field,
                message: complaint.message,
            })
        })
        .collect()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn name_of(document: &Value) -> String {
    let text = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    format!("{}/{}", text("/kind"), text("/metadata/name"))
}

fn complaints(document: &Value, probe: &dyn Fn(&str) -> bool) -> Vec<Complaint> {
    let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default();
    let Some(definition) = crate::all().into_iter().find(|definition| definition.spec.names.kind == kind)
    else {
        return vec![Complaint::new("kind", format!("{kind:?} is no kind of {GROUP}/{VERSION}"))];
    };
    if document["apiVersion"] != format!("{GROUP}/{VERSION}") {
        return vec![Complaint::new("apiVersion", format!("must be {GROUP}/{VERSION}"))];
    }
    let Some(schema) = structure::schema_of(&definition) else {
        return vec![Complaint::new("", format!("{kind} has no schema"))];
    };
    let mut document = document.clone();
    structure::without_nulls(&mut document);
    let found = structure::check(&schema, &document);
    // As an API server does: rules are not asked about what has the wrong form.
    if !found.is_empty() {
        return found;
    }
    let mut found = rules(&schema, &document);
    found.extend(match kind {
        "ScanCampaign" => {
            means(document, |campaign: &ScanCampaign| meaning::of_campaign(&campaign.spec, probe))
        }
        "ElectrumServer" => means(document, |server: &ElectrumServer| meaning::of_server(&server.spec)),
        _ => means(document, |exclusion: &ScanExclusion| meaning::of_exclusion(&exclusion.spec)),
    });
    found
}

/// The CEL rules, as they are at creation.
fn rules(schema: &Value, document: &Value) -> Vec<Complaint> {
    let Err(errors) = Validator::new().validate(schema, document, None) else {
        return Vec::new();
    };
    errors.into_vec().into_iter().map(|error| Complaint::new(error.field_path, error.message)).collect()
}

fn means<R: DeserializeOwned>(document: Value, check: impl Fn(&R) -> Vec<Complaint>) -> Vec<Complaint> {
    match serde_json::from_value(document) {
        Ok(resource) => check(&resource),
        Err(error) => vec![Complaint::new("", error.to_string())],
    }
}
