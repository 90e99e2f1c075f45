//! Whether an object has everything that is wanted of it, whatever else an API server has filled in. Pure.

use serde::Serialize;
use serde_json::Value;

use crate::Error;

/// Whether the object has all that is wanted.
pub(super) fn holds<K: Serialize>(found: &K, wanted: &K) -> Result<bool, Error> {
    let value = |object| serde_json::to_value(object).map_err(|error| Error::Unwritable(error.to_string()));
    Ok(has(&value(found)?, &value(wanted)?))
}

fn has(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted.iter().all(|(name, wanted)| {
            let found = found.get(name);
            // Empty members are not kept.
            found.map_or_else(|| empty(wanted), |found| has(found, wanted))
        }),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| has(found, wanted))
        }
        (Value::String(found), Value::String(wanted)) => found == wanted || same_quantity(found, wanted),
        (found, wanted) => found == wanted,
    }
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Null => true,
        _ => false,
    }
}

/// API servers write quantities in a form of their own: `1000m` comes back as `1`.
fn same_quantity(one: &str, other: &str) -> bool {
    quantity(one).is_some_and(|one| quantity(other) == Some(one))
}

/// A quantity, in thousandths.
fn quantity(text: &str) -> Option<u128> {
    const UNITS: [(&str, u128); 13] = [
        ("Ki", 1_000 << 10),
        ("Mi", 1_000 << 20),
        ("Gi", 1_000 << 30),
        ("Ti", 1_000 << 40),
        ("Pi", 1_000 << 50),
        ("m", 1),
        ("k", 1_000_000),
        ("M", 1_000_000_000),
        ("G", 1_000_000_000_000),
        ("T", 1_000_000_000_000_000),
        ("P", 1_000_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000_000),
        ("", 1_000),
    ];
    let (number, unit) = UNITS.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if part.len() > 9 || !whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    let digits: u128 = format!("{whole}{part}").parse().ok()?;
    digits.checked_mul(unit)?.checked_div(scale)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_server_filled_in_does_not_matter_and_what_is_otherwise_does() {
        let found = json!({"a": {"b": 1, "filled": true}, "list": [{"name": "x", "protocol": "TCP"}]});
        for wanted in [json!({"a": {"b": 1}}), json!({"list": [{"name": "x"}]}), json!({"a": {}, "none": {}})]
        {
            assert!(has(&found, &wanted), "{wanted}");
        }
        for wanted in [
            json!({"a": {"b": 2}}),
            json!({"list": []}),
            json!({"list": [{"name": "x"}, {"name": "y"}]}),
            json!({"other": 1}),
            json!({"a": 1}),
        ] {
            assert!(!has(&found, &wanted), "{wanted}");
        }
    }

    #[test]
    fn quantities_are_compared_by_what_they_are() {
        for (one, other) in
            [("1000m", "1"), ("0.5", "500m"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("2k", "2000")]
        {
            assert!(same_quantity(one, other), "{one} {other}");
        }
        for (one, other) in [("1", "2"), ("1Mi", "1M"), ("x", "x1"), ("", "0"), ("1m", "1")] {
            assert!(!same_quantity(one, other), "{one} {other}");
        }
    }
}
