//! JSON as servers write it.

use std::fmt::Write as _;

use serde::Deserialize;

use super::json::Json;

/// How a JSON library writes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Style {
    /// Whether a blank follows commas and colons.
    spaced: bool,
    /// Whether members are written in the order of their names.
    sorted: bool,
    /// Whether all that is not ASCII is escaped.
    ascii: bool,
    floats: Floats,
}

/// How numbers that are not whole are written; always in the fewest digits that tell them apart.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Floats {
    /// Python's `repr`, and C's `%g`: `1e-05`, `100.0`.
    Python,
    /// The crate `ryu`: `0.00001`, `1.5e21`.
    Ryu,
    /// The crate `zmij`, which replaced it: `0.00001`, `1.5e+21`.
    Zmij,
}

impl Style {
    /// Appends a value.
    pub(crate) fn write(self, value: &Json, out: &mut String) {
        match value {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Int(value) => {
                let _ = write!(out, "{value}");
            }
            Json::Float(value) => self.float(*value, out),
            Json::Text(text) => self.text(text, out),
            Json::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push_str(self.comma());
                    }
                    self.write(item, out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                let mut members: Vec<&(String, Json)> = members.iter().collect();
                if self.sorted {
                    members.sort_by(|a, b| a.0.cmp(&b.0));
                }
                out.push('{');
                for (place, (name, value)) in members.into_iter().enumerate() {
                    if place > 0 {
                        out.push_str(self.comma());
                    }
                    self.text(name, out);
                    out.push_str(if self.spaced { ": " } else { ":" });
                    self.write(value, out);
                }
                out.push('}');
            }
        }
    }

    /// A value as text.
    pub(crate) fn text_of(self, value: &Json) -> String {
        let mut text = String::new();
        self.write(value, &mut text);
        text
    }

    fn comma(self) -> &'static str {
        if self.spaced { ", " } else { "," }
    }

    fn text(self, text: &str, out: &mut String) {
        // Hex, names and addresses, which is nearly everything.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
            out.extend(["\"", text, "\""]);
            return;
        }
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || self.ascii && !c.is_ascii() => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }

    fn float(self, value: f64, out: &mut String) {
        match self.floats {
            _ if value.is_nan() => out.push_str("NaN"),
            _ if value.is_infinite() => out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" }),
            Floats::Python => out.push_str(&python(value)),
            Floats::Ryu => out.push_str(&rust(value, "e")),
            Floats::Zmij => out.push_str(&rust(value, "e+")),
        }
    }
}

/// The exponent of a number in scientific form, and its digits.
fn scientific(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (digits.to_owned(), exponent.parse().unwrap_or_default())
}

/// A number as Python's `repr` writes it.
pub(crate) fn python(value: f64) -> String {
    let (digits, exponent) = scientific(value);
    if value == 0.0 || (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A number as the crates of `serde_json` write it.
fn rust(value: f64, before_exponent: &str) -> String {
    let (digits, exponent) = scientific(value);
    if value == 0.0 || (-5..16).contains(&exponent) {
        let text = format!("{value}");
        return if text.contains('.') { text } else { text + ".0" };
    }
    let mark = if exponent < 0 { "e" } else { before_exponent };
    format!("{digits}{mark}{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON: Style = Style { spaced: true, sorted: false, ascii: true, floats: Floats::Python };
    const RUST: Style = Style { spaced: false, sorted: true, ascii: false, floats: Floats::Zmij };

    #[test]
    fn styles_differ() {
        let value = Json::object([
            ("b", Json::text("é\"\u{1}\u{1F600}")),
            ("a", Json::List(vec![Json::Int(1), Json::Null])),
        ]);
        assert_eq!(PYTHON.text_of(&value), r#"{"b": "\u00e9\"\u0001\ud83d\ude00", "a": [1, null]}"#);
        assert_eq!(RUST.text_of(&value), "{\"a\":[1,null],\"b\":\"é\\\"\\u0001\u{1F600}\"}");
    }

    #[test]
    fn numbers_are_written_as_the_libraries_do() {
        let ryu = Style { floats: Floats::Ryu, ..RUST };
        let all = |value: f64| [PYTHON, RUST, ryu].map(|style| style.text_of(&Json::Float(value)));
        assert_eq!(all(1e-5), ["1e-05", "0.00001", "0.00001"]);
        assert_eq!(all(0.001), ["0.001", "0.001", "0.001"]);
        assert_eq!(all(100.0), ["100.0", "100.0", "100.0"]);
        assert_eq!(all(-0.0), ["-0.0", "-0.0", "-0.0"]);
        let big = 1_180_591_620_717_411_303_424.0;
        assert_eq!(all(big), ["1.1805916207174113e+21", "1.1805916207174113e+21", "1.1805916207174113e21"]);
    }
}
