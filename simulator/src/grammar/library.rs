//! The grammars that come with this crate, made from captures of real servers.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::Grammar;

/// The files of `simulator/grammars/`, oldest first: one may build on those before it.
const FILES: [&str; 9] = [
    include_str!("../../grammars/ElectrumX-1.16.0.json"),
    include_str!("../../grammars/ElectrumX-1.17.0.json"),
    include_str!("../../grammars/ElectrumX-1.18.0.json"),
    include_str!("../../grammars/ElectrumX-1.19.0.json"),
    include_str!("../../grammars/ElectrumX-1.20.0.json"),
    include_str!("../../grammars/ElectrumX-2.0.0.json"),
    include_str!("../../grammars/Fulcrum-2.1.1.json"),
    include_str!("../../grammars/electrs-0.12.0.json"),
    include_str!("../../grammars/mempool-electrs-3.1.0.json"),
];

/// Grammars by name and version.
#[derive(Clone, Debug)]
pub struct Library(BTreeMap<String, Arc<Grammar>>);

/// Why a file is no grammar.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// Not JSON, or not of a grammar's form.
    #[error("the grammar {name}: {error}")]
    Form {
        /// Of which version; empty where not even that is known.
        name: String,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// It builds on a version that does not come before it.
    #[error("a grammar like {0}, which is not known")]
    Unknown(String),
}

impl Library {
    /// The grammars that come with this crate.
    ///
    /// # Errors
    /// None in practice: a test reads them.
    pub fn embedded() -> Result<Self, LibraryError> {
        let (mut values, mut library) = (BTreeMap::new(), BTreeMap::new());
        for file in FILES {
            let form = |name: &str| {
                let name = name.to_owned();
                move |error| LibraryError::Form { name, error }
            };
            let mut value: Value = serde_json::from_str(file).map_err(form(""))?;
            let like = value.as_object_mut().and_then(|members| members.remove("like"));
            if let Some(like) = like.as_ref().and_then(Value::as_str) {
                let base: &Value = values.get(like).ok_or_else(|| LibraryError::Unknown(like.to_owned()))?;
                let changes = std::mem::replace(&mut value, base.clone());
                merge(&mut value, changes);
            }
            let name = format!("{}-{}", text(&value, "name"), text(&value, "version"));
            let grammar: Grammar = serde_json::from_value(value.clone()).map_err(form(&name))?;
            library.insert(name.clone(), Arc::new(grammar));
            values.insert(name, value);
        }
        Ok(Self(library))
    }

    /// A grammar by name and version: `ElectrumX-1.20.0`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Grammar>> {
        self.0.get(name)
    }

    /// All grammars, by name and version.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Grammar>)> {
        self.0.iter().map(|(name, grammar)| (name.as_str(), grammar))
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A JSON merge patch (RFC 7386): objects are merged, null removes, all else replaces.
fn merge(target: &mut Value, changes: Value) {
    let Value::Object(changes) = changes else {
        *target = changes;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            arguments::Argument,
            json::Json,
            question::{Method, Question},
        },
        *,
    };

    #[test]
    fn every_grammar_is_whole() {
        let library = Library::embedded().expect("grammars");
        assert_eq!(library.iter().count(), FILES.len());
        for (name, grammar) in library.iter() {
            for (method, rules) in &grammar.methods {
                for param in rules.iter().flat_map(|rule| &rule.params) {
                    assert!(grammar.kinds.contains_key(&param.kind), "{name}: {method}: {param:?}");
                }
            }
        }
    }

    /// A method takes what its parameters are read as: numbers, scripts, names.
    #[test]
    fn every_method_can_be_asked() {
        let hash = "ab".repeat(32);
        let samples = [
            Json::Int(1),
            Json::text(hash),
            Json::Bool(true),
            Json::text("00"),
            Json::text("ECONOMICAL"),
            Json::object([("a", Json::Int(1))]),
            Json::List(vec![Json::text("00")]),
        ];
        for (name, grammar) in Library::embedded().expect("grammars").iter() {
            for (method, rules) in &grammar.methods {
                for rule in rules.iter().filter(|rule| rule.does != Method::Nothing) {
                    let argument =
                        |kind: &str| samples.iter().find_map(|sample| grammar.kinds[kind].read(sample).ok());
                    let arguments: Vec<Option<Argument>> =
                        rule.params.iter().map(|param| argument(&param.kind)).collect();
                    assert!(arguments.iter().all(Option::is_some), "{name}: {method}: {arguments:?}");
                    assert!(
                        Question::new(rule.does, &arguments).is_some(),
                        "{name}: {method}: {arguments:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn changes_are_merged() {
        let mut target = serde_json::json!({"a": {"b": 1, "c": 2}, "d": [1]});
        merge(&mut target, serde_json::json!({"a": {"b": null, "e": 3}, "d": [2]}));
        assert_eq!(target, serde_json::json!({"a": {"c": 2, "e": 3}, "d": [2]}));
    }
}
