//! What strangers wrote, made fit for a terminal: bounded, and without control characters.

/// Longest name, in characters.
pub(super) const MAX_TEXT: usize = 200;

/// At most `max` characters of a text, control and direction-changing characters written as escapes.
pub(super) fn printable(text: &str, max: usize) -> String {
    let shown = text.chars().flat_map(|c| {
        let escaped = is_treacherous(c).then(|| c.escape_unicode());
        let plain = escaped.is_none().then_some(c);
        escaped.into_iter().flatten().chain(plain)
    });
    shown.take(max).collect()
}

/// The zero-width and direction-changing characters of Unicode's "Trojan Source" report, besides controls.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_cannot_command_a_terminal() {
        assert_eq!(printable("plain ünïcode", 200), "plain ünïcode");
        assert_eq!(printable("a\u{1b}[31m\n\u{202e}", 200), "a\\u{1b}[31m\\u{a}\\u{202e}");
        assert_eq!(printable(&"\n".repeat(1_000), 7), "\\u{a}\\u");
    }
}
