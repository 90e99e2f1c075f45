//! What servers read parameters as. The same text is a height to one and an error to another.

use std::iter;

use bitcoin::{Script, Txid, hashes::Hash as _};
use data_encoding::HEXLOWER_PERMISSIVE;
use electrum::proof::ScriptHash;

use super::{
    data::{Kind, Reader},
    json::Json,
};

/// A parameter, understood.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    /// Not negative.
    Number(i128),
    Script(ScriptHash),
    Txid(Txid),
    Flag(bool),
    Text(String),
    Texts(Vec<String>),
    /// As it came, or null.
    Json(Json),
}

impl Kind {
    /// Reads a parameter; none where it is refused, with what stands for it in the error.
    pub(crate) fn read(&self, value: &Json) -> Result<Argument, Json> {
        self.read.read(value).ok_or_else(|| self.read.shown(value))
    }
}

impl Reader {
    fn read(self, value: &Json) -> Option<Argument> {
        let text = || match value {
            Json::Text(text) => Some(text.as_str()),
            _ => None,
        };
        match self {
            Self::PythonNatural => python_int(value).filter(|number| *number >= 0).map(Argument::Number),
            Self::QtNatural => qt_number(value).map(Argument::Number),
            Self::Natural(most) => match value {
                Json::Int(number) if (0..=i128::from(most)).contains(number) => {
                    Some(Argument::Number(*number))
                }
                _ => None,
            },
            Self::ScriptHash => Some(Argument::Script(script_hash(exact_hash(text()?)?))),
            Self::QtScriptHash => Some(Argument::Script(script_hash(qt_hash(text()?)?))),
            Self::Script => {
                let script = HEXLOWER_PERMISSIVE.decode(text()?.as_bytes()).ok()?;
                Some(Argument::Script(ScriptHash::of(Script::from_bytes(&script))))
            }
            Self::Txid => Some(Argument::Txid(txid(exact_hash(text()?)?))),
            Self::QtTxid => Some(Argument::Txid(txid(qt_hash(text()?)?))),
            Self::ZeroOrOne => match value {
                Json::Bool(flag) => Some(Argument::Flag(*flag)),
                Json::Int(0) => Some(Argument::Flag(false)),
                Json::Int(1) => Some(Argument::Flag(true)),
                Json::Float(number) if *number == 0.0 || *number == 1.0 => {
                    Some(Argument::Flag(*number == 1.0))
                }
                _ => None,
            },
            Self::Boolean => match value {
                Json::Bool(flag) => Some(Argument::Flag(*flag)),
                _ => None,
            },
            Self::Mode | Self::ModeInAnyCase => match self.shown(value) {
                Json::Text(mode) => is_mode(&mode).then_some(Argument::Text(mode)),
                Json::Null => Some(Argument::Json(Json::Null)),
                _ => None,
            },
            Self::Text => text().map(|text| Argument::Text(text.to_owned())),
            Self::Hex => text()
                .filter(|text| is_hex(text) && text.len().is_multiple_of(2))
                .map(|t| Argument::Text(t.to_owned())),
            Self::HexOfAnyLength => {
                text().filter(|text| is_hex(text)).map(|text| Argument::Text(text.to_owned()))
            }
            Self::Hexes | Self::Texts => texts(value, matches!(self, Self::Hexes)).map(Argument::Texts),
            Self::FullObject => match value {
                Json::Object(members) if !members.is_empty() => Some(Argument::Json(value.clone())),
                _ => None,
            },
            Self::Anything => Some(Argument::Json(value.clone())),
        }
    }

    /// How a value is shown in an error.
    fn shown(self, value: &Json) -> Json {
        match (self, value) {
            // The number it became is what is printed.
            (Self::PythonNatural, _) => python_int(value).map_or_else(|| value.clone(), Json::Int),
            (Self::ModeInAnyCase, Json::Text(mode)) => Json::Text(mode.to_uppercase()),
            (Self::ModeInAnyCase, _) => Json::Null,
            _ => value.clone(),
        }
    }
}

