//! Texts that are shown. Those of servers are made fit for it: whoever holds one need not ask what may be in it. Ours say
//! `1 server` and `2 servers`.

use std::{borrow::Cow, fmt::Display, ops::Deref};

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

/// `1 server`, `2 servers`.
#[must_use]
pub fn plural<N: Copy + Display + PartialEq + From<u8>>(count: N, word: &str) -> String {
    let s = if count == N::from(1) { "" } else { "s" };
    format!("{count} {word}{s}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_there_once_has_no_s() {
        assert_eq!([plural(1_usize, "server"), plural(0_u32, "group")], ["1 server", "0 groups"]);
    }

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
