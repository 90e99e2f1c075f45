//! Texts of servers, fit to be shown: whoever holds one need not ask what may be in it.

use std::{borrow::Cow, ops::Deref};

use electrum::text::printable;
use serde::{Deserialize, Deserializer, Serialize};

/// A text of a server in which nothing steers a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Text(Box<str>);

/// Longest text, in characters: more than any that is made here.
const LONGEST: usize = 4_096;

impl Text {
    /// A text as far as it is no longer than so many characters.
    #[must_use]
    pub fn of(text: &str, most: usize) -> Self {
        Self(printable(text, most.min(LONGEST)).into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::of(text, LONGEST)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        // Whoever wrote it may have been somebody else. Mostly a glance will do.
        let is_plain =
            text.len() <= LONGEST && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        Ok(if is_plain { Self(text.into()) } else { Self::from(&*text) })
    }
}

/// The same for words that are mostly our own.
///
/// # Errors
/// Where there is no text.
pub(crate) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, str>, D::Error> {
    Text::deserialize(deserializer).map(|text| Cow::Owned(text.0.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_read_is_as_fit_as_what_was_made(text in any::<String>()) {
            let made = Text::of(&text, 40);
            let read = |text: &str| -> Text {
                postcard::from_bytes(&postcard::to_stdvec(text).expect("writes")).expect("reads")
            };
            prop_assert_eq!(read(&made), made);
            prop_assert_eq!(&*read(&text), printable(&text, LONGEST));
        }
    }
}