/// Whether Bitcoin Core knows an estimation mode.
pub(crate) fn is_mode(mode: &str) -> bool {
    ["CONSERVATIVE", "ECONOMICAL"].contains(&mode)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn texts(value: &Json, hex: bool) -> Option<Vec<String>> {
    let Json::List(items) = value else { return None };
    let text = |item: &Json| match item {
        Json::Text(text) if !hex || is_hex(text) && text.len().is_multiple_of(2) => Some(text.clone()),
        _ => None,
    };
    items.iter().map(text).collect()
}

/// Python's `int`.
fn python_int(value: &Json) -> Option<i128> {
    match value {
        Json::Int(number) => Some(*number),
        Json::Bool(flag) => Some(i128::from(*flag)),
        Json::Float(number) => whole(number.trunc()),
        Json::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Qt's `QVariant`, cut to 32 bits as Fulcrum does.
fn qt_number(value: &Json) -> Option<i128> {
    let number = match value {
        Json::Int(number) => *number,
        Json::Bool(flag) => i128::from(*flag),
        Json::Float(number) => whole(number.round())?,
        Json::Text(text) => text.parse().ok()?,
        _ => return None,
    };
    // Negative 64-bit numbers are refused; those that only look so as 32 bits are not.
    (number >= 0).then_some(number & 0xffff_ffff)
}

#[expect(clippy::cast_possible_truncation, reason = "bounded before")]
fn whole(number: f64) -> Option<i128> {
    (number.is_finite() && number.abs() < 1e38).then_some(number as i128)
}

fn exact_hash(text: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// What Qt's `fromHex` makes of a text: it skips what is no digit and reads from the right. Fulcrum checks the
/// length of the text before, and takes the first 32 bytes.
fn qt_hash(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let padded: Vec<u8> = iter::repeat_n(b'0', digits.len() % 2).chain(digits).collect();
    let bytes = HEXLOWER_PERMISSIVE.decode(&padded).ok()?;
    bytes.get(..32)?.try_into().ok()
}

fn script_hash(mut shown: [u8; 32]) -> ScriptHash {
    shown.reverse();
    ScriptHash::from(shown)
}

fn txid(mut shown: [u8; 32]) -> Txid {
    shown.reverse();
    Txid::from_byte_array(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_read_numbers_in_their_ways() {
        let all = |value: Json| {
            [Reader::PythonNatural, Reader::QtNatural, Reader::Natural(u64::MAX)].map(|reader| {
                reader.read(&value).map(|argument| match argument {
                    Argument::Number(number) => number,
                    other => panic!("{other:?}"),
                })
            })
        };
        assert_eq!(all(Json::Int(5)), [Some(5); 3]);
        assert_eq!(all(Json::Float(5.5)), [Some(5), Some(6), None]);
        assert_eq!(all(Json::text("5")), [Some(5), Some(5), None]);
        assert_eq!(all(Json::Bool(true)), [Some(1), Some(1), None]);
        assert_eq!(all(Json::Int(1 << 32)), [Some(1 << 32), Some(0), Some(1 << 32)]);
        assert_eq!(all(Json::Int(-1)), [None; 3]);
        assert_eq!(all(Json::Null), [None; 3]);
        assert_eq!(all(Json::Float(f64::NAN)), [None; 3]);
    }

    #[test]
    fn qt_takes_much_for_a_hash() {
        let hash = "d6ff7a3e3900bf6a2df91e70c202b67342ea7b236bb465ea5d9b3a683ca15b7a";
        assert_eq!(qt_hash(hash), exact_hash(hash));
        assert_eq!(qt_hash(&format!("{hash}00")), exact_hash(hash));
        assert!(qt_hash(&format!("0x{}", &hash[2..])).is_some());
        for refused in [&hash[1..], &format!(" {}", &hash[1..]), &"z".repeat(64), "abcd", ""] {
            assert_eq!(qt_hash(refused), None, "{refused}");
        }
    }
}
