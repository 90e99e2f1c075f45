//! JSON as it was written: members in their order, values as their text. May not judge what it reads.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object in the order they were written, doubles included.
#[derive(Debug)]
pub(crate) struct Members<'a>(Vec<(Name<'a>, &'a RawValue)>);

#[derive(Debug, Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Whether a JSON text may be of a kind, by the byte it begins with. That it is not is mostly clear, and an error of
/// serde's is dear.
fn begins(text: &str, with: char) -> bool {
    text.trim_ascii_start().starts_with(with)
}

impl<'a> Members<'a> {
    /// Reads an object.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        begins(text, '{').then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// The text of a member; `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(key, _)| key.0 == name)?;
        Some(value.get()).filter(|text| *text != "null")
    }

    /// Names and values in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, value)| (&*key.0, value.get()))
    }

    /// The names in order, separated by spaces.
    pub(crate) fn order(&self) -> String {
        self.0.iter().map(|(key, _)| &*key.0).collect::<Vec<_>>().join(" ")
    }

    /// Whether the names stand in alphabetical order; `None` where there are not two to compare.
    pub(crate) fn sorted(&self) -> Option<bool> {
        (self.0.len() > 1).then(|| self.0.is_sorted_by(|(a, _), (b, _)| a.0 <= b.0))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The elements of an array, as text.
pub(crate) fn elements(text: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = begins(text, '[').then(|| serde_json::from_str(text).ok()).flatten()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// What a JSON string stands for.
pub(crate) fn string(text: &str) -> Option<String> {
    begins(text, '"').then(|| serde_json::from_str(text).ok()).flatten()
}

/// The parts of a JSON text that stand outside strings, each with its place.
pub(crate) fn outside_strings(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut within, mut escaped) = (false, false);
    text.bytes().enumerate().filter(move |&(_, byte)| {
        let was_within = within;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within => escaped = true,
            b'"' => within = !within,
            _ => {}
        }
        !was_within && byte != b'"'
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_their_text() {
        let members = Members::read(r#"{"b": 1e2, "a": null, "é": [1,  2]}"#).expect("an object");
        assert_eq!(members.order(), "b a é");
        assert_eq!((members.get("b"), members.get("a"), members.get("c")), (Some("1e2"), None, None));
        assert_eq!(members.sorted(), Some(false));
        assert_eq!(Members::read(r#"{"a":1}"#).and_then(|one| one.sorted()), None);
        assert!(Members::read("[1]").is_none());
    }

    #[test]
    fn what_strings_hold_is_no_structure() {
        let outside: String =
            outside_strings(r#"{"a\"b:,": ["x,y"], "c":1}"#).map(|(_, byte)| char::from(byte)).collect();
        assert_eq!(outside, "{: [], :1}");
    }
}
