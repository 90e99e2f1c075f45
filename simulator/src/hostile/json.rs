//! Lines of JSON as tokens, so that one of them can be spoilt and everything around it stays as the server wrote it.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The name of a member, in its quotes.
    Key,
    /// A text that is a value, in its quotes.
    Text,
    Number,
    /// The beginning of an object.
    Brace,
    /// One byte of anything else.
    Other,
}

/// A token, and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'l> {
    pub(super) kind: Kind,
    pub(super) bytes: &'l [u8],
    /// How many lists and objects are open, one that begins here included.
    pub(super) depth: usize,
    /// The last member's name, in its quotes.
    pub(super) key: &'l [u8],
    /// What follows.
    pub(super) rest: &'l [u8],
}

impl Token<'_> {
    /// Whether it says which request is answered.
    pub(super) fn is_id(&self) -> bool {
        self.kind == Kind::Number && self.key == br#""id""#
    }
}

/// The tokens of a line, without loss.
pub(super) fn tokens(line: &[u8]) -> impl Iterator<Item = Token<'_>> {
    let (mut rest, mut depth, mut key) = (line, 0_usize, &b""[..]);
    std::iter::from_fn(move || {
        let first = *rest.first()?;
        let length = match first {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => {
                let is_number = |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                rest.iter().take_while(is_number).count()
            }
            _ => 1,
        };
        let (bytes, after) = rest.split_at(length);
        rest = after;
        let kind = match first {
            b'"' if after.trim_ascii_start().starts_with(b":") => Kind::Key,
            b'"' => Kind::Text,
            b'-' | b'0'..=b'9' => Kind::Number,
            b'{' => Kind::Brace,
            _ => Kind::Other,
        };
        match first {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if kind == Kind::Key {
            key = bytes;
        }
        Some(Token { kind, bytes, depth, key, rest })
    })
}

/// How long the text is that begins here, with its quotes.
fn text_length(bytes: &[u8]) -> usize {
    let mut escaped = false;
    for (place, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return place + 1,
            _ => {}
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_texts_and_numbers_are_told_apart() {
        let line = br#"{"id": 1e2,"result":{"a\"b":["x",-1.5]}}"#;
        let kinds: Vec<(Kind, usize)> =
            tokens(line).filter(|token| token.kind != Kind::Other).map(|t| (t.kind, t.depth)).collect();
        use Kind::{Brace, Key, Number, Text};
        assert_eq!(
            kinds,
            [(Brace, 1), (Key, 1), (Number, 1), (Key, 1), (Brace, 2), (Key, 2), (Text, 3), (Number, 3)]
        );
        let ids: Vec<&[u8]> = tokens(line).filter(Token::is_id).map(|token| token.bytes).collect();
        assert_eq!(ids, [b"1e2"]);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let whole: Vec<u8> = tokens(&line).flat_map(|token| token.bytes.to_vec()).collect();
            prop_assert_eq!(whole, line);
        }
    }
}
