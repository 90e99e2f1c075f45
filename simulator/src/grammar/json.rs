//! JSON as servers read it. Every JSON library has its own idea of which texts are JSON and of what a number is, and
//! shows it; `serde_json` would hide it. Members keep their order, numbers their kind.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// Doubles below this hold every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, written without point or exponent.
    Int(i128),
    /// Any other number; Python's library reads `NaN` and `Infinity` too.
    Float(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, in the order of its members. A name that comes twice is there once, with its last value.
    Object(Vec<(String, Json)>),
}

/// How a JSON library reads.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dialect {
    /// Whether `NaN`, `Infinity` and numbers beyond all doubles are numbers.
    infinities: bool,
    /// What whole numbers beyond 64 bits are.
    beyond_64_bits: Beyond,
    /// Whether `-0` is the double that has that name, and not the whole number 0.
    negative_zero: bool,
    /// Whether `1e2` and `1.0` are whole numbers.
    whole_floats: bool,
    /// How deep lists and objects may nest.
    depth: usize,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Beyond {
    Whole,
    Float,
    Refused,
}

/// The text is no JSON to this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("not JSON")]
    Form,
    #[error("nested too deeply")]
    Depth,
}

impl Json {
    /// Reads a text as a library of this dialect does.
    pub(crate) fn read(text: &str, dialect: Dialect) -> Result<Self, JsonError> {
        let mut reader = Reader { text, at: 0, dialect };
        reader.space();
        let value = reader.value(0)?;
        reader.space();
        if reader.at == text.len() { Ok(value) } else { Err(JsonError::Form) }
    }

    /// A string.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An object of these members.
    pub(crate) fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(its, _)| its == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self::Int(value.into())
    }
}

impl From<u32> for Json {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Json {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

/// A place in a text. It is always at the border of a character.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), JsonError> {
        if self.take(word) { Ok(()) } else { Err(JsonError::Form) }
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        match self.peek().ok_or(JsonError::Form)? {
            b'{' | b'[' if depth >= self.dialect.depth => Err(JsonError::Depth),
            b'{' => self.object(depth + 1),
            b'[' => self.list(depth + 1),
            b'"' => Ok(Json::Text(self.string()?)),
            b't' => self.expect("true").map(|()| Json::Bool(true)),
            b'f' => self.expect("false").map(|()| Json::Bool(false)),
            b'n' => self.expect("null").map(|()| Json::Null),
            b'N' if self.dialect.infinities => self.expect("NaN").map(|()| Json::Float(f64::NAN)),
            b'I' if self.dialect.infinities => self.expect("Infinity").map(|()| Json::Float(f64::INFINITY)),
            b'-' if self.dialect.infinities && self.take("-Infinity") => Ok(Json::Float(f64::NEG_INFINITY)),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(JsonError::Form),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.expect("[")?;
        let mut items = Vec::new();
        self.space();
        if self.take("]") {
            return Ok(Json::List(items));
        }
        loop {
            self.space();
            items.push(self.value(depth)?);
            self.space();
            if self.take("]") {
                return Ok(Json::List(items));
            }
            self.expect(",")?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.expect("{")?;
        let mut members: Vec<(String, Json)> = Vec::new();
        self.space();
        if self.take("}") {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(":")?;
            self.space();
            let value = self.value(depth)?;
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, earlier)) => *earlier = value,
                None => members.push((name, value)),
            }
            self.space();
            if self.take("}") {
                return Ok(Json::Object(members));
            }
            self.expect(",")?;
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.expect("\"")?;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(|c| matches!(c, '"' | '\\') || c < ' ').ok_or(JsonError::Form)?;
            text.push_str(&rest[..plain]);
            self.at += plain;
            if self.take("\"") {
                return Ok(text);
            }
            self.expect("\\")?;
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let letter = self.peek().ok_or(JsonError::Form)?;
        if !letter.is_ascii() {
            return Err(JsonError::Form);
        }
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                if !(0xD800..0xDC00).contains(&first) {
                    return char::from_u32(first).ok_or(JsonError::Form);
                }
                self.expect("\\u")?;
                let second = self.unit()?.checked_sub(0xDC00).filter(|low| *low < 0x400);
                let code = second.map(|low| 0x1_0000 + (first - 0xD800) * 0x400 + low);
                code.and_then(char::from_u32).ok_or(JsonError::Form)?
            }
            _ => return Err(JsonError::Form),
        })
    }

    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(JsonError::Form)?;
        self.at += 4;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(JsonError::Form);
        }
        u32::from_str_radix(digits, 16).map_err(|_| JsonError::Form)
    }

    fn digits(&mut self) -> usize {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        self.at += count;
        count
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        self.take("-");
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || leading_zero && whole > 1 {
            return Err(JsonError::Form);
        }
        let mut is_whole = true;
        if self.take(".") {
            is_whole = false;
            if self.digits() == 0 {
                return Err(JsonError::Form);
            }
        }
        if self.take("e") || self.take("E") {
            is_whole = false;
            let _ = self.take("-") || self.take("+");
            if self.digits() == 0 {
                return Err(JsonError::Form);
            }
        }
        let text = &self.text[start..self.at];
        if is_whole && !(text == "-0" && self.dialect.negative_zero) {
            let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
            match (fits, self.dialect.beyond_64_bits, text.parse::<i128>()) {
                (false, Beyond::Refused, _) => return Err(JsonError::Form),
                (true, _, Ok(value)) | (false, Beyond::Whole, Ok(value)) => return Ok(Json::Int(value)),
                _ => {}
            }
        }
        let value: f64 = text.parse().map_err(|_| JsonError::Form)?;
        if self.dialect.whole_floats && value.fract() == 0.0 && value.abs() < EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "bounded")]
            return Ok(Json::Int(value as i128));
        }
        if value.is_finite() || self.dialect.infinities {
            Ok(Json::Float(value))
        } else {
            Err(JsonError::Form)
        }
    }
}

