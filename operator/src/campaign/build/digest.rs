//! Texts of objects, and digests of them. Pure.

use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// A value as YAML.
pub(super) fn yaml(value: &impl Serialize) -> Result<String, Error> {
    // By way of JSON, whose members are sorted: the same campaign is the same text.
    let value = serde_json::to_value(value).map_err(|error| Error::Unwritable(error.to_string()))?;
    serde_saphyr::to_string(&value).map_err(|error| Error::Unwritable(error.to_string()))
}

/// What of a value is not as it is by default.
pub(super) fn unusual<T: Serialize + Default>(value: &T) -> Result<Value, Error> {
    let json = |value: &T| serde_json::to_value(value).map_err(|error| Error::Unwritable(error.to_string()));
    Ok(less(json(value)?, &json(&T::default())?))
}

fn less(value: Value, usual: &Value) -> Value {
    match (value, usual) {
        (Value::Object(members), Value::Object(usual)) => members
            .into_iter()
            .filter(|(name, value)| usual.get(name) != Some(value))
            .map(|(name, value)| {
                let rest = less(value, usual.get(&name).unwrap_or(&Value::Null));
                (name, rest)
            })
            .collect(),
        (value, _) => value,
    }
}

/// The first 64 bits of SHA-256 of a value's JSON, in hex: enough to tell versions of one object apart.
///
/// # Errors
/// None in practice.
pub fn digest(value: &impl Serialize) -> Result<String, Error> {
    let value = serde_json::to_value(value).map_err(|error| Error::Unwritable(error.to_string()))?;
    let hash = Sha256::digest(value.to_string());
    Ok(HEXLOWER.encode(&hash[..8]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_unusual_is_left() {
        let usual = json!({"a": 1, "b": {"c": 2, "d": [3]}});
        assert_eq!(less(usual.clone(), &usual), json!({}));
        let value = json!({"a": 1, "b": {"c": 2, "d": [3, 4]}, "new": {"e": 5}});
        assert_eq!(less(value, &usual), json!({"b": {"d": [3, 4]}, "new": {"e": 5}}));
    }
}
