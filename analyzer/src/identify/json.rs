//! JSON as it was written: members in their order, values as their text. May not judge what it reads.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
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

/// The first elements of an array that is known to be sound, as text: the others are not looked at.
pub(crate) fn first_elements(text: &str, most: usize) -> Vec<&str> {
    struct First<'f, 'de> {
        items: &'f mut Vec<&'de str>,
        most: usize,
    }
    impl<'de> Visitor<'de> for First<'_, 'de> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
            while self.items.len() < self.most
                && let Some(item) = array.next_element::<&RawValue>()?
            {
                self.items.push(item.get());
            }
            Ok(())
        }
    }
    let mut items = Vec::new();
    if begins(text, '[') {
        // That the array goes on is no error here.
        let _ = serde_json::Deserializer::from_str(text).deserialize_seq(First { items: &mut items, most });
    }
    items
}

/// What a JSON string stands for.
pub(crate) fn string(text: &str) -> Option<String> {
    begins(text, '"').then(|| serde_json::from_str(text).ok()).flatten()
}

/// The parts of a JSON text that stand outside strings, each with its place.
pub(crate) fn outside_strings(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let (bytes, mut next) = (text.as_bytes(), 0);
    std::iter::from_fn(move || {
        while *bytes.get(next)? == b'"' {
            next = after_string(bytes, next + 1);
        }
        next += 1;
        Some((next - 1, bytes[next - 1]))
    })
}

/// The place after the quote that ends a string, which begins at a place.
fn after_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found + 1;
        if bytes[at - 1] == b'"' {
            return at;
        }
        // What is escaped ends nothing.
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn of_an_array_the_first_elements_are_read() {
        for (text, first) in [
            ("[1, [2,\"]\"],3]", &["1", "[2,\"]\"]"][..]),
            ("[1]", &["1"]),
            ("[]", &[]),
            ("{}", &[]),
            ("7", &[]),
        ] {
            assert_eq!(first_elements(text, 2), first, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_stands_outside_strings_is_found_by_one_byte_after_the_other(text in r#"([a",: é]|\\["\\nu]?){0,40}"#) {
            let (mut within, mut escaped) = (false, false);
            let expected = text.bytes().enumerate().filter(|&(_, byte)| {
                let was_within = within;
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if within => escaped = true,
                    b'"' => within = !within,
                    _ => {}
                }
                !was_within && byte != b'"'
            });
            let expected: Vec<_> = expected.collect();
            prop_assert_eq!(outside_strings(&text).collect::<Vec<_>>(), expected);
        }
    }
}