/// Data files hold JSON of any form.
impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Int(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Int(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Float(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
                let mut object = Vec::new();
                while let Some(member) = members.next_entry()? {
                    object.push(member);
                }
                Ok(Json::Object(object))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PYTHON: Dialect = Dialect {
        infinities: true,
        beyond_64_bits: Beyond::Whole,
        negative_zero: false,
        whole_floats: false,
        depth: 900,
    };
    const RUST: Dialect = Dialect {
        infinities: false,
        beyond_64_bits: Beyond::Float,
        negative_zero: true,
        whole_floats: false,
        depth: 128,
    };
    const QT: Dialect = Dialect {
        infinities: false,
        beyond_64_bits: Beyond::Refused,
        negative_zero: false,
        whole_floats: true,
        depth: 900,
    };

    #[test]
    fn libraries_disagree_about_numbers() {
        let all = |text: &str| [PYTHON, RUST, QT].map(|dialect| Json::read(text, dialect));
        assert_eq!(all("-0"), [Ok(Json::Int(0)), Ok(Json::Float(-0.0)), Ok(Json::Int(0))]);
        let big = 1_i128 << 70;
        let text = big.to_string();
        assert_eq!(all(&text), [Ok(Json::Int(big)), Ok(Json::Float(big as f64)), Err(JsonError::Form)]);
        assert_eq!(
            all("1e400"),
            [Ok(Json::Float(f64::INFINITY)), Err(JsonError::Form), Err(JsonError::Form)]
        );
        assert_eq!(all("1e2"), [Ok(Json::Float(100.0)), Ok(Json::Float(100.0)), Ok(Json::Int(100))]);
        for no_number in ["01", "1.", ".5", "+1", "-", "1e", "0x1"] {
            assert_eq!(all(no_number), [(); 3].map(|()| Err(JsonError::Form)), "{no_number}");
        }
    }

    #[test]
    fn the_last_of_equal_names_counts_and_depth_is_bounded() {
        let twice = Json::read(r#"{"a":1,"b":2,"a":3}"#, RUST).expect("JSON");
        assert_eq!(twice, Json::object([("a", Json::Int(3)), ("b", Json::Int(2))]));
        let nested = |depth: usize| Json::read(&("[".repeat(depth) + &"]".repeat(depth)), RUST).map(|_| ());
        assert_eq!((nested(128), nested(129)), (Ok(()), Err(JsonError::Depth)));
    }

    proptest! {
        #[test]
        fn what_serde_json_reads_is_read_alike(text in r#"[\[\]{}:,"0-9a-z\\. eE+-]{0,40}"#) {
            let theirs = serde_json::from_str::<Json>(&text);
            let ours = Json::read(&text, Dialect { negative_zero: false, ..RUST });
            prop_assert_eq!(theirs.is_ok(), ours.is_ok(), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = Json::read(&text, PYTHON);
        }
    }
}
