//! Texts with places in them, as the grammars write errors: `{value:python} should be a non-negative integer`. Each
//! language has its own way to print a value into a message, and servers show it.

use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{json::Json, write};

/// A text with places.
#[derive(Clone, Debug)]
pub(crate) struct Words(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Plain(String),
    Place { name: String, form: Form },
}

/// How a value is printed.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Texts as they are, numbers in digits.
    Plain,
    /// Python's `str`.
    Python,
    /// Whole numbers with commas between thousands.
    Thousands,
    /// `Debug` of a `serde_json::Value`, or of a slice of them.
    Rust,
    /// An `s` unless the number is 1.
    Plural,
}

/// What is put into the places.
pub(crate) type Values<'a> = [(&'a str, &'a Json)];

impl Words {
    /// The text with its places filled. `{open}` and `{close}` are braces; any other place without value is empty.
    pub(crate) fn fill(&self, values: &Values<'_>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Plain(text) => out.push_str(text),
                Part::Place { name, form } => {
                    let value = values.iter().find(|(its, _)| its == name).map(|(_, value)| value);
                    match (name.as_str(), value) {
                        (_, Some(value)) => form.print(value, &mut out),
                        ("open", None) => out.push('{'),
                        ("close", None) => out.push('}'),
                        _ => {}
                    }
                }
            }
        }
        out
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut left = text;
        while let Some((plain, rest)) = left.split_once('{') {
            let (place, after) =
                rest.split_once('}').ok_or_else(|| format!("a place without end: {text}"))?;
            let (name, form) = place.split_once(':').unwrap_or((place, ""));
            let form = match form {
                "" => Form::Plain,
                "python" => Form::Python,
                "," => Form::Thousands,
                "rust" => Form::Rust,
                "s" => Form::Plural,
                _ => return Err(format!("no such form: {form}")),
            };
            parts.push(Part::Plain(plain.to_owned()));
            parts.push(Part::Place { name: name.to_owned(), form });
            left = after;
        }
        parts.push(Part::Plain(left.to_owned()));
        Ok(Self(parts))
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Form {
    fn print(self, value: &Json, out: &mut String) {
        match (self, value) {
            (Self::Plural, Json::Int(1)) => {}
            (Self::Plural, _) => out.push('s'),
            (Self::Thousands, Json::Int(number)) => out.push_str(&thousands(*number)),
            (Self::Rust, Json::List(items)) => rust_list(items, out),
            (Self::Rust, value) => rust(value, out),
            (_, Json::Text(text)) => out.push_str(text),
            (_, value) => python(value, out),
        }
    }
}

fn thousands(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Python's `repr`.
fn python(value: &Json, out: &mut String) {
    match value {
        Json::Null => out.push_str("None"),
        Json::Bool(value) => out.push_str(if *value { "True" } else { "False" }),
        Json::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Json::Float(value) if value.is_nan() => out.push_str("nan"),
        Json::Float(value) if value.is_infinite() => out.push_str(if *value > 0.0 { "inf" } else { "-inf" }),
        Json::Float(value) => out.push_str(&write::python(*value)),
        Json::Text(text) => python_text(text, out),
        Json::List(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                python(item, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                python_text(name, out);
                out.push_str(": ");
                python(value, out);
            }
            out.push('}');
        }
    }
}

fn python_text(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// `Debug` of `serde_json::Value`.
fn rust(value: &Json, out: &mut String) {
    let _ = match value {
        Json::Null => out.write_str("Null"),
        Json::Bool(value) => write!(out, "Bool({value})"),
        Json::Int(value) => write!(out, "Number({value})"),
        Json::Float(value) => write!(out, "Number({value:?})"),
        Json::Text(text) => write!(out, "String({text:?})"),
        Json::List(items) => {
            out.push_str("Array(");
            rust_list(items, out);
            out.write_char(')')
        }
        Json::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            out.push_str("Object({");
            for (place, (name, value)) in members.into_iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                let _ = write!(out, "{name:?}: ");
                rust(value, out);
            }
            out.write_str("})")
        }
    };
}

/// `Debug` of a slice of `serde_json::Value`.
fn rust_list(items: &[Json], out: &mut String) {
    out.push('[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        rust(item, out);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_printed_as_the_languages_do() {
        let list = Json::List(vec![Json::text("it's"), Json::Null, Json::Bool(true), Json::Float(1.5)]);
        let object = Json::object([("b", Json::Int(1)), ("a", Json::text("x"))]);
        let filled = |words: &str, value: &Json| Words::read(words).expect("words").fill(&[("v", value)]);
        assert_eq!(filled("<{v:python}>", &list), "<[\"it's\", None, True, 1.5]>");
        assert_eq!(filled("{v:python}", &object), "{'b': 1, 'a': 'x'}");
        assert_eq!(filled("{v:rust}", &object), r#"Object({"a": String("x"), "b": Number(1)})"#);
        assert_eq!(filled("{v:,} {v}", &Json::Int(-1_234_567)), "-1,234,567 -1234567");
        assert_eq!(filled("{v} argument{v:s}", &Json::Int(1)), "1 argument");
        assert_eq!(filled("{other}{v}", &Json::text("raw")), "raw");
        assert!(Words::read("{v").is_err() && Words::read("{v:nonsense}").is_err());
    }
}
